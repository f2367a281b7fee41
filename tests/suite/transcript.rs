//! What people read, as snapshots: help, lists, one release, one plugin, and a whole run. What differs from run
//! to run is masked.

use relhost_tests::program::Place;

/// Every command that has help of its own.
const COMMANDS: &[&str] = &[
    "",
    "init",
    "validate",
    "run",
    "resume",
    "serve",
    "release",
    "release list",
    "release get",
    "release watch",
    "release logs",
    "release journal",
    "release replay",
    "release promote",
    "release redeploy",
    "release cancel",
    "release retry",
    "release attest",
    "release abort",
    "approval",
    "approval list",
    "approval get",
    "approval approve",
    "approval reject",
    "approval reassign",
    "env",
    "env list",
    "env cleanup",
    "plugin",
    "plugin list",
    "plugin inspect",
    "schema",
    "doctor",
    "completion",
];

/// What differs from run to run.
const MASKS: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-24T14:00:00Z"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d UTC", "Tue 2026-11-24 14:00 UTC"),
    (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"/[^ ]*/\.relhost", "STATE"),
    (r"os-user:[^ \n]+", "os-user:me"),
    (r"\d+ KiB", "000 KiB"),
];

fn masked(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    MASKS.iter().for_each(|(pattern, mask)| settings.add_filter(pattern, *mask));
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(check);
}

#[test]
#[ignore = "needs the binary: cargo xtask test"]
fn help_of_every_command() {
    let place = Place::new();
    let mut all = String::new();
    let mut listed = Vec::new();
    for command in COMMANDS {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let help = place.run(&arguments).expect(0).stdout;
        let names =
            help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = names.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        listed.extend(names.map(|name| format!("{command} {name}").trim().to_owned()));
        examples_are_understood(&place, &help);
        // The global options are those of every command, so once is enough.
        let own = if command.is_empty() { help } else { without_globals(&help) };
        all.push_str(&format!("$ relhost {command} --help\n{own}\n\n"));
    }
    assert_eq!(
        listed.iter().find(|name| !COMMANDS.contains(&name.as_str())),
        None,
        "its help is looked at too"
    );
    masked(|| insta::assert_snapshot!("help", all));
}

fn without_globals(help: &str) -> String {
    let Some((own, globals)) = help.split_once("\nGlobal options:\n") else { return help.to_owned() };
    let after = globals.split_once("\n\n").map_or("", |(_, after)| after);
    format!("{}\n\n{after}", own.trim_end()).trim_end().to_owned()
}

/// Every command line that the help shows is one that the program takes: asked for help behind it, it complains of
/// whatever it does not know before.
fn examples_are_understood(place: &Place, help: &str) {
    for line in help.lines().filter_map(|line| line.strip_prefix("  relhost ")) {
        // A remark follows in its own column, and a redirection is the shell's.
        let line = line.split("  ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
        let quoted = line.split('\'').enumerate();
        let mut words: Vec<&str> = quoted
            .flat_map(|(index, part)| if index % 2 == 1 { vec![part] } else { part.split(' ').collect() })
            .filter(|word| !word.is_empty())
            .collect();
        words.push("--help");
        let _understood = place.run(&words).expect(0);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_run_from_its_start_to_its_end() {
    let place = Place::new();
    let init = place.run(&["init", "shop"]).expect(0);
    let mut said = format!("$ relhost init shop\n{}{}", init.stdout, init.stderr);
    place.edit("shop/relhost.yaml", "listen: 127.0.0.1:0\n", "");
    let config = ["--config", "shop/relhost.yaml"];
    let commands: [(&[&str], i32); 9] = [
        (&["validate", "shop/pipeline.yaml"], 0),
        (&["run", "shop/pipeline.yaml", "--rehearse"], 10),
        (&["approval", "list"], 0),
        (&["approval", "get", "apr-1"], 0),
        (&["approval", "approve", "apr-1", "--as", "bob", "--comment", "looks fine"], 0),
        (&["resume", "rel-1"], 0),
        (&["release", "list"], 0),
        (&["release", "get", "rel-1"], 0),
        (&["env", "list"], 0),
    ];
    for (command, exit) in commands {
        // `run` and `validate` find it beside the pipeline.
        let given: &[&str] = if command.contains(&"shop/pipeline.yaml") { &[] } else { &config };
        let ended = place.run(&[command, given].concat()).expect(exit);
        said.push_str(&format!(
            "\n$ relhost {}\n{}{}",
            [command, given].concat().join(" "),
            ended.stderr,
            ended.stdout
        ));
    }
    masked(|| insta::assert_snapshot!("run", said));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn plugins_say_what_they_are() {
    let place = Place::new();
    let list = place.run(&["plugin", "list"]).expect(0).stdout;
    let inspect = place.run(&["plugin", "inspect", "quorum"]).expect(0).stdout;
    // The interfaces of the standard library come and go with the compiler.
    let own: Vec<&str> = inspect.lines().filter(|line| !line.contains("wasi:")).collect();
    masked(|| insta::assert_snapshot!("plugins", format!("{list}\n{}\n", own.join("\n"))));
}
