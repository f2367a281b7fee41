//! What is removed, and what is left.

use relhost_engine::port::cluster::{CleanupRequest, Cluster as _};
use relhost_model::call::AppliedObject;

use crate::namespace::{Lines, Namespace, deployment};

const SET: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: green }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: more }
---
";

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn only_what_was_applied_is_removed() {
    let namespace = Namespace::new("clean").await;
    let mut objects = namespace.apply(&(SET.to_owned() + &deployment(1, "ready", ""))).await;
    // Somebody puts another one in its place; and of these nobody knows the uid any more.
    namespace.kubectl(&["delete", "configmap", "more", "--namespace", &namespace.name], None);
    namespace.prepare(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: more }\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: { name: foreign }\n",
    );
    let nameless = |object: &AppliedObject| AppliedObject { uid: None, ..object.clone() };
    let settings = objects.iter().position(|object| object.name == "settings").unwrap();
    objects[settings].uid = None;
    objects.push(AppliedObject { name: "foreign".into(), ..nameless(&objects[settings]) });
    objects.push(AppliedObject { name: "never".into(), ..nameless(&objects[settings]) });

    let lines = Lines::default();
    let removed = namespace.cluster.cleanup(&CleanupRequest::Objects(objects), &lines).await.unwrap();
    let lines = lines.0.into_inner().unwrap();
    assert_eq!(removed, ["Deployment/web", "ConfigMap/settings"], "{lines:#?}");
    assert!(lines.contains(&"ConfigMap/foreign is left: relhost did not apply it".to_owned()), "{lines:#?}");
    for (name, there) in [("settings", false), ("more", true), ("foreign", true)] {
        assert_eq!(namespace.find("configmap", name).is_some(), there, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn missing_rights_are_said_at_once_and_nothing_is_removed() {
    let namespace = Namespace::new("may-not").await;
    namespace.prepare(
        r#"
apiVersion: v1
kind: ServiceAccount
metadata: { name: half }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: half }
rules:
- { apiGroups: [apps], resources: [deployments], verbs: [get, delete] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: half }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: half }
subjects: [{ kind: ServiceAccount, name: half }]
"#,
    );
    let service =
        "---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n";
    let objects = namespace.apply(&(SET.to_owned() + &deployment(1, "ready", "") + service)).await;
    let half = namespace.as_account("half", namespace.server()).await;
    let error = half.cleanup(&CleanupRequest::Objects(objects), &Lines::default()).await.unwrap_err();
    assert_eq!(error.code, "forbidden");
    assert!(error.message.ends_with("may not delete configmaps, delete services"), "{error:?}");
    assert!(namespace.find("deployment", "web").is_some());
}
