//! The steps in their order, and how the stage ends.

use relhost_sdk::mock::{Call, DeployCall, MockHost, Reply, applied, rollout};

use super::*;

const DIGEST: &str = "sha256:0f";

fn all_settings() -> Value {
    json!({
        "pull-secret": { "name": "dev-acr", "registry": "acr" },
        "manifests": ["kube/web.yml"],
        "images": ["acr.example/web:42"],
        "timeout": "5m",
        "notify": ["group:ops", "requester"],
    })
}

#[test]
fn everything_in_its_order() {
    let host = MockHost::new()
        .docker_registry(())
        .deploy(applied("d1", &["Deployment/web", "Service/web"]))
        .wait(rollout().address("web", "10.0.0.7").image("Deployment/web", "nginx", "web:42", Some(DIGEST)))
        .notify(())
        .notify(());
    let outcome = host.run(&RollingDeploy, all_settings()).unwrap();

    assert_eq!(outcome.status(), Status::Succeeded);
    assert_eq!(outcome.summary(), "app 1 runs in dev: web at 10.0.0.7");
    assert_eq!(outcome.get("address.web"), Some("10.0.0.7"));
    assert_eq!(outcome.get("digest.Deployment.web.nginx"), Some(DIGEST));
    let deploy = DeployCall {
        manifests: vec!["kube/web.yml".to_owned()],
        images: vec!["acr.example/web:42".to_owned()],
        pull_secrets: vec![SecretRef::existing("dev-acr")],
    };
    let tell = |channel: &str| Call::Notify {
        channel: channel.to_owned(),
        subject: "Release-1: Dev is done".to_owned(),
        body: outcome.summary().to_owned(),
    };
    assert_eq!(
        host.calls(),
        [
            Call::DockerRegistry { name: "dev-acr".to_owned(), registry: "acr".to_owned() },
            Call::Deploy(deploy),
            Call::Wait { deployment: "d1".to_owned(), timeout: Duration::from_secs(300) },
            tell("group:ops"),
            tell("requester"),
        ]
    );
    let lines: Vec<_> = host.lines().iter().map(|line| line.message.clone()).collect();
    assert_eq!(lines, ["the pull secret dev-acr is there", "waiting until everything is ready, at most 5m"]);
}

#[test]
fn manifests_alone_are_enough() {
    let host = MockHost::new().deploy(applied("d1", &["ConfigMap/hello"])).wait(rollout());
    let outcome = host.run(&RollingDeploy, json!({ "manifests": ["hello.yaml"] })).unwrap();
    assert_eq!(outcome.summary(), "app 1 runs in dev");
    assert!(outcome.outputs().is_empty());
    assert!(matches!(&host.calls()[1], Call::Wait { timeout, .. } if *timeout == DEFAULT_TIMEOUT));
}

#[test]
fn a_required_address_that_is_missing_is_a_stated_shortcoming() {
    let host = MockHost::new()
        .deploy(applied("d1", &["Service/web", "Service/admin"]))
        .wait(rollout().address("admin", "10.0.0.8").warning("Service/web has no address yet"));
    let settings = json!({ "manifests": ["a.yml"], "require-address": ["web", "admin"] });
    let outcome = host.run(&RollingDeploy, settings).unwrap();
    assert_eq!(outcome.status(), Status::PartiallySucceeded);
    assert_eq!(outcome.summary(), "app 1 runs in dev, but without an address: web");
    assert_eq!(outcome.get("address.admin"), Some("10.0.0.8"));
}

#[test]
fn the_cause_of_a_failed_rollout_comes_first() {
    let cause = Failure::new("image-not-found", "acr.example/web:42 does not exist").detail("pod", "web-1");
    let host = MockHost::new().docker_registry(()).deploy(applied("d1", &[])).wait(Reply::failed(cause));
    let failure = host.run(&RollingDeploy, all_settings()).unwrap_err();
    assert_eq!(failure.code(), "image-not-found");
    assert_eq!(failure.message(), "acr.example/web:42 does not exist");
    assert_eq!(failure.details(), [("pod".to_owned(), "web-1".to_owned())]);
}

#[test]
fn what_runs_is_not_undone_because_nobody_could_be_told() {
    let host = MockHost::new()
        .deploy(applied("d1", &[]))
        .wait(rollout())
        .notify(Reply::failed(Failure::new("unknown-channel", "there is no group `oops`")));
    let settings = json!({ "manifests": ["a.yml"], "notify": ["group:oops"] });
    assert_eq!(host.run(&RollingDeploy, settings).unwrap().status(), Status::Succeeded);
    assert!(host.lines().iter().any(|line| line.message.contains("there is no group `oops`")));
}

#[test]
fn settings_that_make_no_sense_name_the_field() {
    for (settings, field) in [
        (json!({}), "manifests"),
        (json!({ "manifests": [] }), "manifests"),
        (json!({ "manifests": ["a"], "pull-secret": { "name": "a" } }), "pull-secret.registry"),
        (json!({ "manifests": ["a"], "timeout": "soon" }), "timeout"),
        (json!({ "manifests": ["a"], "image": "a" }), "image"),
    ] {
        let failure = MockHost::new().run(&RollingDeploy, settings).unwrap_err();
        assert_eq!(failure.code(), "invalid-settings");
        assert_eq!(failure.details(), [("field".to_owned(), field.to_owned())]);
    }
}
