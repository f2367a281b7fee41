//! The real binary is killed at labelled points and resumed. Everything happens, and the result is that of
//! an uninterrupted run.

use std::ffi::OsStr;
use std::time::Duration;

use relhost_tests::program::{Place, kill_binary};
use serde_json::Value;

/// A resumed release of one stage with an approval.
const RESUME: Duration = Duration::from_secs(180);

/// Where to die, how often the point is passed first, and whether it is before anything is durable.
const POINTS: &[(&str, u32)] = &[
    ("store.before-commit", 2),
    ("store.before-commit", 3),
    ("store.in-transaction", 2),
    ("store.after-commit", 2),
    ("store.after-commit", 3),
    ("runner.after-claim", 1),
    ("session.before-intent", 1),
    ("session.before-intent", 2),
    ("session.after-intent", 1),
    ("session.after-intent", 2),
    ("session.after-effect", 1),
    ("session.after-effect", 2),
    ("runner.before-complete", 1),
    ("runner.after-complete", 1),
];

fn place() -> Place {
    let place = Place::with(kill_binary());
    place.run(&["init", "."]).expect(0);
    // Without a page a run that waits for people ends; the tests that need one say so themselves.
    let config = std::fs::read_to_string(place.path().join("relhost.yaml")).expect("it was written");
    place.write("relhost.yaml", &config.replace("listen: 127.0.0.1:0\n", ""));
    place
}

const RUN: [&str; 5] = ["run", "pipeline.yaml", "--rehearse", "--key", "one"];

/// Runs to the approval of Prod, approves, and goes on to the end. Returns what counts of the result.
fn finish(place: &Place) -> Value {
    let listen = ["--listen", "127.0.0.1:0"];
    let mut resume = place.start(&[&RUN[..], &listen].concat(), &[]);
    resume.wait_for("apr-");
    let open = place.run(&["approval", "list", "-o", "json"]).expect(0).json();
    let id = open[0]["id"].as_str().expect("an open approval").to_owned();
    let person = open[0]["asked"][0].as_str().expect("somebody who is asked").to_owned();
    place.run(&["approval", "approve", &id, "--as", &person]).expect(0);
    resume.end(RESUME).expect(0);
    result(place)
}

/// What must be the same however often the host was killed: stages, outputs, objects, calls with their keys.
fn result(place: &Place) -> Value {
    let release = place.run(&["release", "get", "latest", "-o", "json"]).expect(0).json();
    let events = release["events"].as_array().expect("events").iter();
    let finished: Vec<Value> = events
        .filter(|event| event["event"] == "run-finished")
        .map(|event| serde_json::json!([event["status"], event["summary"], event["outputs"]]))
        .collect();
    let journal = place.run(&["release", "journal", "latest", "-o", "json"]).expect(0).json();
    let runs = journal.as_array().expect("runs").iter();
    let calls: Vec<Value> = runs
        .flat_map(|run| run["frames"].as_array().cloned().unwrap_or_default())
        .flat_map(|frame| frame[2].as_array().cloned().unwrap_or_default())
        .filter(|record| record["record"] == "intent")
        .map(|record| {
            // `wait` names the apply by its effect key, which is another one in another run.
            let comparable = record["operation"] != "relhost:deploy/deploy@0#wait";
            let fingerprint = comparable.then(|| record["fingerprint"].clone());
            serde_json::json!([record["ordinal"], record["operation"], fingerprint])
        })
        .collect();
    place.run(&["release", "replay", "latest"]).expect(0);
    serde_json::json!({ "finished": finished, "calls": calls })
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_killed_release_goes_on_where_it_was() {
    let uninterrupted = finish(&place());
    for (label, occurrence) in POINTS {
        let place = place();
        let target = format!("{label}:{occurrence}");
        let killed = place.start(&RUN, &[("RELHOST_KILL", OsStr::new(&target))]).end(RESUME);
        assert_eq!(killed.code, None, "{target} was not reached\n{}", killed.stderr);
        assert_eq!(finish(&place), uninterrupted, "after {target}");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_release_killed_while_it_waits_loses_nothing() {
    let uninterrupted = finish(&place());
    let place = place();
    let mut waiting = place.start(&[&RUN[..], &["--listen", "127.0.0.1:0"]].concat(), &[]);
    waiting.wait_for("apr-");
    waiting.kill();
    assert_eq!(finish(&place), uninterrupted);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_vote_counts_whole_or_not_at_all() {
    for label in ["approval.before-close", "approval.after-close"] {
        let place = place();
        let _waits = place.run(&[&RUN[..], &["--no-input"]].concat());
        let approve = ["approval", "approve", "apr-1", "--as", "ann"];
        let target = format!("{label}:1");
        let voted = place.start(&approve, &[("RELHOST_KILL", OsStr::new(&target))]).end(RESUME);
        assert_eq!(voted.code, None, "{target} was not reached\n{}", voted.stderr);
        let row = place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
        let (votes, closed) = (row["votes"].as_array().map_or(0, Vec::len), !row["decision"].is_null());
        assert_eq!(
            (votes == 1, closed),
            (label.ends_with("after-close"), label.ends_with("after-close")),
            "{row}"
        );
        if !closed {
            place.run(&approve).expect(0);
        }
        place.run(&["run", "pipeline.yaml", "--rehearse", "--key", "one", "--no-input"]).expect(0);
    }
}
