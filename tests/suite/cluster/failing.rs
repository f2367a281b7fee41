//! What does not become ready: the release fails with the cause, long before the stage's time is over.

use relhost_tests::journal::results;
use relhost_tests::manifest::{deployment, service};
use relhost_tests::program::Ended;
use relhost_tests::shop::Shop;
use serde_json::Value;

const IMAGE: &str = "registry.example/shop:missing";

fn failed(behaviour: &str) -> (Shop, Ended, Value) {
    let shop = Shop::new(&(deployment("web", IMAGE, 1, behaviour) + &service("web", "ClusterIP")));
    let ended = shop.run().expect(3);
    let result = results(&shop.place, "rel-1").remove(0);
    assert_eq!(result["status"], "failed", "{result}");
    (shop, ended, result["failure"].clone())
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn an_image_that_does_not_exist_is_named() {
    let (shop, ended, failure) = failed("image-pull");
    assert_eq!(failure["code"], "image-not-found", "{failure}");
    for part in [IMAGE, "Deployment/web"] {
        assert!(failure["message"].as_str().is_some_and(|text| text.contains(part)), "{part}: {failure}");
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    // What was applied stays to be looked at.
    assert_eq!(shop.dev.namespace.names("deployments"), ["web"]);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn a_crash_loop_shows_what_the_container_said_last() {
    let (_shop, ended, failure) = failed("crash-loop");
    assert_eq!(failure["code"], "crash-loop", "{failure}");
    for line in ["connecting to db.internal:5432", "panic: database is unreachable"] {
        assert!(ended.stderr.contains(line), "`{line}` is not in\n{}", ended.stderr);
    }
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn memory_and_configuration_are_told_apart() {
    let (_shop, _ended, failure) = failed("oom");
    assert_eq!(failure["code"], "out-of-memory", "{failure}");
    let (_shop, _ended, failure) = failed("config-error");
    assert_eq!(failure["code"], "config-missing", "{failure}");
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn what_no_node_can_run_says_what_it_asks_for() {
    let text = deployment("web", IMAGE, 1, "");
    let greedy = text.replace("ports: [{", "resources: { requests: { cpu: \"1000\" } }\n          ports: [{");
    assert_ne!(greedy, text);
    let shop = Shop::new(&greedy);
    let ended = shop.run().expect(3);
    let failure = results(&shop.place, "rel-1").remove(0)["failure"].clone();
    assert_eq!(failure["code"], "unschedulable", "{failure}");
    assert!(ended.stderr.contains("Insufficient cpu"), "{}", ended.stderr);
}
