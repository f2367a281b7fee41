//! Whose fields are whose: nothing changes without a change, what people applied before is taken over, and
//! what something else controls is left alone.

use relhost_tests::audit::Request;
use relhost_tests::manifest::{deployment, service};
use relhost_tests::program::Ended;
use relhost_tests::shop::{Plan, Shop};
use serde_json::Value;

const OLD: &str = "registry.example/shop:1";
const NEW: &str = "registry.example/shop:2";

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().expect("an object has a version")
}

/// The managers of an object, each with how it writes and to which part.
fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().expect("managed fields");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let described = entries.iter().map(|entry| {
        format!("{} {} {}", text(&entry["manager"]), text(&entry["operation"]), text(&entry["subresource"]))
    });
    described.map(|text| text.trim().to_owned()).collect()
}

fn warns(ended: &Ended, text: &str) {
    let warned = ended.stderr.lines().any(|line| line.contains("warning") && line.contains(text));
    assert!(warned, "no warning of `{text}` in\n{}", ended.stderr);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn deploying_the_same_again_changes_nothing_on_the_server() {
    let plan = Plan {
        with: "{ manifests: [manifests], timeout: 10m, pull-secret: { name: pull, registry: company } }",
        operator: "registries: { company: { server: registry.example, user: u, password: { file: keys/company } } }",
        ..Plan::default()
    };
    let shop = Shop::planned(&(deployment("web", OLD, 2, "") + &service("web", "LoadBalancer")), &plan);
    let _password = shop.place.write("keys/company", "a-registry-password");
    let _first = shop.run().expect(0);
    let look = || {
        [("deployment", "web"), ("service", "web"), ("secret", "pull")]
            .map(|(kind, name)| version(&shop.dev.namespace.get(kind, name)).to_owned())
    };
    let before = look();
    let patches = || {
        let effects = shop.audit.effects_of(&shop.dev.account.user).into_iter();
        effects.map(|effect| effect.object()).collect::<Vec<_>>()
    };
    assert_eq!(patches(), ["secrets/pull", "services/web", "deployments/web"]);

    let _asked = shop.place.run(&["release", "redeploy", "rel-1", "--stage", "Dev"]).expect(0);
    let again = shop.resume().expect(0);
    assert_eq!(look(), before);
    assert_eq!(patches().len(), 6, "it was applied again, and the server saw no difference");
    for object in ["Deployment/web", "Service/web"] {
        assert!(again.stderr.contains(&format!("{object} unchanged")), "{}", again.stderr);
    }
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn what_kubectl_applied_before_is_taken_over_and_reported() {
    let shop = Shop::new(&deployment("web", NEW, 2, ""));
    let labelled = deployment("web", OLD, 1, "")
        .replace("labels: { app: web }\nspec", "labels: { app: web, team: blue }\nspec");
    assert!(labelled.contains("team: blue"));
    let _applied = shop.dev.namespace.kubectl(&["apply", "-f", "-"], &labelled);
    let before = shop.dev.namespace.get("deployment", "web");
    assert!(managers(&before).contains(&"kubectl-client-side-apply Update".to_owned()), "{before}");

    let ended = shop.run().expect(0);
    warns(&ended, "took over");
    let after = shop.dev.namespace.get("deployment", "web");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"], "it is the same object");
    assert_eq!(after["spec"]["replicas"], 2);
    assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["image"], NEW);
    let managers = managers(&after);
    assert!(managers.contains(&"relhost Apply".to_owned()), "{managers:?}");
    assert!(!managers.iter().any(|manager| manager.starts_with("kubectl-client-side-apply")), "{managers:?}");
    // What kubectl had applied and the manifest does not have is gone, its own memory of it included.
    assert_eq!(after["metadata"]["labels"].get("team"), None);
    let memory = "kubectl.kubernetes.io/last-applied-configuration";
    assert!(after["metadata"]["annotations"].get(memory).is_none(), "{after}");
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn what_somebody_scaled_stays_scaled() {
    let shop = Shop::new(&deployment("web", OLD, 1, ""));
    let _first = shop.run().expect(0);
    let _scaled = shop.dev.namespace.kubectl(&["scale", "deployment/web", "--replicas=3"], "");
    shop.build(2, &deployment("web", NEW, 1, ""));
    let second = shop.run().expect(0);
    warns(&second, ".spec.replicas");
    let after = shop.dev.namespace.get("deployment", "web");
    assert_eq!(after["spec"]["replicas"], 3);
    assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["image"], NEW);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn a_field_of_an_unknown_owner_is_a_question_and_nothing_is_changed() {
    let shop = Shop::new(&(deployment("web", NEW, 1, "") + &service("web", "ClusterIP")));
    let _applied = shop.dev.namespace.kubectl(
        &["apply", "--server-side", "--field-manager=another-robot", "-f", "-"],
        &deployment("web", OLD, 1, ""),
    );
    let before = shop.dev.namespace.get("deployment", "web");
    let ended = shop.run().expect(3);
    for part in ["field-conflict", "another-robot", OLD, NEW] {
        assert!(ended.stderr.contains(part), "`{part}` is not in\n{}", ended.stderr);
    }
    let after = shop.dev.namespace.get("deployment", "web");
    assert_eq!(after["spec"], before["spec"]);
    let requests = shop.audit.of(&shop.dev.account.user);
    assert_eq!(requests.into_iter().filter(Request::is_write).collect::<Vec<_>>(), []);
}
