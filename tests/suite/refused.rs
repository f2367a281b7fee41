//! Everything that is refused: wrong files, artifacts, components, votes and commands. Each says the place, the
//! reason and what to do, ends with its exit code, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use relhost_tests::program::Place;
use relhost_tests::workspace::component;

/// A change of a file that `init` wrote: the file, what stands there, what comes in its place.
type Edit = (&'static str, &'static str, &'static str);

/// What is wrong, and what is said about it.
struct Case {
    edits: &'static [Edit],
    arguments: &'static [&'static str],
    exit: i32,
    says: &'static [&'static str],
}

const RUN: &[&str] = &["run", "pipeline.yaml", "--rehearse", "--no-input"];
const STAGE: &str = "    environment: dev\n";

/// A wrong pipeline file: the place is file, line and column.
const PIPELINES: &[Case] = &[
    Case {
        edits: &[("pipeline.yaml", STAGE, "    enviroment: dev\n")],
        arguments: RUN,
        exit: 2,
        says: &[
            "pipeline.yaml:21:5: error: unknown key `enviroment`",
            " 21 |     enviroment: dev\n",
            "    |     ^^^^^^^^^^\n",
            "help: did you mean `environment`?",
        ],
    },
    Case {
        edits: &[("pipeline.yaml", "pipeline: shop\n", "")],
        arguments: RUN,
        exit: 2,
        says: &["needs the key `pipeline`", "help: "],
    },
    Case {
        edits: &[("pipeline.yaml", STAGE, "\tenvironment: dev\n")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:20:", "tab"],
    },
    Case {
        edits: &[("pipeline.yaml", "  image: registry.example/shop\n", "  - image\n")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:13:3: error: expected a map, found a list"],
    },
    Case {
        edits: &[("pipeline.yaml", "  - name: Prod\n", "  - name: Dev\n")],
        arguments: RUN,
        exit: 2,
        says: &["there are two stages `Dev`; the first is in line 20"],
    },
    Case {
        edits: &[("pipeline.yaml", "clone: Dev", "clone: Dve")],
        arguments: RUN,
        exit: 2,
        says: &["there is no stage `Dve` to clone", "did you mean `Dev`?"],
    },
    Case {
        edits: &[("pipeline.yaml", "after: [Dev]", "after: [Prod]")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:31:12: error: stages wait for each other: Prod -> Prod", "help: "],
    },
    Case {
        edits: &[("pipeline.yaml", "uses: rolling-deploy", "uses: roling-deploy")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:23:11: error: ", "`roling-deploy`", "did you mean `rolling-deploy`?"],
    },
    Case {
        edits: &[("pipeline.yaml", "policy: any-one\n", "policy: any-two\n")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:34:17: error: ", "`any-two`", "help: "],
    },
    Case {
        edits: &[("pipeline.yaml", "policy: any-one\n", "policy: any-one\n        timeout: 400d\n")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:35:18: error: an approval waits at most 365d, not 400d"],
    },
    Case {
        edits: &[("pipeline.yaml", "$(Build.SourceVersion)", "$(Build.SourceVersoin)")],
        arguments: RUN,
        exit: 2,
        says: &["stage `Dev`", "`Build.SourceVersoin` is not defined", "did you mean `Build.SourceVersion`?"],
    },
    Case {
        edits: &[("pipeline.yaml", "$(image)", "$(imgae)")],
        arguments: RUN,
        exit: 2,
        says: &["pipeline.yaml:26:", "`imgae` is not defined", "did you mean `image`?"],
    },
    Case {
        edits: &[("pipeline.yaml", "bundled: rolling-deploy", "bundled: rolling-deplo")],
        arguments: RUN,
        exit: 2,
        says: &["no bundled plugin `rolling-deplo`", "help: bundled are: "],
    },
    Case {
        edits: &[("pipeline.yaml", "{ bundled: rolling-deploy }", "{ path: nope.wasm }")],
        arguments: RUN,
        exit: 2,
        says: &["nope.wasm: No such file", "help: build it: "],
    },
    Case {
        edits: &[("pipeline.yaml", "{ bundled: rolling-deploy }", "{ path: pipeline.yaml }")],
        arguments: RUN,
        exit: 2,
        says: &["plugin `rolling-deploy`", "is not WebAssembly"],
    },
    Case {
        edits: &[("pipeline.yaml", "uses: rolling-deploy", "uses: any-one")],
        arguments: RUN,
        exit: 2,
        says: &["stage `Dev`", "is a policy plugin and a stage plugin is needed here"],
    },
    Case {
        edits: &[("pipeline.yaml", "manifests: [manifests]", "manifest: [manifests]")],
        arguments: RUN,
        exit: 2,
        says: &[
            "stage `Dev`: wrong settings for the plugin `rolling-deploy`",
            "with: `manifests` is missing",
            "with.manifest: there is no such setting; did you mean `manifests`?",
            "help: `relhost plugin inspect rolling-deploy`",
        ],
    },
    Case {
        edits: &[("pipeline.yaml", "manifests: [manifests]", "manifests: manifests")],
        arguments: RUN,
        exit: 2,
        says: &["with.manifests: expected a list, found a text"],
    },
    Case {
        edits: &[("pipeline.yaml", "group:leads", "group:leeds")],
        arguments: RUN,
        exit: 2,
        says: &["stage `Prod`: there is no group `leeds`; did you mean `leads`?"],
    },
];

/// A wrong configuration.
const CONFIGURATIONS: &[Case] = &[
    Case {
        edits: &[("relhost.yaml", "  dev: { namespace", "  dve: { namespace")],
        arguments: RUN,
        exit: 2,
        says: &["stage `Dev`: there is no environment `dev`; did you mean `dve`?"],
    },
    Case {
        edits: &[("relhost.yaml", "approvals-min: 1", "approval-min: 1")],
        arguments: RUN,
        exit: 2,
        says: &["relhost.yaml:", "error: unknown key `approval-min`", "did you mean `approvals-min`?"],
    },
    Case {
        edits: &[("relhost.yaml", "127.0.0.1:0", "127.0.0.1:x")],
        arguments: RUN,
        exit: 2,
        says: &["relhost.yaml:12:9: error: `127.0.0.1:x` is not an address with a port", "help: "],
    },
    Case {
        edits: &[("relhost.yaml", "ann@example.com", "annexample.com")],
        arguments: RUN,
        exit: 2,
        says: &["relhost.yaml:15:16: error: `annexample.com` is not a mail address", "help: "],
    },
    Case {
        edits: &[("relhost.yaml", "leads: [ann, bob]", "leads: [ann, bib]")],
        arguments: RUN,
        exit: 2,
        says: &["relhost.yaml:18:16: error: there is no person `bib`", "did you mean `bob`?"],
    },
    Case {
        edits: &[("relhost.yaml", "      create-secret: { names: [\"*-secret\"] }\n", "")],
        arguments: RUN,
        exit: 8,
        says: &[
            "plugin `rolling-deploy` is not granted `create-secret`",
            "grants:",
            "allow: { create-secret: {} }",
        ],
    },
    Case {
        edits: &[("relhost.yaml", "approvals-min: 1", "approvals-min: 1, policies: nowhere")],
        arguments: RUN,
        exit: 2,
        says: &["a policy that an environment demands: plugin `nowhere`", "no bundled plugin `nowhere`"],
    },
    Case {
        edits: &[("relhost.yaml", "outbox: outbox", "smtp: { host: m, port: 25, password: geheim }")],
        arguments: RUN,
        exit: 2,
        says: &["relhost.yaml:"],
    },
];

/// Wrong artifacts, and what is written on the command line.
const COMMANDS: &[Case] = &[
    Case {
        edits: &[],
        arguments: &["run", "nope.yaml", "--rehearse"],
        exit: 2,
        says: &["nope.yaml", "help: "],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--artifact", "nope"],
        exit: 2,
        says: &["artifact `shop`", "nope: No such file", "help: "],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--artifact", "shpo=build-output"],
        exit: 2,
        says: &["no artifact `shpo`", "its artifacts are: shop"],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--artifact", "pipeline.yaml"],
        exit: 2,
        says: &["artifact `shop`"],
    },
    Case {
        edits: &[("build-output/build.yaml", "branch: main", "brunch: main")],
        arguments: RUN,
        exit: 2,
        says: &["build.yaml:", "`brunch`", "did you mean `branch`?"],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--to", "Pord"],
        exit: 2,
        says: &["no such stage", "its stages are: Dev, Prod"],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--var", "image"],
        exit: 2,
        says: &["`--var image` has no value", "help: write `--var NAME=VALUE`"],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--plugins", "nope"],
        exit: 2,
        says: &["plugin set", "nope"],
    },
    Case {
        edits: &[],
        arguments: &["run", "pipeline.yaml", "--rehearse", "--listen", "somewhere"],
        exit: 2,
        says: &["listen on `somewhere`", "help: "],
    },
    Case { edits: &[], arguments: &["release", "list"], exit: 2, says: &["there is no state in", "help: "] },
    Case { edits: &[], arguments: &["resume"], exit: 2, says: &["there is no state in", "help: "] },
    Case { edits: &[], arguments: &["approval", "approve", "7"], exit: 2, says: &["apr-7"] },
    Case {
        edits: &[],
        arguments: &["plugin", "inspect", "nope"],
        exit: 2,
        says: &["no file `nope`", "bundled are"],
    },
    Case { edits: &[], arguments: &["init", "."], exit: 7, says: &["nothing was written", "help: "] },
    Case { edits: &[], arguments: &["--config", "nope.yaml", "doctor", "-q"], exit: 2, says: &[] },
];

fn place(case: &Case) -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    for (file, from, to) in case.edits {
        place.edit(file, from, to);
    }
    place
}

/// Every file below a folder with its content.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        found.insert(folder.display().to_string(), Vec::new());
        for entry in std::fs::read_dir(&folder).expect("read a folder") {
            let path = entry.expect("read a folder").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.display().to_string(), std::fs::read(&path).expect("read a file"));
            }
        }
    }
    found
}

#[track_caller]
fn refuse(place: &Place, arguments: &[&str], exit: i32, says: &[&str]) {
    let before = everything(place.path());
    let ended = place.run(arguments).expect(exit);
    for text in says {
        assert!(ended.stderr.contains(text), "{arguments:?} does not say {text:?}:\n{}", ended.stderr);
    }
    let after = everything(place.path());
    let left: Vec<&String> =
        after.iter().filter(|(name, text)| before.get(*name) != Some(*text)).map(|(n, _)| n).collect();
    assert!(left.is_empty() && before.len() == after.len(), "{arguments:?} left {left:?}");
}

fn refuse_all(cases: &[Case]) {
    for case in cases {
        refuse(&place(case), case.arguments, case.exit, case.says);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn wrong_pipelines() {
    refuse_all(PIPELINES);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn wrong_configurations() {
    refuse_all(CONFIGURATIONS);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn wrong_artifacts_and_commands() {
    refuse_all(COMMANDS);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn files_that_are_no_text_or_too_much() {
    let case = Case { edits: &[], arguments: RUN, exit: 2, says: &[] };
    let table: [(Vec<u8>, &str); 5] = [
        (vec![0xff, 0xfe, 0], "not UTF-8"),
        (vec![b'#'; 2 * 1024 * 1024], "at most 1048576 are read"),
        (Vec::new(), "pipeline"),
        (format!("pipeline: {}x{}", "[".repeat(5000), "]".repeat(5000)).into_bytes(), "pipeline.yaml:"),
        (bomb().into_bytes(), "pipeline.yaml:"),
    ];
    for (bytes, says) in table {
        let place = place(&case);
        std::fs::write(place.path().join("pipeline.yaml"), bytes).expect("write the file");
        refuse(&place, RUN, 2, &[says]);
    }
}

/// Aliases that would grow to billions of nodes.
fn bomb() -> String {
    let mut text = "pipeline: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (of, name) in ["a", "b", "c", "d", "e", "f", "g", "h", "i"].windows(2).map(|pair| (pair[0], pair[1]))
    {
        text.push_str(&format!("k{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(", ")));
    }
    text
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn components_that_are_none_or_want_too_much() {
    let whole = std::fs::read(component("guests", "five-steps")).expect("the guest");
    let files = std::fs::read(component("guests", "wants-files")).expect("the guest");
    let sockets = std::fs::read(component("guests", "wants-sockets")).expect("the guest");
    let table: [(Vec<u8>, &str); 6] = [
        (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
        (whole[..whole.len() / 2].to_vec(), "cut off"),
        (b"(component)".to_vec(), "WebAssembly text"),
        (b"\x7fELF\x02\x01\x01\0".to_vec(), "not WebAssembly"),
        (files, "`std::fs`"),
        (sockets, "wasi:sockets"),
    ];
    for (bytes, says) in table {
        let case = Case {
            edits: &[("pipeline.yaml", "{ bundled: rolling-deploy }", "{ path: mine.wasm }")],
            arguments: RUN,
            exit: 2,
            says: &[],
        };
        let place = place(&case);
        std::fs::write(place.path().join("mine.wasm"), bytes).expect("write the component");
        refuse(&place, RUN, 2, &["rolling-deploy", says]);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn archives_that_reach_out_of_their_folder() {
    let place = place(&Case { edits: &[], arguments: RUN, exit: 2, says: &[] });
    let tar = std::process::Command::new("tar")
        .args(["--absolute-names", "--transform=s,^,../,", "-cf", "evil.tar", "pipeline.yaml"])
        .current_dir(place.path())
        .status();
    assert!(tar.is_ok_and(|status| status.success()), "make an archive");
    let run = ["run", "pipeline.yaml", "--rehearse", "--artifact", "evil.tar"];
    refuse(&place, &run, 2, &["artifact `shop`", "../pipeline.yaml"]);
    std::os::unix::fs::symlink("/etc", place.path().join("build-output/link")).expect("make a link");
    let ended = place.run(RUN).expect(2);
    assert!(ended.stderr.contains("link"), "{}", ended.stderr);
    assert!(!place.path().join(".relhost/relhost.db").exists());
}

/// What an approval and its release look like.
fn state(place: &Place) -> (serde_json::Value, serde_json::Value) {
    let approval = place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    let release = place.run(&["release", "get", "rel-1", "-o", "json"]).expect(0).json();
    (approval, release["events"].clone())
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn votes_that_do_not_count() {
    let case = Case {
        edits: &[
            ("relhost.yaml", "listen: 127.0.0.1:0\n", ""),
            ("relhost.yaml", "people:\n", "people:\n  carol: {}\n"),
        ],
        arguments: RUN,
        exit: 10,
        says: &[],
    };
    let place = place(&case);
    place.run(RUN).expect(10);
    let before = state(&place);
    let long = "x".repeat(5000);
    let other = format!("sha256:{}", "0".repeat(64));
    let table: [(&[&str], i32, &[&str]); 9] = [
        (&["approval", "approve", "apr-1"], 4, &["is no person of the configuration", "`--as PERSON`"]),
        (&["approval", "approve", "apr-1", "--as", "zoe"], 2, &["knows no person `zoe`"]),
        (&["approval", "approve", "apr-1", "--as", "carol"], 4, &["carol is not asked; asked are ann, bob"]),
        (&["approval", "approve", "apr-9", "--as", "ann"], 2, &["no approval apr-9", "help: "]),
        (
            &["approval", "approve", "apr-1", "--as", "ann", "--content", &other],
            7,
            &["what you saw is not what is asked"],
        ),
        (
            &["approval", "approve", "apr-1", "--as", "ann", "--comment", &long],
            2,
            &["more than 4000 characters"],
        ),
        (&["approval", "reassign", "apr-1", "--to", "dave", "--as", "ann"], 2, &["dave"]),
        (
            &["release", "promote", "rel-1", "--stage", "Nope"],
            2,
            &["no stage `Nope`", "its stages are: Dev, Prod"],
        ),
        (&["release", "retry", "rel-1"], 7, &["no stage of Release-1 can be retried"]),
    ];
    for (arguments, exit, says) in table {
        let ended = place.run(arguments).expect(exit);
        for text in says {
            assert!(ended.stderr.contains(text), "{arguments:?} does not say {text:?}:\n{}", ended.stderr);
        }
        assert_eq!(state(&place), before, "{arguments:?} changed something");
    }
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    let twice = place.run(&["approval", "reject", "apr-1", "--as", "bob"]).expect(7);
    assert!(twice.stderr.contains("it is approved since"), "{}", twice.stderr);
}
