//! What a connection and a grant allow, checked for every object before the first call.

mod builtin;

use relhost_model::call::CallError;
use serde_json::json;

use crate::object::Object;

/// What is allowed. A kind is named `Kind` or `group/Kind`. `Kind` alone means the one that Kubernetes itself
/// brings, where there is one: another group's `Deployment` is another thing.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The only namespace.
    pub namespace: &'a str,
    /// Kinds of the grant; empty does not restrict.
    pub kinds: &'a [String],
    /// Cluster-scoped kinds that the connection allows.
    pub cluster_kinds: &'a [String],
}

impl Rules<'_> {
    fn grants(&self, object: &Object) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|rule| names(rule, object.group(), object.kind()))
    }

    /// Whether an object that belongs to the whole cluster may be applied all the same: the connection's own
    /// namespace, and what the operator allows.
    #[must_use]
    pub fn allows_in_cluster(&self, object: &Object) -> bool {
        let (group, kind) = (object.group(), object.kind());
        let own_namespace = group.is_empty() && kind == "Namespace" && object.name() == self.namespace;
        own_namespace || self.cluster_kinds.iter().any(|rule| names(rule, group, kind))
    }
}

/// Whether a rule names this kind of this group.
fn names(rule: &str, group: &str, kind: &str) -> bool {
    match rule.split_once('/') {
        Some((wanted, rest)) => rest == kind && (wanted == group || wanted == "core" && group.is_empty()),
        None => rule == kind && builtin::groups(kind).is_none_or(|groups| groups.contains(&group)),
    }
}

/// Whether Kubernetes itself brings this kind of this group.
#[must_use]
pub fn is_builtin(group: &str, kind: &str) -> bool {
    builtin::groups(kind).is_some_and(|groups| groups.contains(&group))
}

/// How a rule has to name the kind of an object.
fn rule_for(object: &Object) -> String {
    let (group, kind) = (object.group(), object.kind());
    if names(kind, group, kind) { kind.to_owned() } else { format!("{group}/{kind}") }
}

/// Confines every object to the namespace, or says which one is not allowed and why.
///
/// # Errors
/// `namespace-denied` or `kind-denied`, naming file, object and rule.
pub fn confine(objects: &mut [Object], rules: Rules<'_>) -> Result<(), CallError> {
    for object in objects {
        let (title, origin) = (object.title(), object.origin.clone());
        if !rules.grants(object) {
            let (rule, granted) = (rule_for(object), rules.kinds.join(", "));
            let text = format!("{title} ({origin}): the grant allows {granted} and not {rule}");
            return Err(CallError::permanent("kind-denied", text).with(
                "help",
                format!("add `{rule}` to `deploy.kinds` of the plugin's grant in relhost.yaml"),
            ));
        }
        if builtin::is_in_cluster(object.group(), object.kind()) {
            cluster_kind(object, rules)?;
            continue;
        }
        match object.body["metadata"]["namespace"].as_str() {
            None | Some("") => object.body["metadata"]["namespace"] = json!(rules.namespace),
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

/// Checks an object that belongs to the whole cluster. Which kinds do is told by Kubernetes for its own, and by
/// the cluster for all others.
///
/// # Errors
/// `kind-denied`, naming file, object and rule.
pub fn cluster_kind(object: &Object, rules: Rules<'_>) -> Result<(), CallError> {
    if rules.allows_in_cluster(object) {
        return Ok(());
    }
    let (title, origin, kind, rule) = (object.title(), &object.origin, object.kind(), rule_for(object));
    let text = format!("{title} ({origin}): a {kind} belongs to the whole cluster");
    Err(CallError::permanent("kind-denied", text)
        .with("help", format!("the operator may allow it: `cluster-kinds: [{rule}]` of the connection")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, kind: &str, namespace: Option<&str>) -> Object {
        let mut body = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "dev" } });
        if let Some(namespace) = namespace {
            body["metadata"]["namespace"] = json!(namespace);
        }
        Object { origin: "a.yaml document 1".into(), body }
    }

    fn confined(object: Object, kinds: &[&str], cluster_kinds: &[&str]) -> Result<Object, CallError> {
        let owned = |kinds: &[&str]| kinds.iter().map(|&kind| kind.to_owned()).collect::<Vec<_>>();
        let (kinds, cluster_kinds) = (owned(kinds), owned(cluster_kinds));
        let rules = Rules { namespace: "dev", kinds: &kinds, cluster_kinds: &cluster_kinds };
        let mut objects = [object];
        confine(&mut objects, rules)?;
        let [object] = objects;
        Ok(object)
    }

    #[test]
    fn an_object_without_a_namespace_is_put_into_the_only_one() {
        for namespace in [None, Some(""), Some("dev")] {
            let confined = confined(object("v1", "Service", namespace), &[], &[]).unwrap();
            assert_eq!(confined.namespace(), Some("dev"));
        }
        let error = confined(object("v1", "Service", Some("other")), &[], &[]).unwrap_err();
        assert_eq!(error.code, "namespace-denied");
        // A kind of that name that lies in namespaces is confined like every other.
        let error = confined(object("example.com/v1", "Namespace", Some("other")), &[], &["Namespace"]);
        assert_eq!(error.unwrap_err().code, "namespace-denied");
    }

    #[test]
    fn a_rule_for_a_kind_is_a_rule_for_its_group() {
        let allowed = |version: &str, kind: &str, rule: &str| {
            confined(object(version, kind, None), &[rule], &[]).map_err(|error| error.details[0].1.clone())
        };
        for (version, kind, rule) in [
            ("apps/v1", "Deployment", "Deployment"),
            ("apps/v1", "Deployment", "apps/Deployment"),
            ("v1", "Service", "core/Service"),
            ("v1", "Event", "Event"),
            ("events.k8s.io/v1", "Event", "Event"),
            ("serving.knative.dev/v1", "Service", "serving.knative.dev/Service"),
            ("cert-manager.io/v1", "Certificate", "Certificate"),
        ] {
            assert!(allowed(version, kind, rule).is_ok(), "{version} {kind} by {rule}");
        }
        let help = allowed("example.com/v1", "Deployment", "Deployment").unwrap_err();
        assert!(help.contains("add `example.com/Deployment`"), "{help}");
        assert!(allowed("serving.knative.dev/v1", "Service", "Service").is_err());
        assert!(allowed("apps/v1", "Deployment", "example.com/Deployment").is_err());
        let help = allowed("apps/v1", "Deployment", "Service").unwrap_err();
        assert!(help.contains("add `Deployment`"), "{help}");
    }

    #[test]
    fn what_belongs_to_the_whole_cluster_is_allowed_by_name_only() {
        let (version, kind) = ("rbac.authorization.k8s.io/v1", "ClusterRole");
        let role = || object(version, kind, None);
        assert_eq!(confined(role(), &[], &[]).unwrap_err().code, "kind-denied");
        for rule in ["ClusterRole", "rbac.authorization.k8s.io/ClusterRole"] {
            let confined = confined(role(), &[], &[rule]).unwrap();
            assert_eq!(confined.namespace(), None);
        }
        assert_eq!(confined(role(), &[], &["example.com/ClusterRole"]).unwrap_err().code, "kind-denied");
        assert!(confined(object("v1", "Namespace", None), &[], &[]).is_ok(), "its own namespace");
        let rules = Rules { namespace: "dev", kinds: &[], cluster_kinds: &[] };
        assert!(cluster_kind(&object("example.com/v1", "Namespace", None), rules).is_err());
    }
}
