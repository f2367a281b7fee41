//! Cleaning up an environment: what relhost applied goes, and nothing else does.

use relhost_tests::manifest::{config_map, deployment, service};
use relhost_tests::shop::Shop;

const IMAGE: &str = "registry.example/shop:1";

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn what_was_applied_goes_and_what_others_made_stays() {
    let manifests = deployment("web", IMAGE, 1, "")
        + &service("web", "ClusterIP")
        + &config_map("settings", "colour", "green");
    let shop = Shop::new(&manifests);
    let namespace = &shop.dev.namespace;
    let _first = shop.run().expect(0);
    let _theirs = namespace.kubectl(&["create", "configmap", "theirs"], "");
    // Somebody has put another object in the place of one of ours.
    let _gone = namespace.kubectl(&["delete", "service", "web"], "");
    let _theirs = namespace.kubectl(&["create", "-f", "-"], &service("web", "ClusterIP"));
    let replaced = namespace.get("service", "web")["metadata"]["uid"].clone();

    let asked = shop.place.run(&["env", "cleanup", "dev", "--no-input"]).expect(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert!(namespace.find("deployment", "web").is_some(), "nobody said yes");

    let cleaned = shop.ends(&["env", "cleanup", "dev", "--yes"]).expect(0);
    for object in ["Deployment/web", "ConfigMap/settings"] {
        assert!(cleaned.stdout.contains(&format!("deleted {object}")), "{}", cleaned.stdout);
    }
    assert!(!cleaned.stdout.contains("Service/web"), "{}", cleaned.stdout);
    assert_eq!(namespace.names("deployments"), Vec::<String>::new());
    assert!(namespace.find("configmap", "settings").is_none());
    assert_eq!(namespace.get("service", "web")["metadata"]["uid"], replaced);
    assert!(namespace.find("configmap", "theirs").is_some());

    let again = shop.place.run(&["env", "cleanup", "dev", "--yes"]).expect(0);
    assert!(again.stderr.contains("nothing is known to be applied"), "{}", again.stderr);
}
