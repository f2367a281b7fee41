use super::*;

fn code(text: &str) -> &'static str {
    let (_, problems) = parse(text, "f.yaml");
    problems.iter().next().map_or("", |problem| problem.code)
}

fn read(text: &str) -> Node {
    let (node, problems) = parse(text, "f.yaml");
    assert!(problems.is_empty(), "{problems}");
    node.unwrap()
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

fn indented(depth: usize) -> String {
    (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<String>()
        + &" ".repeat(depth)
        + "x"
}

#[test]
fn a_file_of_the_largest_size_is_read_and_one_byte_more_is_not() {
    let line = "# padding that counts like everything else\n";
    let mut text = "a: 1\n".to_owned() + &line.repeat(FILE_BYTES_MAX / line.len() + 1);
    text.truncate(FILE_BYTES_MAX);
    assert_eq!(code(&text), "");
    text.truncate(FILE_BYTES_MAX - 2);
    text.push_str("äb");
    let (node, problems) = parse(&text, "f.yaml");
    assert_eq!(node, None);
    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.code, "too-large");
    // The last place that is still within the limit, never inside of a letter.
    assert_eq!(problem.place.unwrap().offset, FILE_BYTES_MAX);
    assert!(problem.place.unwrap().line > 20_000);
}

#[test]
fn depth_is_bounded_in_both_styles() {
    for deep in [nested, indented] {
        assert_eq!(code(&deep(FILE_DEPTH_MAX)), "", "{}", deep(FILE_DEPTH_MAX));
        assert_eq!(code(&deep(FILE_DEPTH_MAX + 1)), "too-large");
    }
    // Neither recursion nor time grows with what is not read.
    assert_eq!(code(&"[".repeat(FILE_BYTES_MAX)), "too-large");
    assert_eq!(code(&"- ".repeat(FILE_BYTES_MAX / 2)), "too-large");
    assert_eq!(code(&"? ".repeat(FILE_BYTES_MAX / 2)), "too-large");
}

#[test]
fn the_number_of_values_is_bounded() {
    let list = |items: usize| "- 1\n".repeat(items);
    assert_eq!(code(&list(FILE_NODES_MAX - 1)), "");
    assert_eq!(code(&list(FILE_NODES_MAX)), "too-large");
    let map = |entries: usize| (0..entries).map(|n| format!("k{n}: 1\n")).collect::<String>();
    assert_eq!(code(&map(FILE_NODES_MAX / 2 - 1)), "");
    assert_eq!(code(&map(FILE_NODES_MAX / 2 + 1)), "too-large");
}

#[test]
fn aliases_are_bounded_by_number_and_by_what_they_stand_for() {
    let uses = |count: usize| "- &a 1\n".to_owned() + &"- *a\n".repeat(count);
    assert_eq!(code(&uses(FILE_ALIASES_MAX)), "");
    assert_eq!(code(&uses(FILE_ALIASES_MAX + 1)), "too-large");
    let anchors = |count: usize| (0..count).map(|n| format!("- &a{n} 1\n")).collect::<String>();
    assert_eq!(code(&anchors(FILE_ALIASES_MAX)), "");
    assert_eq!(code(&anchors(FILE_ALIASES_MAX + 1)), "too-large");
    // Few aliases, each for ten of the ones before it.
    let laughs: String =
        (1..9).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
    assert_eq!(code(&format!("a0: &a0 lol\n{laughs}")), "too-large");
    let large = format!("a: &a [{}]\nb: [{}]\n", ["1"; 5000].join(","), ["*a"; 10].join(","));
    assert_eq!(code(&large), "too-large");
    assert_eq!(code("a: &a [*a]"), "unknown-anchor");
    assert_eq!(code("a: *a"), "unknown-anchor");
}

#[test]
fn there_is_one_document() {
    assert_eq!(code("a: 1\n---\nb: 1\n"), "second-document");
    assert_eq!(code("---\na: 1\n...\n"), "");
    assert_eq!(code("a: 1\n---\n"), "second-document");
    assert_eq!(code(&"--- 1\n".repeat(100_000)), "second-document");
}

#[test]
fn every_refusal_of_the_parser_has_a_place_and_a_help() {
    let texts = [
        nested(40),
        indented(40),
        "- 1\n".repeat(FILE_NODES_MAX),
        "a: *b".into(),
        "a: 1\n---\nb: 2".into(),
        "a: [".into(),
        "a: b: c".into(),
        "a:\n\tb: 1".into(),
        "a: !x 1".into(),
        "a: \"".into(),
        "a: @x".into(),
        "a: 1\na: 2".into(),
        "<<: { a: 1 }".into(),
        "[a]: 1".into(),
        "? { a: 1 }\n: 1".into(),
        "%".into(),
        "a: \u{0}".into(),
        "a: 'x\n  b: 1".into(),
        "a: |9\n  x".into(),
        "}".into(),
        "a:\n  - 1\n b: 2".into(),
        " ".repeat(FILE_BYTES_MAX + 1),
    ];
    for text in texts {
        let (_, problems) = parse(&text, "f.yaml");
        let start: String = text.chars().take(40).collect();
        assert!(problems.has_errors(), "{start:?} is read");
        for problem in &problems {
            assert!(problem.help.is_some(), "{start:?}: {}", problem.message);
            assert!(problem.place.is_some(), "{start:?}: {}", problem.message);
        }
        let rendered = problems.render();
        assert!(rendered.starts_with("f.yaml:"), "{rendered}");
        assert!(!rendered.contains(|c: char| c.is_control() && c != '\n'), "{rendered:?}");
    }
}

#[test]
fn scalars_keep_what_is_written() {
    let node =
        read("{ a: 1.10, b: 0123, c: 1_000, d: yes, e: 'true', f: true, g: 12e4567, h: ~, i: , j: 0x1F }");
    let item = Item::root(&node);
    let shown: Vec<(String, &str)> = item
        .entries()
        .iter()
        .map(|(_, item)| (item.scalar().map(|text| text.value).unwrap_or_default(), item.node.kind()))
        .collect();
    let expected = [
        ("1.10", "a number"),
        ("0123", "text"),
        ("1_000", "text"),
        ("yes", "text"),
        ("true", "text"),
        ("true", "a boolean"),
        ("12e4567", "a number"),
        ("", "nothing"),
        ("", "nothing"),
        ("0x1F", "a number"),
    ];
    assert_eq!(shown, expected.map(|(text, kind)| (text.to_owned(), kind)));
}

#[test]
fn places_count_characters_and_offsets_count_bytes() {
    let text = "# ä\r\nname: \"ö\" # x\r\nnext: [ ü, here ]\r\n";
    let node = read(text);
    let next = Item::root(&node).get("next").unwrap();
    let here = next.list()[1].text().unwrap();
    assert_eq!((here.place.line, here.place.column), (3, 12));
    assert_eq!(&text[here.place.offset..here.place.offset + here.place.len], "here");
    assert_eq!(here.path, "next[1]");
}

#[test]
fn a_merge_patch_changes_removes_and_replaces() {
    let base = read("{ a: 1, b: { c: 2, d: 3 }, e: [1, 2], f: x }");
    let merged = base.merged(&read("{ a: null, b: { d: 4, g: { h: null, i: 5 } }, e: [3], f: { j: 6 } }"));
    let json = merged.to_json("", &mut Problems::new("f", ""));
    let expected = serde_json::json!({ "b": { "c": 2, "d": 4, "g": { "i": 5 } }, "e": [3], "f": { "j": 6 } });
    assert_eq!(json, expected);
}

#[test]
fn what_is_hidden_is_gone_and_nothing_moves() {
    let text = "a: geheim-ß\nb: 1\n";
    let mut problems = Problems::new("f", text);
    let node = read(text);
    problems.hide(Item::root(&node).get("a").unwrap().node.place);
    assert_eq!(problems.source_text().unwrap(), "a: *********\nb: 1\n");
    assert_eq!(problems.source_text().unwrap().len(), text.len());
}

#[test]
fn a_file_that_is_wrong_everywhere_does_not_fill_the_terminal() {
    let mut problems = Problems::new("f", "x\u{1b}[31m".repeat(1000));
    for column in 1..=PROBLEMS_SHOWN + 7 {
        let place = Place { line: 1, column, offset: column - 1, len: 1 };
        problems.push(Problem::error("x", Some(place), "", "wrong \u{1b}[2J").help("\u{7}right"));
    }
    let rendered = problems.render();
    assert_eq!(rendered.matches("error:").count(), PROBLEMS_SHOWN);
    assert!(rendered.ends_with("... and 7 more\n"));
    assert!(rendered.lines().all(|line| line.chars().count() < 140), "{rendered}");
    assert!(!rendered.contains(['\u{1b}', '\u{7}']));
}

mod manifests {
    use serde_json::json;

    use super::super::*;

    fn budget() -> ManifestBudget {
        ManifestBudget { bytes: 200, documents: 3, nodes: 20, depth: 5, show_source: true }
    }

    fn code(text: &str) -> &'static str {
        documents(text, &budget()).err().map_or("", |problems| problems.iter().next().unwrap().code)
    }

    #[test]
    fn each_budget_is_held() {
        assert_eq!(code("a: 1\n---\nb: 1\n---\nc: 1\n"), "");
        assert_eq!(code("a: 1\n---\nb: 1\n---\nc: 1\n---\nd: 1\n"), "too-large");
        assert_eq!(code(&"#".repeat(200)), "");
        assert_eq!(code(&"#".repeat(201)), "too-large");
        assert_eq!(code(&super::nested(5)), "");
        assert_eq!(code(&super::nested(6)), "too-large");
        assert_eq!(code(&"- 1\n".repeat(19)), "");
        assert_eq!(code(&"- 1\n".repeat(20)), "too-large");
        let laughs = "a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n";
        assert_eq!(code(laughs), "too-large");
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        let text = "{ a: yes, b: 0644, c: 1e3, d: '0644', e: 2.0, f: 1.5, g: off }\n---\n---\n# nothing\n";
        let read = documents(text, &ManifestBudget::default()).unwrap();
        assert_eq!(
            read,
            [json!({ "a": true, "b": 420, "c": 1000, "d": "0644", "e": 2, "f": 1.5, "g": false })]
        );
    }

    #[test]
    fn what_may_hold_a_secret_is_never_quoted() {
        let quiet = ManifestBudget { show_source: false, ..ManifestBudget::default() };
        for text in [
            "hunter2: 1\nhunter2: 2\n",
            "data: { a: hunter2 \n",
            "data: hunter2: x\n",
            "a: .inf # hunter2\n",
            "a: *hunter2\n",
            "a: !hunter2 x: y\n",
        ] {
            let problems = documents(text, &quiet).unwrap_err();
            let shown = format!("{problems} {problems:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(problems.iter().all(|problem| problem.place.is_some()), "{shown}");
        }
    }
}

#[test]
fn a_carriage_return_alone_is_refused_where_it_stands() {
    let (node, problems) = parse("a: 1\r\nb: x\ry\n", "p.yaml");
    assert!(node.is_none());
    let problem = problems.iter().next().unwrap();
    assert_eq!(
        (problem.code, problem.place.unwrap().line, problem.place.unwrap().column),
        ("line-break", 2, 5)
    );
    assert!(parse("a: 1\r\nb: \"x\\ry\"\r\n", "p.yaml").0.is_some());
}

#[test]
fn a_problem_of_a_manifest_with_carriage_returns_lies_in_a_line_that_is_there() {
    let text = "a: 1\r\r\r\r\rb: [\n";
    let problems = documents(text, &ManifestBudget::default()).unwrap_err();
    let place = problems.iter().next().unwrap().place.unwrap();
    assert!(place.line <= 2 && place.offset <= text.len(), "{place:?}");
}
