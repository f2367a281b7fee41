//! A run that takes the host down with it again and again: its release says so, and a person decides.

use std::ffi::OsStr;

use relhost_tests::journal::shop_applied;
use relhost_tests::program::kill_binary;

use super::*;

/// The host dies right after the first call of the code was made, and before its outcome is recorded.
const EFFECT: &str = "session.after-effect:1";

fn dies(place: &Place, target: &str) {
    let killed = place.start(&RUN, &[("RELHOST_KILL", OsStr::new(target))]).end(BOUND);
    assert_eq!(killed.code, None, "{target} was not reached\n{}", killed.stderr);
}

/// The first death comes after progress, because the intent is new then; three more are no coincidence.
fn crashed() -> Place {
    let place = prepared(Place::with(kill_binary()));
    for _ in 0..4 {
        dies(&place, EFFECT);
    }
    place
}

/// The release of a run that is in quarantine, as the next owner finds it.
fn quarantined() -> Place {
    let place = crashed();
    let run = place.run(&RUN).expect(10);
    assert!(run.stderr.contains("run-1 is quarantined: host died 3 times at ordinal 0"), "{}", run.stderr);
    for choice in ["retry", "attest", "abort"] {
        assert!(run.stderr.contains(choice), "{choice} is not offered:\n{}", run.stderr);
    }
    assert_eq!(state(&place, 0), serde_json::json!({ "quarantined": 1 }));
    place
}

/// How often the release was told.
fn told(place: &Place) -> usize {
    let events = release(place)["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter(|event| event["event"] == "run-quarantined").count()
}

/// Prod waits for people after Dev has succeeded.
fn goes_on(place: &Place) {
    place.run(&["resume"]).expect(10);
    assert_eq!(state(place, 0), finished("succeeded"));
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    place.run(&["resume"]).expect(0);
    place.run(&["release", "replay", "rel-1"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_release_is_told_once_and_people_see_it() {
    let place = quarantined();
    let get = place.run(&["release", "get", "rel-1"]).expect(0);
    assert!(get.stdout.contains("quarantined"), "{}", get.stdout);
    assert!(get.stdout.contains("host died 3 times at ordinal 0"), "{}", get.stdout);
    place.run(&["resume"]).expect(10);
    place.run(&["release", "watch", "rel-1"]).expect(10);
    let journal = place.run(&["release", "journal", "rel-1"]).expect(0);
    assert!(journal.stdout.contains(": quarantined: host died 3 times"), "{}", journal.stdout);
    assert_eq!(told(&place), 1);
    refused(
        &place,
        &["release", "attest", "rel-1", "--ordinal", "0", "--outcome", "none", "--reason", "x"],
        2,
        "none",
    );
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_host_that_dies_before_the_release_is_told_tells_it_at_the_next_start() {
    let place = crashed();
    for _ in 0..3 {
        dies(&place, "quarantine.before-tell:1");
        assert_eq!(told(&place), 0);
    }
    place.run(&RUN).expect(10);
    assert_eq!((told(&place), state(&place, 0)), (1, serde_json::json!({ "quarantined": 1 })));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn retry_gives_it_three_more_tries() {
    let place = quarantined();
    place.run(&["release", "retry", "rel-1", "--as", "ann"]).expect(0);
    for _ in 0..2 {
        dies(&place, EFFECT);
    }
    assert_eq!(told(&place), 1);
    goes_on(&place);
    assert_eq!(told(&place), 1);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn attest_fills_in_what_happened() {
    let place = quarantined();
    let attest = |ordinal: &'static str| {
        let call = ["release", "attest", "rel-1", "--stage", "Dev", "--ordinal", ordinal];
        let what = ["--outcome", "outcome.json", "--reason", "seen in the cluster", "--as", "ann"];
        [&call[..], &what].concat()
    };
    // The objects are there, as everybody can see.
    let folder = place.path().join(".relhost/rehearsal/dev");
    assert_eq!(std::fs::read_dir(&folder).map_or(0, Iterator::count), 2);
    place.write("outcome.json", &serde_json::json!({ "message": "m" }).to_string());
    refused(&place, &attest("0"), 2, "is not answered like this");
    place.write("outcome.json", &shop_applied().to_string());
    refused(&place, &attest("1"), 7, "call 1: it is not in doubt");
    place.run(&attest("0")).expect(0);
    refused(&place, &attest("0"), 7, "no run of Release-1 is quarantined");
    let journal = place.run(&["release", "journal", "rel-1"]).expect(0);
    assert!(
        journal.stdout.contains("attested: [{\"person\":\"ann\"},\"seen in the cluster\"]"),
        "{}",
        journal.stdout
    );
    goes_on(&place);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn abort_ends_the_stage_without_running_its_code() {
    let place = quarantined();
    let abort = ["release", "abort", "rel-1", "--reason", "it is cursed", "--as", "ann"];
    place.run(&abort).expect(0);
    assert_eq!(state(&place, 0), finished("canceled"));
    assert_eq!(state(&place, 1), finished("skipped"));
    let get = place.run(&["release", "get", "rel-1"]).expect(0);
    assert!(get.stdout.contains("aborted by ann: it is cursed"), "{}", get.stdout);
    refused(&place, &abort, 7, "no run of Release-1 is quarantined");
    place.run(&RUN).expect(3);
    place.run(&["release", "replay", "rel-1"]).expect(0);
    // No outcome says so, but the call was made, and what it has applied is there.
    let cleaned = place.run(&["env", "cleanup", "dev", "--rehearse", "--yes"]).expect(0);
    assert!(cleaned.stdout.contains("deleted") && cleaned.stdout.contains("shop-web"), "{}", cleaned.stdout);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn cancel_ends_the_whole_release() {
    let place = quarantined();
    place.run(&["release", "cancel", "rel-1", "--as", "ann"]).expect(0);
    assert_eq!(state(&place, 0), finished("canceled"));
    refused(&place, &["release", "retry", "rel-1"], 7, "the release was canceled");
    place.run(&RUN).expect(3);
}
