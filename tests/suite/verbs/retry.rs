//! Trying a stage again, and running one again.

use super::*;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_rejected_stage_is_tried_again_with_a_new_approval() {
    let place = waiting();
    refused(&place, &["release", "retry", "rel-1"], 7, "no stage of Release-1 can be retried");
    refused(&place, &["release", "retry", "rel-1", "--stage", "Prod"], 7, "`Prod` is under way");
    refused(&place, &["release", "retry", "rel-1", "--stage", "Dev"], 7, "`Dev` has nothing to retry");
    place.run(&["approval", "reject", "apr-1", "--as", "bob"]).expect(0);
    let retry = place.run(&["release", "retry", "rel-1", "--as", "bob"]).expect(0);
    assert!(retry.stderr.contains("go on with: relhost resume"), "{}", retry.stderr);
    place.run(&["resume"]).expect(10);
    // The vote on the first attempt says nothing about the second.
    let prod = &release(&place)["row"]["summary"]["stages"][1];
    assert_eq!((&prod["attempt"], &prod["state"]), (&2.into(), &serde_json::json!({ "awaiting-before": 2 })));
    // Whoever asks for an attempt does not approve it.
    refused(&place, &["approval", "approve", "apr-2", "--as", "bob"], 8, "bob requested this deployment");
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 7, "the attempt changed");
    place.run(&["approval", "approve", "apr-2", "--as", "ann"]).expect(0);
    place.run(&["resume"]).expect(0);
    assert_eq!(state(&place, 1), finished("succeeded"));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_stage_that_failed_is_tried_again_and_what_waited_for_it_goes_on() {
    let place = shop();
    place.edit("pipeline.yaml", "image: registry.example/shop", "image: registry.example/rehearsal-fail");
    let run = place.run(&RUN).expect(3);
    assert!(run.stderr.contains("Prod: skipped: Dev failed"), "{}", run.stderr);
    // The same artifacts and variables again: it fails again, as attempt 2, and says so.
    place.run(&["release", "retry", "rel-1"]).expect(0);
    let resumed = place.run(&["resume"]).expect(3);
    assert!(resumed.stderr.contains("Dev: attempt 2 requested by"), "{}", resumed.stderr);
    let stages = &release(&place)["row"]["summary"]["stages"];
    assert_eq!((&stages[0]["attempt"], &stages[0]["state"]), (&2.into(), &finished("failed")));
    assert_eq!(stages[1]["state"], finished("skipped"));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_stage_that_waits_is_superseded_by_its_redeployment() {
    let place = waiting();
    place.run(&["release", "redeploy", "rel-1", "--stage", "Prod"]).expect(0);
    assert_eq!(approval(&place, "apr-1")["decision"]["resolution"], "superseded");
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 7, "attempt 2 is current");
    place.run(&["resume"]).expect(10);
    place.run(&["approval", "approve", "apr-2", "--as", "ann"]).expect(0);
    place.run(&["resume"]).expect(0);
    // One that has run is run again by name only.
    refused(&place, &["release", "promote", "rel-1", "--stage", "Prod"], 7, "`Prod` has run already");
}
