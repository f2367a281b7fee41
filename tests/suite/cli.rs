//! What people see on the command line: help, messages, exit codes.

use std::time::Duration;

use relhost_tests::program::Place;

/// A command that only reads, on a busy machine.
const BOUND: Duration = Duration::from_secs(180);

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_init_writes_runs_as_it_is() {
    let place = Place::new();
    place.run(&["init", "shop"]).expect(0);
    place.run(&["validate", "shop/pipeline.yaml"]).expect(0);
    let again = place.run(&["init", "shop"]).expect(7);
    assert!(again.stderr.contains("nothing was written"), "{}", again.stderr);
    // Nobody can be reached without a terminal and without a page: it says how to go on.
    place.edit("shop/relhost.yaml", "listen: 127.0.0.1:0\n", "");
    let run = place.run(&["run", "shop/pipeline.yaml", "--rehearse"]).expect(10);
    assert!(run.stderr.contains("go on with: relhost resume rel-1"), "{}", run.stderr);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_wrong_file_is_shown_with_its_place_and_changes_nothing() {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place.edit("pipeline.yaml", "environment: dev", "enviroment: dev");
    let run = place.run(&["run", "pipeline.yaml", "--rehearse"]).expect(2);
    assert!(run.stderr.contains("pipeline.yaml:21:5: error: unknown key"), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `environment`?"), "{}", run.stderr);
    assert!(!place.path().join(".relhost/relhost.db").exists());
}

#[test]
#[ignore = "needs the binary: cargo xtask test"]
fn what_is_not_there_is_said() {
    let place = Place::new();
    let run = place.run(&["run", "missing.yaml", "--rehearse"]).expect(2);
    assert!(run.stderr.contains("missing.yaml") && run.stderr.contains("help:"), "{}", run.stderr);
    let list = place.run(&["release", "list"]).expect(2);
    assert!(list.stderr.contains("there is no state"), "{}", list.stderr);
    place.run(&["no-such-command"]).expect(2);
    let json = place.run(&["release", "list", "-o", "json"]).expect(2);
    let error: serde_json::Value = serde_json::from_str(json.stderr.trim()).expect("one object on stderr");
    assert_eq!(error["error"]["code"], "no-state");
}

#[test]
#[ignore = "needs the binary: cargo xtask test"]
fn schemas_and_completions_are_printed() {
    let place = Place::new();
    for of in ["pipeline", "config"] {
        assert!(
            place.run(&["schema", of]).expect(0).json()["$schema"]
                .as_str()
                .is_some_and(|s| s.contains("draft-07"))
        );
    }
    assert!(place.run(&["completion", "bash"]).expect(0).stdout.contains("relhost"));
    assert!(place.run(&["--help"]).expect(0).stdout.contains("Exit codes"));
}

/// A short command has the state folder for a moment: the next one waits for it instead of giving up.
#[test]
#[ignore = "needs components: cargo xtask test"]
fn commands_at_the_same_time_do_not_shut_each_other_out() {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place.run(&["run", "pipeline.yaml", "--rehearse", "--detach"]).expect(0);
    let all: Vec<_> = (0..8).map(|_| place.start(&["release", "list"], &[])).collect();
    for one in all {
        assert!(one.end(BOUND).expect(0).stdout.contains("rel-1"));
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_owner_that_does_not_answer_is_named() {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place.run(&["run", "pipeline.yaml", "--rehearse", "--detach"]).expect(0);
    let _held = relhost_store::StateFolder::acquire(&place.path().join(".relhost")).expect("nobody has it");
    let refused = place.run(&["release", "list"]).expect(7);
    let process = format!("process {} ", std::process::id());
    assert!(refused.stderr.contains(&process), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not answer"), "{}", refused.stderr);
}
