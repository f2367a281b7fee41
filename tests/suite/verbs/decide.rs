//! Approving, rejecting, handing on, and letting it expire.

use relhost_tests::shop::os_user;
use relhost_tests::wait::until;

use super::*;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn who_may_not_decide_is_told_why_and_nothing_is_counted() {
    let place = shop();
    let me = format!("ann: {{ mail: ann@example.com, os-user: {} }}\n  carol: {{}}", os_user());
    place.edit("relhost.yaml", "ann: { mail: ann@example.com }", &me);
    waits(&place);
    assert_eq!(release(&place)["snapshot"]["requester"], serde_json::json!({ "person": "ann" }));
    // The requester, as the terminal recognises her and by name.
    refused(&place, &["approval", "approve", "apr-1"], 8, "ann requested this deployment");
    refused(&place, &["approval", "reject", "apr-1", "--as", "ann"], 8, "ann requested this deployment");
    // Somebody whom the configuration knows and nobody asks.
    let carol = refused(&place, &["approval", "approve", "apr-1", "--as", "carol"], 4, "carol is not asked");
    assert!(carol.stderr.contains("asked are bob") && carol.stderr.contains("help:"), "{}", carol.stderr);
    refused(&place, &["approval", "approve", "apr-1", "--as", "dave"], 2, "knows no person `dave`");
    let other = format!("sha256:{}", "0".repeat(64));
    let seen = ["approval", "approve", "apr-1", "--as", "bob", "--content", &other];
    refused(&place, &seen, 7, "what you saw is not what is asked");
    let open = approval(&place, "apr-1");
    assert_eq!((&open["votes"], &open["decision"]), (&serde_json::json!([]), &Value::Null));
    assert_eq!(open["asked"], serde_json::json!(["bob"]));

    place.run(&["approval", "approve", "apr-1", "--as", "bob", "--comment", "fine"]).expect(0);
    for (verb, person) in [("approve", "bob"), ("reject", "bob"), ("approve", "ann")] {
        refused(&place, &["approval", verb, "apr-1", "--as", person], 7, "it is approved since");
    }
    assert_eq!(approval(&place, "apr-1")["votes"].as_array().map(Vec::len), Some(1));
    place.run(&["resume"]).expect(0);
    assert_eq!(state(&place, 1), finished("succeeded"));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_user_whom_nobody_knows_cannot_decide() {
    let place = waiting();
    let ended = refused(&place, &["approval", "approve", "apr-1"], 4, "is no person of the configuration");
    assert!(ended.stderr.contains(&format!("`os-user: {}`", os_user())), "{}", ended.stderr);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_rejection_ends_the_release_with_a_code_of_its_own() {
    let place = waiting();
    let said = place.run(&["approval", "reject", "apr-1", "--as", "bob", "--comment", "not today"]).expect(0);
    assert!(said.stdout.contains("apr-1 is rejected"), "{}", said.stdout);
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 7, "rejected by bob: not today");
    assert_eq!(state(&place, 1), finished("rejected"));
    // Whoever asks for the same release, or looks at it, is told the same.
    place.run(&RUN).expect(5);
    let watch = place.run(&["release", "watch", "rel-1"]).expect(5);
    assert!(watch.stderr.contains("rejected by bob: not today"), "{}", watch.stderr);
    // The reason is where people look, and everybody who was asked is told.
    let get = place.run(&["release", "get", "rel-1"]).expect(0);
    assert!(get.stdout.contains("rejected by bob: not today"), "{}", get.stdout);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn who_is_asked_may_hand_it_on() {
    let place = shop();
    let me = format!("ann: {{ mail: ann@example.com, os-user: {} }}\n  carol: {{}}", os_user());
    place.edit("relhost.yaml", "ann: { mail: ann@example.com }", &me);
    waits(&place);
    let to = |to: &'static str, by: &'static str| ["approval", "reassign", "apr-1", "--to", to, "--as", by];
    refused(&place, &to("carol", "carol"), 4, "carol is not asked");
    refused(&place, &to("carol", "ann"), 8, "ann requested this deployment");
    refused(&place, &to("nobody", "bob"), 2, "there is no person `nobody`");
    refused(&place, &to("group:ledas", "bob"), 2, "there is no group `ledas`");
    // Only the requester would be left.
    refused(&place, &to("ann", "bob"), 8, "nobody who may decide");
    assert_eq!(approval(&place, "apr-1")["asked"], serde_json::json!(["bob"]));

    let handed = [&to("carol", "bob")[..], &["--comment", "bob is away", "-o", "json"]].concat();
    assert_eq!(place.run(&handed).expect(0).json()["asked"], serde_json::json!(["carol"]));
    refused(&place, &["approval", "approve", "apr-1", "--as", "bob"], 4, "bob is not asked; asked are carol");
    let logs = place.run(&["release", "logs", "rel-1"]).expect(0);
    assert!(logs.stdout.contains("apr-1 was handed to carol by bob: bob is away"), "{}", logs.stdout);
    place.run(&["approval", "approve", "apr-1", "--as", "carol"]).expect(0);
    refused(&place, &to("bob", "carol"), 7, "it is approved since");
    place.run(&["resume"]).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_approval_that_nobody_gives_expires_while_it_is_waited_for() {
    let place = shop();
    place.edit("pipeline.yaml", "policy: any-one", "policy: any-one\n        timeout: 1s");
    let running = place.start(&[&RUN[..], &["--listen", "127.0.0.1:0"]].concat(), &[]);
    let ended = running.end(BOUND).expect(6);
    assert!(ended.stderr.contains("apr-1 expired: nobody decided by"), "{}", ended.stderr);
    assert_eq!(state(&place, 1), finished("expired"));
    place.run(&RUN).expect(6);
    place.run(&["release", "watch", "rel-1"]).expect(6);
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 6, "expired");
}

/// The time is over although nobody runs the host: a late vote is refused, and the next start closes it.
#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_approval_expires_while_nobody_runs_it() {
    let place = shop();
    place.edit("pipeline.yaml", "policy: any-one", "policy: any-one\n        timeout: 1s");
    // On a slow machine it expires before the run gives up waiting.
    let run = place.run(&RUN);
    assert!(matches!(run.code, Some(6 | 10)), "{}", run.stderr);
    let late = until("the end of the second", BOUND, || {
        let ended = place.run(&["approval", "reassign", "apr-1", "--to", "group:leads", "--as", "ann"]);
        (ended.code != Some(0)).then_some(ended)
    });
    late.expect(6);
    refused(&place, &["approval", "approve", "apr-1", "--as", "ann"], 6, "expired");
    if run.code == Some(10) {
        place.run(&["resume", "rel-1"]).expect(6);
    }
    assert_eq!(state(&place, 1), finished("expired"));
    assert_eq!(approval(&place, "apr-1")["decision"]["resolution"], "expired");
}

/// A policy that looks at no votes is asked when the approval opens, not only when somebody votes.
#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_window_that_is_open_lets_a_release_through_without_people() {
    let place = shop();
    place.edit("relhost.yaml", "approvals-min: 1", "approvals-min: 0");
    place.edit("pipeline.yaml", "policy: any-one", "policy: change-window");
    place.edit("pipeline.yaml", "plugins:\n", "plugins:\n  change-window: { bundled: change-window }\n");
    place.run(&RUN).expect(0);
    assert_eq!(approval(&place, "apr-1")["decision"]["resolution"], "approved");
}
