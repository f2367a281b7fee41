//! The question comes after the rollout, and its answer is how the stage ends.

use relhost_sdk::mock::{ApprovalCall, Call, DecisionReply, MockHost, Reply, applied, decision, rollout};

use super::*;

fn settings() -> Value {
    json!({ "manifests": ["web.yml"], "approvers": ["group:qa-leads"], "notify": ["requester"] })
}

fn host(decision: DecisionReply) -> MockHost {
    MockHost::new()
        .stage("QA")
        .deploy(applied("d1", &["Deployment/web"]))
        .wait(rollout().address("web", "10.0.0.7"))
        .await_approval(decision)
        .notify(())
}

fn subject(host: &MockHost) -> String {
    match host.calls().pop() {
        Some(Call::Notify { subject, .. }) => subject,
        other => panic!("the last call is {other:?}"),
    }
}

#[test]
fn a_confirmation_ends_it_well() {
    let host = host(decision().approve("ann").after(Duration::from_secs(86_400)));
    let outcome = host.run(&ConfirmAfterDeploy, settings()).unwrap();
    assert_eq!((outcome.status(), outcome.summary()), (Status::Succeeded, "approved by ann"));
    assert_eq!(outcome.get("address.web"), Some("10.0.0.7"));
    assert_eq!(subject(&host), "Release-1: QA is confirmed");
}

#[test]
fn a_rejection_and_an_expiry_are_told_and_are_no_failures() {
    for (decision, status, told) in [
        (decision().reject("ann", "it is red"), Status::Rejected, "Release-1: QA is rejected"),
        (decision(), Status::Expired, "Release-1: QA is expired without an answer"),
    ] {
        let host = host(decision);
        let outcome = host.run(&ConfirmAfterDeploy, settings()).unwrap();
        assert_eq!(outcome.status(), status);
        assert_eq!(outcome.get("address.web"), Some("10.0.0.7"));
        assert_eq!(subject(&host), told);
    }
}

#[test]
fn a_canceled_release_tells_nobody() {
    let host = MockHost::new()
        .deploy(applied("d1", &[]))
        .wait(rollout())
        .await_approval(decision().ended(Resolution::Canceled, "canceled by bob"));
    assert_eq!(host.run(&ConfirmAfterDeploy, settings()).unwrap_err().code(), "canceled");
}

#[test]
fn the_question_has_what_the_settings_say() {
    let host = MockHost::new()
        .docker_registry(())
        .deploy(applied("d1", &[]))
        .wait(rollout().address("web", "10.0.0.7"))
        .await_approval(decision().approve("ann"));
    let settings = json!({
        "pull-secret": { "name": "qa-acr", "registry": "acr" },
        "manifests": ["web.yml"],
        "rollout-timeout": "2m",
        "approvers": ["ann", "group:ops"],
        "instructions": "Open it.",
        "policy": "quorum",
        "policy-settings": { "count": 2 },
        "timeout": "7d",
    });
    host.run(&ConfirmAfterDeploy, settings).unwrap();
    let calls = host.calls();
    assert_eq!(calls[2], Call::Wait { deployment: "d1".to_owned(), timeout: Duration::from_secs(120) });
    let question = ApprovalCall {
        instructions: "Open it.\nweb answers at 10.0.0.7".to_owned(),
        policy: Some("quorum".to_owned()),
        policy_settings: Some(r#"{"count":2}"#.to_owned()),
        approvers: vec!["ann".to_owned(), "group:ops".to_owned()],
        timeout_seconds: Some(7 * 86_400),
    };
    assert_eq!(calls[3], Call::AwaitApproval(question));
}

#[test]
fn nobody_is_asked_about_what_does_not_run() {
    let cause = Failure::new("crash-loop", "web-1 crashes");
    let host = MockHost::new().deploy(applied("d1", &[])).wait(Reply::failed(cause));
    let failure = host.run(&ConfirmAfterDeploy, settings()).unwrap_err();
    assert_eq!(failure.to_string(), "crash-loop: web-1 crashes");
}

#[test]
fn somebody_has_to_be_asked_about_something() {
    for (settings, field) in [
        (json!({ "manifests": [], "approvers": ["ann"] }), "manifests"),
        (json!({ "manifests": ["a"], "approvers": [] }), "approvers"),
        (json!({ "manifests": ["a"] }), "approvers"),
    ] {
        let failure = MockHost::new().run(&ConfirmAfterDeploy, settings).unwrap_err();
        assert_eq!(failure.details(), [("field".to_owned(), field.to_owned())]);
    }
}
