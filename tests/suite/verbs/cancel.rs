//! Stopping a release, wherever it is.

use relhost_tests::journey;
use relhost_tests::wait::until;

use super::*;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_release_that_waits_is_over_at_once() {
    let place = waiting();
    place.run(&["release", "cancel", "rel-1", "--reason", "the wrong build", "--as", "bob"]).expect(0);
    assert_eq!(state(&place, 0), finished("succeeded"));
    assert_eq!(state(&place, 1), finished("canceled"));
    let decision = &approval(&place, "apr-1")["decision"];
    assert_eq!(decision["resolution"], "canceled");
    assert_eq!(decision["reason"], "canceled by bob: the wrong build");
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 7, "it is canceled since");
    for verb in ["cancel", "retry"] {
        refused(&place, &["release", verb, "rel-1"], 7, "the release was canceled");
    }
    refused(&place, &["release", "redeploy", "rel-1", "--stage", "Dev"], 7, "the release was canceled");
    place.run(&["release", "watch", "rel-1"]).expect(3);
    place.run(&RUN).expect(3);
    let listed = place.run(&["env", "list", "-o", "json"]).expect(0).json();
    assert!(listed.as_array().is_some_and(|all| all.iter().all(|env| env["holder"].is_null())), "{listed}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_release_that_is_over_cannot_be_canceled() {
    let place = waiting();
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    place.run(&["resume"]).expect(0);
    refused(&place, &["release", "cancel", "rel-1"], 7, "nothing of the release is under way");
}

/// A pipeline of one guest that the sandbox tests use, with everything granted.
fn guest(name: &str, with: &str) -> Place {
    let place = shop();
    journey::guest(&place, name, with);
    place
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn code_that_runs_is_told_at_its_next_call() {
    let place = guest("five-steps", "{ power: wait, steps: 4000, manifests: [manifests] }");
    let mut serving = place.start(&["serve"], &[]);
    serving.wait_for("serving");
    place.run(&[&RUN[..], &["--detach"]].concat()).expect(0);
    until("a step", BOUND, || {
        let journal = place.run(&["release", "journal", "rel-1"]).expect(0);
        journal.stdout.contains("#wait").then_some(())
    });
    place.run(&["release", "cancel", "rel-1", "--reason", "enough"]).expect(0);
    let watch = place.start(&["release", "watch", "rel-1"], &[]).end(BOUND).expect(3);
    assert!(watch.stderr.contains("canceled by"), "{}", watch.stderr);
    assert_eq!(state(&place, 0), finished("canceled"));
    let journal = place.run(&["release", "journal", "rel-1"]).expect(0);
    assert!(journal.stdout.contains("canceled"), "the code was not told:\n{}", journal.stdout);
    assert!(!journal.stdout.contains("4000 steps are done"));
    serving.interrupt();
    serving.end(BOUND).expect(0);
    // What is recorded is a run like any other.
    place.run(&["release", "replay", "rel-1"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn code_that_waits_for_people_never_runs_again() {
    let place = guest("asks", "{ approvers: [bob] }");
    place.run(&RUN).expect(10);
    assert_eq!(state(&place, 0), serde_json::json!({ "awaiting-call": 1 }));
    place.run(&["release", "cancel", "rel-1"]).expect(0);
    assert_eq!(state(&place, 0), finished("canceled"));
    assert_eq!(approval(&place, "apr-1")["decision"]["resolution"], "canceled");
    let before = place.run(&["release", "journal", "rel-1", "-o", "json"]).expect(0).json();
    refused(&place, &["approval", "approve", "apr-1", "--as", "bob"], 7, "it is canceled since");
    place.run(&RUN).expect(3);
    let after = place.run(&["release", "journal", "rel-1", "-o", "json"]).expect(0).json();
    assert_eq!(after, before);
    place.run(&["release", "replay", "rel-1"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_rejection_inside_the_code_is_the_codes_to_handle() {
    let place = guest("asks", "{ approvers: [bob] }");
    place.run(&RUN).expect(10);
    place.run(&["approval", "reject", "apr-1", "--as", "bob", "--comment", "no"]).expect(0);
    place.run(&["resume"]).expect(5);
    assert_eq!(state(&place, 0), finished("rejected"));
}
