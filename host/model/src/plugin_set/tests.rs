use super::*;

#[test]
fn components_are_named_and_their_paths_start_at_the_file() {
    let text = "plugins: { any-one: { path: mine/any-one.wasm }, deploy: { bundled: rolling-deploy } }";
    let set = read(text, "sets/mine.yaml").unwrap();
    let shown: Vec<(&str, &PluginSource)> =
        set.iter().map(|(name, source)| (name.as_str(), source)).collect();
    let path = PluginSource::Path("sets/mine/any-one.wasm".into());
    let bundled = PluginSource::Bundled("rolling-deploy".into());
    assert_eq!(shown, [("any-one", &path), ("deploy", &bundled)]);
}

#[test]
fn what_is_wrong_has_its_place_and_its_help() {
    let text = "plugin: {}\nplugins:\n  'a/b': { path: '' }\n  both: { path: a, bundled: b }\n  none: {}\n  text: x\n";
    let problems = read(text, "set.yaml").unwrap_err();
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = problem.place.unwrap();
            assert!(problem.help.is_some(), "{}", problem.message);
            format!("{}:{} {}", place.line, place.column, problem.code)
        })
        .collect();
    let expected = [
        "1:1 unknown-key",
        "3:3 invalid-value",
        "3:18 invalid-value",
        "4:9 one-of",
        "5:9 one-of",
        "6:9 wrong-kind",
    ];
    assert_eq!(shown, expected);
    for text in ["", "[]", "plugins:"] {
        assert!(read(text, "set.yaml").is_err(), "{text:?}");
    }
}
