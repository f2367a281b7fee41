//! What a connection and a grant allow, checked for every object before the first call.

use relhost_model::call::CallError;
use serde_json::json;

use crate::object::Object;

/// Kinds without a namespace. A kind that is not here and is served without one is refused by the cluster.
const CLUSTER_KINDS: &[&str] = &[
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
    "IngressClass",
    "RuntimeClass",
    "GatewayClass",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "CSIDriver",
    "CSINode",
    "VolumeAttachment",
    "CertificateSigningRequest",
    "FlowSchema",
    "PriorityLevelConfiguration",
];

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The only namespace.
    pub namespace: &'a str,
    /// Kinds of the grant; empty does not restrict.
    pub kinds: &'a [String],
    /// Cluster-scoped kinds that the connection allows.
    pub cluster_kinds: &'a [String],
}

/// Confines every object to the namespace, or says which one is not allowed and why.
///
/// # Errors
/// `namespace-denied` or `kind-denied`, naming file, object and rule.
pub fn confine(objects: &mut [Object], rules: Rules<'_>) -> Result<(), CallError> {
    for object in objects {
        let (title, origin, kind) = (object.title(), object.origin.clone(), object.kind().to_owned());
        if !rules.kinds.is_empty() && !rules.kinds.contains(&kind) {
            let text =
                format!("{title} ({origin}): the grant allows {} and not {kind}", rules.kinds.join(", "));
            return Err(CallError::permanent("kind-denied", text).with(
                "help",
                format!("add `{kind}` to `deploy.kinds` of the plugin's grant in relhost.yaml"),
            ));
        }
        if CLUSTER_KINDS.contains(&kind.as_str()) {
            let own_namespace = kind == "Namespace" && object.name() == rules.namespace;
            if !own_namespace && !rules.cluster_kinds.contains(&kind) {
                let text = format!("{title} ({origin}): a {kind} belongs to the whole cluster");
                return Err(CallError::permanent("kind-denied", text)
                    .with("help", "the operator may allow it under `cluster-kinds` of the connection"));
            }
            continue;
        }
        match object.namespace() {
            None => object.body["metadata"]["namespace"] = json!(rules.namespace),
            Some(namespace) if namespace == rules.namespace => {}
            Some(namespace) => {
                let text = format!(
                    "{title} ({origin}) is for namespace `{namespace}`, and this stage is confined to `{}`",
                    rules.namespace
                );
                return Err(CallError::permanent("namespace-denied", text)
                    .with("help", "remove `metadata.namespace` from the manifest"));
            }
        }
    }
    Ok(())
}
