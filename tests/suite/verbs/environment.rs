//! What lies in an environment, who has it, and removing it.

use super::*;

fn environment(place: &Place, name: &str) -> Value {
    let list = place.run(&["env", "list", "-o", "json"]).expect(0).json();
    let mut all = list.as_array().cloned().unwrap_or_default().into_iter();
    all.find(|environment| environment["name"] == name).unwrap_or_default()
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_environment_is_listed_and_cleaned_up() {
    let place = waiting();
    let objects = serde_json::json!(["Deployment/shop-web", "Service/shop-web"]);
    let dev = environment(&place, "dev");
    assert_eq!((&dev["rehearsed"], &dev["holder"]), (&objects, &Value::Null));
    assert_eq!(dev["applied"], serde_json::json!([]));
    let prod = environment(&place, "prod");
    assert_eq!((&prod["rehearsed"], &prod["holder"]), (&serde_json::json!([]), &"rel-1 dep-2".into()));
    let table = place.run(&["env", "list"]).expect(0);
    let objects_in_it = ["Deployment/shop-web", "Service/shop-web"].map(|name| table.stdout.contains(name));
    assert_eq!(objects_in_it, [true, true], "{}", table.stdout);

    let cleanup = ["env", "cleanup", "dev", "--rehearse"];
    let unsaid = refused(&place, &cleanup, 2, "Delete Deployment/shop-web, Service/shop-web in `dev`");
    assert!(unsaid.stderr.contains("--yes"), "{}", unsaid.stderr);
    assert_eq!(environment(&place, "dev")["rehearsed"], objects);
    let folder = place.path().join(".relhost/rehearsal/dev");
    let kept = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    assert_eq!(kept(), 2, "{}", folder.display());

    let removed = place.run(&[&cleanup[..], &["--yes"]].concat()).expect(0);
    assert!(removed.stdout.contains("deleted") && removed.stdout.contains("shop-web"), "{}", removed.stdout);
    assert_eq!(environment(&place, "dev")["rehearsed"], serde_json::json!([]));
    assert_eq!(kept(), 0);
    let again = place.run(&[&cleanup[..], &["--yes"]].concat()).expect(0);
    assert!(again.stderr.contains("nothing is known to be applied"), "{}", again.stderr);
    // The release does not care: what is gone is applied again by running the stage again.
    place.run(&["release", "redeploy", "rel-1", "--stage", "Dev"]).expect(0);
    place.run(&["resume"]).expect(10);
    assert_eq!(environment(&place, "dev")["rehearsed"], objects);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_environment_that_is_held_is_left_alone() {
    let place = waiting();
    place.run(&["release", "redeploy", "rel-1", "--stage", "Dev"]).expect(0);
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    place.run(&["resume"]).expect(0);
    place.run(&["run", "pipeline.yaml", "--rehearse", "--new"]).expect(10);
    refused(&place, &["env", "cleanup", "prod", "--rehearse", "--yes"], 7, "`prod` is held by dep-");
    for flags in [&["--rehearse", "--yes"][..], &["--rehearse"], &["--namespace", "--rehearse", "--yes"]] {
        let nowhere = [&["env", "cleanup", "nowhere"], flags].concat();
        let ended = refused(&place, &nowhere, 2, "relhost.yaml has no environment `nowhere`");
        assert!(ended.stderr.contains("its environments are: dev, prod"), "{}", ended.stderr);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_an_environment_demands_is_the_operators() {
    let place = shop();
    let demanding = "approvals-min: 1, policies: { use: quorum, with: { count: 2 } }";
    place.edit("relhost.yaml", "approvals-min: 1", demanding);
    // The pipeline calls a policy that one vote satisfies by the name of the one that is demanded.
    place.edit("pipeline.yaml", "plugins:\n", "plugins:\n  quorum: { bundled: any-one }\n");
    waits(&place);
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    let approval = place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    assert_eq!(approval["decision"], Value::Null, "one vote is not two: {approval}");
    place.run(&["approval", "approve", "apr-1", "--as", "bob"]).expect(0);
    place.run(&["resume"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_was_approved_for_one_place_never_goes_to_another() {
    let place = waiting();
    place.edit("relhost.yaml", "namespace: shop-prod", "namespace: elsewhere");
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    let ended = place.run(&["resume", "rel-1"]).expect(3);
    let moved = "environment `prod` is rehearsal / elsewhere now; this was planned for rehearsal / shop-prod";
    assert!(ended.stderr.contains(moved), "{}", ended.stderr);
    assert_eq!(environment(&place, "prod")["rehearsed"], serde_json::json!([]));
    // The next attempt is planned, and approved, for the new place.
    place.run(&["release", "redeploy", "rel-1", "--stage", "Prod"]).expect(0);
    place.run(&["resume", "rel-1"]).expect(10);
    place.run(&["approval", "approve", "apr-2", "--as", "ann"]).expect(0);
    place.run(&["resume", "rel-1"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_run_drives_the_release_it_was_asked_for_and_says_who_is_in_its_way() {
    let place = waiting();
    place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(0);
    let mut other = place.start(&["run", "pipeline.yaml", "--rehearse", "--new"], &[]);
    other.wait_for("Prod waits for `prod`, which rel-1 holds");
    other.wait_for("relhost resume rel-1");
    // What an earlier command left is not started by accident.
    assert_ne!(state(&place, 1), finished("succeeded"));
    place.run(&["resume", "rel-1"]).expect(0);
    // It ends now, and an owner that ends answers nobody.
    let ended = other.end(BOUND).expect(10);
    assert!(ended.stderr.contains("apr-2 waits for ann, bob"), "{}", ended.stderr);
    assert_eq!(state(&place, 1), finished("succeeded"));
}
