//! What is refused before anything is changed. That nothing was is read from the audit log.

use relhost_tests::account::deployer;
use relhost_tests::audit::Request;
use relhost_tests::cluster::Namespace;
use relhost_tests::journal::results;
use relhost_tests::manifest::{config_map, deployment, service};
use relhost_tests::program::Ended;
use relhost_tests::shop::{Plan, Shop};
use serde_json::{Value, json};

const IMAGE: &str = "registry.example/shop:1";

fn failure(shop: &Shop) -> Value {
    results(&shop.place, "rel-1").remove(0)["failure"].clone()
}

fn says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is not in\n{}", ended.stderr);
    }
}

fn writes(shop: &Shop) -> Vec<Request> {
    shop.audit.of(&shop.dev.account.user).into_iter().filter(Request::is_write).collect()
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn an_object_for_another_namespace_is_refused_before_any_call() {
    let shop = Shop::new("");
    // Even with the right to do it: the connection is confined, not only the account.
    let other = Namespace::new(shop.dev.namespace.plane(), "other");
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "List",
        "items": [
            { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
              "metadata": { "name": "guest" }, "rules": deployer() },
            { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
              "metadata": { "name": "guest" },
              "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "guest" },
              "subjects": [{ "kind": "User", "name": shop.dev.account.user }] },
        ],
    });
    let _role = other.kubectl(&["create", "-f", "-"], &role.to_string());
    let foreign = service("web", "ClusterIP")
        .replace("{ name: web,", &format!("{{ name: web, namespace: {},", other.name()));
    shop.build(1, &(deployment("web", IMAGE, 1, "") + &foreign));

    let ended = shop.run().expect(3);
    assert_eq!(failure(&shop)["code"], "namespace-denied");
    says(&ended, &["Service/web", other.name(), shop.dev.namespace.name(), "app/manifests/all.yaml"]);
    assert_eq!(shop.audit.of(&shop.dev.account.user), [], "nothing was asked of the cluster");
    assert_eq!(shop.dev.namespace.names("deployments"), Vec::<String>::new());
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn missing_rights_are_reported_all_at_once_with_the_role_to_add() {
    let rules = json!([
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"] },
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"] },
    ]);
    let manifests = deployment("web", IMAGE, 1, "")
        + &service("web", "ClusterIP")
        + &config_map("settings", "colour", "green");
    let shop = Shop::planned(&manifests, &Plan { rules, ..Plan::default() });
    let ended = shop.run().expect(3);
    assert_eq!(failure(&shop)["code"], "forbidden");
    says(
        &ended,
        &[
            "create/patch deployments.apps",
            "create/list/patch services",
            "{ apiGroups: [\"apps\"], resources: [deployments], verbs: [create, patch] }",
            "{ apiGroups: [\"\"], resources: [services], verbs: [create, list, patch] }",
        ],
    );
    assert!(!ended.stderr.contains("patch configmaps"), "that right is there: {}", ended.stderr);
    assert_eq!(writes(&shop), []);

    // The rules that the message shows, added as they stand there, are enough.
    let shown = ended.stderr.split("rules:").nth(1).expect("a role").lines();
    let shown: Vec<&str> = shown.filter_map(|line| line.find("- {").map(|at| line[at..].trim())).collect();
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{ name: relhost }}\nrules:\n\
         - {{ apiGroups: [apps], resources: [deployments], verbs: [get, list] }}\n\
         - {{ apiGroups: [\"\"], resources: [configmaps], verbs: [\"*\"] }}\n{}\n",
        shown.join("\n")
    );
    let _role = shop.dev.namespace.kubectl(&["replace", "-f", "-"], &role);
    let _again = shop.ends(&["run", "pipeline.yaml", "--new"]).expect(0);
    assert_eq!(shop.dev.namespace.get("deployment", "web")["status"]["readyReplicas"], 1);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn an_invalid_object_changes_nothing_at_all() {
    let wrong_port = service("web", "ClusterIP").replace("port: 80,", "port: 99999,");
    let wrong_field = deployment("web", IMAGE, 1, "").replace("replicas:", "replica:");
    let manifests = config_map("settings", "colour", "green") + &wrong_port + &wrong_field;
    let shop = Shop::new(&manifests);
    let ended = shop.run().expect(3);
    assert_eq!(failure(&shop)["code"], "invalid-object");
    // Both mistakes at once, each with its object and its field.
    says(&ended, &["Service/web", "spec.ports[0].port", "Deployment/web", "replica"]);
    assert_eq!(writes(&shop), []);
    assert!(shop.dev.namespace.find("configmap", "settings").is_none(), "it was valid, and was not applied");
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn a_token_that_is_not_accepted_is_said_and_not_shown() {
    let shop = Shop::new(&config_map("settings", "colour", "green"));
    let context = shop.dev.account.kubeconfig("dev").replace(&shop.dev.account.token, "no-such-token-at-all");
    let _kubeconfig = shop.place.write("keys/dev.kubeconfig", &context);
    let ended = shop.run().expect(3);
    assert_eq!(failure(&shop)["code"], "unauthorized");
    says(&ended, &["cluster connection `dev`"]);
    assert!(!ended.stderr.contains("no-such-token-at-all"), "{}", ended.stderr);
}
