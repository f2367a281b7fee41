//! Large sets: what is already so is not sent, and nothing else is left out.

use std::fmt::Write as _;

use relhost_model::call::Change;
use serde_json::Value;

use crate::namespace::Namespace;

/// Enough objects of each kind that they are looked at.
const EACH: u32 = 10;

/// What is different about one object of the set.
type Edit<'a> = (&'a str, &'a str, &'a str);

/// Config maps `map-0` to `map-9`, and as many Services and Deployments.
fn set(edits: &[Edit<'_>]) -> String {
    let mut text = String::new();
    for n in 0..EACH {
        let objects = [
            (
                format!("map-{n}"),
                format!(
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: map-{n}, labels: {{ app: web }} }}\n\
                 data: {{ a: \"1\", b.txt: \"two\\nlines\\n\" }}\n"
                ),
            ),
            (
                format!("service-{n}"),
                format!(
                    "apiVersion: v1\nkind: Service\nmetadata: {{ name: service-{n}, finalizers: [a.example/x, b.example/y] }}\n\
                 spec: {{ selector: {{ app: web }}, ports: [{{ name: http, port: 80 }}, {{ name: dns, port: 53, protocol: UDP }}] }}\n"
                ),
            ),
            (
                format!("deployment-{n}"),
                format!(
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: deployment-{n} }}\nspec:\n  replicas: 0\n  \
                 selector: {{ matchLabels: {{ app: web-{n} }} }}\n  template:\n    metadata: {{ labels: {{ app: web-{n} }} }}\n    \
                 spec:\n      containers:\n      - name: web\n        image: registry.example/web:1\n        \
                 ports: [{{ containerPort: 80 }}]\n        env: [{{ name: A, value: \"1\" }}, {{ name: B, value: \"2\" }}]\n        \
                 resources: {{ requests: {{ cpu: 10m }} }}\n      volumes: [{{ name: tmp, emptyDir: {{}} }}]\n"
                ),
            ),
        ];
        for (name, object) in objects {
            let object = edits.iter().filter(|edit| edit.0 == name).fold(object, |object, (_, old, new)| {
                assert!(object.contains(old), "{name} has no {old}");
                object.replace(old, new)
            });
            let _always = write!(text, "---\n{object}");
        }
    }
    text
}

/// How many requests the applies of a namespace made that write or only pretend to.
fn patches(namespace: &Namespace) -> usize {
    namespace.audited().iter().filter(|line| line["verb"] == "patch").count()
}

/// Every object, without what its controllers write.
fn everything(namespace: &Namespace) -> Vec<Value> {
    let list = ["get", "configmap,service,deployment", "--namespace", &namespace.name];
    let listed =
        namespace.kubectl(&[&list[..], &["--output", "json", "--show-managed-fields"]].concat(), None);
    let mut listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let items = listed["items"].as_array_mut().unwrap();
    for item in &mut *items {
        item.as_object_mut().unwrap().remove("status");
        let metadata = item["metadata"].as_object_mut().unwrap();
        metadata.remove("resourceVersion");
        let controllers = |entry: &Value| entry["manager"] == "kube-controller-manager";
        metadata["managedFields"].as_array_mut().unwrap().retain(|entry| !controllers(entry));
        for entry in metadata["managedFields"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("time");
        }
    }
    std::mem::take(items)
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_already_so_is_not_sent() {
    let namespace = Namespace::new("standing").await;
    let cold = namespace.apply(&set(&[])).await;
    assert!(cold.iter().all(|object| object.change == Change::Created), "{cold:?}");
    let before = patches(&namespace);
    let again = namespace.apply(&set(&[])).await;
    assert!(again.iter().all(|object| object.change == Change::Unchanged), "{again:?}");
    let uids = |objects: &[relhost_model::call::AppliedObject]| {
        objects.iter().map(|object| (object.name.clone(), object.uid.clone())).collect::<Vec<_>>()
    };
    assert_eq!(uids(&cold), uids(&again), "whatever was sent, the same is said of it");
    assert_eq!(patches(&namespace), before, "nothing is sent");
    release(&namespace);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_not_so_any_more_is_applied_and_nothing_else() {
    let namespace = Namespace::new("drift").await;
    namespace.apply(&set(&[])).await;
    let patch = |object: &str, how: &str, patch: &str| {
        let arguments = ["patch", object, "--namespace", &namespace.name, "--type", how, "--patch", patch];
        namespace.kubectl(&arguments, None);
    };
    // Somebody else: what is ours is changed or gone, or theirs is put beside it.
    patch("configmap/map-0", "merge", r#"{ "data": { "a": "changed" } }"#);
    patch("configmap/map-1", "merge", r#"{ "data": { "a": null } }"#);
    patch(
        "configmap/map-2",
        "merge",
        r#"{ "data": { "theirs": "3" }, "metadata": { "labels": { "team": "x" } } }"#,
    );
    namespace.kubectl(&["delete", "configmap/map-3", "--namespace", &namespace.name], None);
    patch(
        "service/service-0",
        "json",
        r#"[{ "op": "replace", "path": "/spec/ports/0/targetPort", "value": 8080 }]"#,
    );
    patch("service/service-1", "json", r#"[{ "op": "remove", "path": "/spec/ports/1" }]"#);
    patch(
        "service/service-2",
        "json",
        r#"[{ "op": "add", "path": "/metadata/finalizers/1", "value": "c.example/z" }]"#,
    );
    let scale = ["scale", "deployment/deployment-0", "--replicas", "0", "--namespace", &namespace.name];
    namespace.kubectl(&scale, None);
    let env = r#"{ "spec": { "template": { "spec": { "containers": [{ "name": "web", "env": [{ "name": "B", "value": "9" }] }] } } } }"#;
    patch("deployment/deployment-1", "strategic", env);
    patch("deployment/deployment-2", "strategic", &env.replace("\"B\"", "\"THEIRS\""));
    // The manifest: other values, more fields, fewer, another order.
    let edits: [Edit<'_>; 6] = [
        ("map-4", "a: \"1\"", "a: \"2\""),
        ("map-5", "a: \"1\", ", ""),
        ("map-6", "app: web", "app: web, tier: back"),
        ("service-3", ", port: 53", ", port: 54"),
        ("deployment-3", "web:1", "web:2"),
        (
            "deployment-4",
            "{ name: A, value: \"1\" }, { name: B, value: \"2\" }",
            "{ name: B, value: \"2\" }, { name: A, value: \"1\" }",
        ),
    ];
    let before = patches(&namespace);
    let applied = namespace.apply(&set(&edits)).await;
    let mut changed: Vec<&str> = applied
        .iter()
        .filter(|object| object.change != Change::Unchanged)
        .map(|object| object.name.as_str())
        .collect();
    changed.sort_unstable();
    let wanted = [
        "deployment-1",
        "deployment-3",
        "deployment-4",
        "map-0",
        "map-1",
        "map-3",
        "map-4",
        "map-5",
        "map-6",
        "service-1",
        "service-3",
    ];
    assert_eq!(changed, wanted);
    let sent = patches(&namespace) - before;
    assert!(sent < 3 * applied.len(), "{sent} requests for {} objects", applied.len());

    // The judge is the server: an apply of everything, by the same manager, finds nothing left to do.
    let left = everything(&namespace);
    let whole = ["apply", "--server-side", "--field-manager", "relhost", "--namespace", &namespace.name];
    namespace.kubectl(&[&whole[..], &["--filename", "-"]].concat(), Some(&set(&edits)));
    assert_eq!(everything(&namespace), left);
    release(&namespace);
}

/// Takes the finalizers off, which nobody else would: the namespace could not go away.
fn release(namespace: &Namespace) {
    for n in 0..EACH {
        let name = format!("service/service-{n}");
        let none = r#"{ "metadata": { "finalizers": null } }"#;
        let patch = ["patch", &name, "--namespace", &namespace.name, "--type", "merge", "--patch", none];
        namespace.kubectl(&patch, None);
    }
}
