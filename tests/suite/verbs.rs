//! What people do with releases, approvals and environments: every verb, and every reason to refuse one.

mod cancel;
mod decide;
mod environment;
mod quarantine;
mod retry;
mod unknown;

use std::time::Duration;

use relhost_tests::program::{Ended, Place};
use serde_json::Value;

/// A release of two stages without a page, on a busy machine.
const BOUND: Duration = Duration::from_secs(180);

const RUN: [&str; 5] = ["run", "pipeline.yaml", "--rehearse", "--key", "one"];

/// What `init` writes, without a page: a run that waits for people ends.
fn shop() -> Place {
    prepared(Place::new())
}

fn prepared(place: Place) -> Place {
    place.run(&["init", "."]).expect(0);
    place.edit("relhost.yaml", "listen: 127.0.0.1:0\n", "");
    place
}

/// Prod of the shop waits for ann or bob, and nobody runs it.
fn waiting() -> Place {
    let place = shop();
    waits(&place);
    place
}

fn waits(place: &Place) -> Ended {
    let run = place.run(&RUN).expect(10);
    assert!(run.stderr.contains("go on with: relhost resume rel-1"), "{}", run.stderr);
    run
}

fn release(place: &Place) -> Value {
    place.run(&["release", "get", "rel-1", "-o", "json"]).expect(0).json()
}

/// The state of a stage, as `release get` has it.
fn state(place: &Place, stage: usize) -> Value {
    release(place)["row"]["summary"]["stages"][stage]["state"].clone()
}

fn finished(status: &str) -> Value {
    serde_json::json!({ "finished": status })
}

fn approval(place: &Place, id: &str) -> Value {
    place.run(&["approval", "get", id, "-o", "json"]).expect(0).json()
}

/// Runs a command that is refused: the exit code, a word of the message, and no result.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], code: i32, says: &str) -> Ended {
    let ended = place.run(arguments).expect(code);
    assert!(ended.stderr.contains(says), "{arguments:?} does not say {says:?}:\n{}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?} has a result");
    ended
}
