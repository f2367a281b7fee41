//! What the account of a connection may not do.

use crate::PATIENT;
use crate::namespace::{Namespace, deployment};

/// May read Deployments and little else.
const ACCOUNT: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules:
  - { apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list] }
  - { apiGroups: [""], resources: [pods], verbs: [get, list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: reader }]
"#;

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn where_watching_is_not_allowed_it_is_listed_more_often() {
    let namespace = Namespace::new("poll").await;
    namespace.prepare(ACCOUNT);
    let reader = namespace.as_account("reader", namespace.server()).await;
    let objects = namespace.apply(&deployment(1, "slow-ready", "")).await;
    let (result, lines) = namespace.wait(&reader, objects, PATIENT).await;
    assert_eq!(result.unwrap().images.len(), 1);
    let note = |begin: &str| lines.iter().filter(|line| line.starts_with(begin)).count();
    assert_eq!(note("Deployment of apps/v1 is listed every few seconds, because "), 1, "{lines:#?}");
    assert_eq!(note("Event of v1 cannot be read, so a failure is explained less well: "), 1, "{lines:#?}");
    assert!(lines.contains(&"Deployment/web is ready".to_owned()), "{lines:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_may_not_be_read_at_all_is_not_waited_for() {
    let namespace = Namespace::new("blind").await;
    namespace.prepare(ACCOUNT);
    let reader = namespace.as_account("reader", namespace.server()).await;
    let service = "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n";
    let objects = namespace.apply(service).await;
    let (result, _) = namespace.wait(&reader, objects, PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "forbidden");
    assert!(error.message.starts_with("wait for Service/web: services"), "{}", error.message);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn secrets_are_applied_and_never_read() {
    let namespace = Namespace::new("secret").await;
    let manifest = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{ name: db }}\nstringData: {{ password: x }}\n---\n{}",
        deployment(1, "ready", "")
    );
    let objects = namespace.apply(&manifest).await;
    let before = namespace.audited().len();
    let (result, _) = namespace.wait(&namespace.cluster, objects, PATIENT).await;
    result.unwrap();
    let requests = namespace.audited();
    let read: Vec<&str> = requests[before..]
        .iter()
        .filter(|request| ["get", "list", "watch"].contains(&request["verb"].as_str().unwrap()))
        .filter_map(|request| request["objectRef"]["resource"].as_str())
        .collect();
    assert!(read.contains(&"deployments"), "{read:?}");
    assert!(!read.contains(&"secrets"), "{read:?}");
    assert!(requests[before..].iter().all(|request| request["verb"] != "patch"));
}
