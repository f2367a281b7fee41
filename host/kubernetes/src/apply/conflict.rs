//! Fields that somebody else manages: taken, yielded, or a question for a person.

use relhost_model::call::CallError;
use serde_json::Value;

use super::plan::Planned;
use crate::client::{Cause, Connection, Kind};

const CONFLICT: &str = "FieldManagerConflict";

/// What is done about a field of another manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A person's tool wrote it before: the release is the new owner.
    Take,
    /// A controller keeps writing it: it stays as it is.
    Yield,
    /// Nobody knows: a person decides.
    Ask,
}

/// Who holds a field.
#[derive(Debug, PartialEq, Eq)]
struct Owner<'a> {
    manager: &'a str,
    subresource: Option<&'a str>,
}

impl<'a> Owner<'a> {
    /// From `conflict with "NAME" with subresource "SUB" using v1 at TIME`.
    fn parse(message: &'a str) -> Self {
        let mut quoted = message.split('"').skip(1).step_by(2);
        let manager = quoted.next().unwrap_or("an unknown manager");
        let subresource = message.contains("with subresource").then(|| quoted.next()).flatten();
        Self { manager, subresource }
    }

    fn rule(&self, field: &str) -> Rule {
        let manager = self.manager.to_ascii_lowercase();
        let by_name = |names: &[&str]| names.iter().any(|name| manager.starts_with(name));
        if by_name(DEPLOYERS) {
            return Rule::Ask;
        }
        if self.subresource == Some("scale") || manager.contains("controller") || by_name(CONTROLLERS) {
            // A release whose image is not the one that runs has not been released.
            return if is_image(field) { Rule::Ask } else { Rule::Yield };
        }
        if by_name(TOOLS) { Rule::Take } else { Rule::Ask }
    }
}

/// What people applied with before: their fields become the release's.
const TOOLS: &[&str] =
    &["kubectl", "before-first-apply", "helm", "terraform", "pulumi", "ansible", "relhost"];
/// What writes again within seconds, whoever takes the field.
const CONTROLLERS: &[&str] = &[
    "keda",
    "vpa-",
    "cluster-autoscaler",
    "horizontal-pod-autoscaler",
    "flagger",
    "rollouts",
    "cert-manager",
];
/// What deploys from somewhere else: to yield would leave the release undone in silence, to take would be
/// undone by it.
const DEPLOYERS: &[&str] = &[
    "argocd",
    "argo-cd",
    "kustomize-controller",
    "helm-controller",
    "kapp-controller",
    "flux",
    "fleet",
    "configsync",
];

/// Whether a field decides what a container runs.
fn is_image(field: &str) -> bool {
    field.ends_with(".image") && field.to_lowercase().contains("containers[")
}

/// Whether a refusal is about fields of other managers.
pub(super) fn over_fields(causes: &[Cause]) -> bool {
    causes.iter().any(|cause| cause.reason == CONFLICT)
}

/// Settles every conflict of one object, or says why they cannot be.
///
/// # Errors
/// `field-conflict`, naming owner, field and both values.
pub(super) async fn settle(
    connection: &Connection,
    kind: &Kind,
    planned: &mut Planned,
    causes: &[Cause],
) -> Result<(), CallError> {
    let name = planned.object.name().to_owned();
    let live = connection.get(kind, &name).await;
    let live = live.map_err(|error| super::failure::of(connection, planned, &error))?.unwrap_or_default();
    let mut refused = Vec::new();
    for cause in causes.iter().filter(|cause| cause.reason == CONFLICT) {
        let owner = Owner::parse(&cause.message);
        let (title, field, manager) = (planned.object.title(), cause.field.as_str(), owner.manager);
        match owner.rule(field) {
            Rule::Take => {
                planned.taken = live["metadata"]["resourceVersion"].as_str().map(str::to_owned);
                planned.note(format!("{title}: took over `{field}` from {manager}"));
            }
            Rule::Yield if copy(&live, &mut planned.object.body, field) => {
                planned.note(format!("{title}: left `{field}` to {manager}, which controls it"));
            }
            Rule::Yield | Rule::Ask => refused.push(refusal(planned, &live, field, manager)),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(super::failure::all(refused)) }
}

fn refusal(planned: &Planned, live: &Value, field: &str, manager: &str) -> CallError {
    let title = planned.object.title();
    let value = |object: &Value| {
        let shown = read(object, field).map_or_else(|| "nothing".to_owned(), Value::to_string);
        // The value of a variable may be a secret that nobody declared as one.
        let hidden = planned.object.kind() == "Secret" || field.contains(".env[");
        if hidden { "***".to_owned() } else { shown }
    };
    CallError::permanent("field-conflict", format!("{title}: `{field}` belongs to {manager}"))
        .with("value there", value(live))
        .with("value in the manifest", value(&planned.object.body))
        .with("file", planned.object.origin.clone())
        .with("help", format!("take the field out of the manifest, or stop {manager} from managing it"))
}

/// Where a field such as `.spec.ports[port=80,protocol="TCP"].targetPort` is, as a JSON pointer. A name may hold
/// dots itself (`.metadata.annotations.example.com/a`), so the object tells where one ends.
fn locate(value: &Value, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(String::new());
    }
    if let Some(inner) = path.strip_prefix('[') {
        let (keys, rest) = inner.split_once(']')?;
        let index = value.as_array()?.iter().position(|item| matches_keys(item, keys))?;
        return Some(format!("/{index}{}", locate(&value[index], rest)?));
    }
    let field = path.strip_prefix('.').unwrap_or(path);
    value.as_object()?.iter().find_map(|(name, below)| {
        let rest = field
            .strip_prefix(name.as_str())
            .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))?;
        let name = name.replace('~', "~0").replace('/', "~1");
        Some(format!("/{name}{}", locate(below, rest)?))
    })
}

fn matches_keys(item: &Value, keys: &str) -> bool {
    keys.split(',').all(|pair| {
        let Some((key, value)) = pair.split_once('=') else { return false };
        // The items of a set have no keys: `[="a"]`.
        let found = if key.is_empty() { item } else { &item[key] };
        serde_json::from_str::<Value>(value).is_ok_and(|value| *found == value)
    })
}

fn read<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    object.pointer(&locate(object, path)?)
}

/// Sets a field to what is live; `false` if the path leads nowhere.
fn copy(live: &Value, object: &mut Value, path: &str) -> bool {
    let Some(value) = read(live, path).cloned() else { return false };
    let target = locate(object, path).and_then(|pointer| object.pointer_mut(&pointer));
    target.map(|target| *target = value).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_owner_decides() {
        let cases = [
            ("conflict with \"kubectl-client-side-apply\" using apps/v1", Rule::Take),
            ("conflict with \"kubectl\" using apps/v1 at 2026-01-01T00:00:00Z", Rule::Take),
            ("conflict with \"kubectl\" with subresource \"scale\" using apps/v1", Rule::Yield),
            (
                "conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1",
                Rule::Yield,
            ),
            ("conflict with \"Helm\" using v1", Rule::Take),
            ("conflict with \"somebody\" using v1", Rule::Ask),
            ("conflict with \"argocd-controller\" using apps/v1", Rule::Ask),
            ("conflict with \"kustomize-controller\"", Rule::Ask),
            ("conflict with \"vpa-recommender\"", Rule::Yield),
            ("conflict", Rule::Ask),
        ];
        for (message, rule) in cases {
            assert_eq!(Owner::parse(message).rule(".spec.replicas"), rule, "{message}");
        }
        let image = r#".spec.template.spec.initContainers[name="web"].image"#;
        let updater = Owner::parse("conflict with \"image-controller\" using apps/v1");
        assert_eq!(updater.rule(image), Rule::Ask, "a release that keeps the old image is none");
        assert_eq!(updater.rule(".spec.paused"), Rule::Yield);
        let owner = Owner::parse("conflict with \"kubectl\" with subresource \"scale\" using apps/v1");
        assert_eq!(owner, Owner { manager: "kubectl", subresource: Some("scale") });
    }

    #[test]
    fn a_yielded_field_is_set_to_what_is_live() {
        let live = json!({ "spec": { "replicas": 5, "ports": [{ "port": 80, "nodePort": 3000 }] } });
        let mut object = json!({ "spec": { "replicas": 2, "ports": [{ "port": 80, "nodePort": 1 }] } });
        assert!(copy(&live, &mut object, ".spec.replicas"));
        assert!(copy(&live, &mut object, ".spec.ports[port=80].nodePort"));
        assert_eq!(object, live);
        assert!(!copy(&live, &mut object, ".spec.ports[port=81].nodePort"));
        assert!(!copy(&live, &mut object, ".spec.missing"));
    }

    #[test]
    fn a_name_with_dots_is_one_field() {
        let object = json!({ "metadata": {
            "annotations": { "a": { "b": 0 }, "a.b/c": 1, "a.b/c.d": 2 }, "finalizers": ["x", "y.z/w"],
        } });
        assert_eq!(read(&object, ".metadata.annotations.a.b/c"), Some(&json!(1)));
        assert_eq!(read(&object, ".metadata.annotations.a.b/c.d"), Some(&json!(2)));
        assert_eq!(read(&object, ".metadata.annotations.a.b"), Some(&json!(0)));
        assert_eq!(read(&object, r#".metadata.finalizers[="y.z/w"]"#), Some(&json!("y.z/w")));
    }
}
