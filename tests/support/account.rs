//! A service account that may do something in one namespace, and how a client becomes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cluster::Namespace;

/// The control plane's administrator, as the audit log names them.
pub const ADMIN: &str = "admin";

/// What a deployer needs: everything with what it applies, and to look at what becomes of it.
#[must_use]
pub fn deployer() -> Value {
    json!([
        {
            "apiGroups": [""],
            "resources": ["services", "secrets", "configmaps", "serviceaccounts", "persistentvolumeclaims"],
            "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
        },
        {
            "apiGroups": ["apps"],
            "resources": ["deployments", "statefulsets", "daemonsets"],
            "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
        },
        {
            "apiGroups": ["batch"],
            "resources": ["jobs", "cronjobs"],
            "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
        },
        { "apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["get", "list", "watch"] },
    ])
}

/// A service account with a role and a token.
#[derive(Debug, Clone)]
pub struct Account {
    /// As the audit log names it.
    pub user: String,
    /// The token.
    pub token: String,
    namespace: String,
    server: String,
    ca: String,
}

impl Account {
    /// Makes one in a namespace, with these rules there and none elsewhere.
    ///
    /// # Panics
    /// If the control plane refuses.
    #[must_use]
    pub fn new(namespace: &Namespace, name: &str, rules: &Value) -> Self {
        let metadata = json!({ "name": name, "namespace": namespace.name() });
        let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name });
        let subject = json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace.name() });
        let rbac = "rbac.authorization.k8s.io/v1";
        let objects = json!({
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata },
                { "apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": rules },
                {
                    "apiVersion": rbac, "kind": "RoleBinding", "metadata": metadata,
                    "roleRef": role, "subjects": [subject],
                },
            ],
        });
        let _created = namespace.kubectl(&["create", "-f", "-"], &objects.to_string());
        let token = namespace.kubectl(&["create", "token", name, "--duration=2h"], "");
        let plane = namespace.plane();
        Self {
            user: format!("system:serviceaccount:{}:{name}", namespace.name()),
            token: token.trim().to_owned(),
            namespace: namespace.name().to_owned(),
            server: plane.server.clone(),
            ca: std::fs::read_to_string(&plane.ca).expect("read the authority's certificate"),
        }
    }

    /// The certificate of the control plane's authority, PEM.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// A kubeconfig in which one context is this account. The current one is another, whose token nobody
    /// accepts: who does not choose gets nowhere.
    #[must_use]
    pub fn kubeconfig(&self, context: &str) -> String {
        let Self { token, namespace, server, .. } = self;
        let ca = STANDARD.encode(&self.ca);
        format!(
            "apiVersion: v1
kind: Config
current-context: nobody
clusters:
  - name: test
    cluster: {{ server: \"{server}\", certificate-authority-data: {ca} }}
users:
  - name: nobody
    user: {{ token: not-a-token }}
  - name: {context}
    user: {{ token: {token} }}
contexts:
  - name: nobody
    context: {{ cluster: test, user: nobody }}
  - name: {context}
    context: {{ cluster: test, user: {context}, namespace: {namespace} }}
"
        )
    }
}
