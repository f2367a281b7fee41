//! The objects of one apply, with what the cluster says about them.

use std::borrow::Cow;

use relhost_model::call::CallError;
use serde_json::Value;

use super::wave;
use crate::client::{ApiError, Connection, Kind};
use crate::object::Object;
use crate::policy::{self, Rules};

/// One object on its way to the cluster.
pub(super) struct Planned {
    /// The object; fields that are yielded to others are set to what is live.
    pub object: Object,
    /// How it is reached; `None` while its definition is not applied yet.
    pub kind: Option<Kind>,
    /// When it is applied.
    pub wave: u8,
    /// When it can be checked.
    pub check: Check,
    /// What is live, if an apply would change nothing of it: then nothing is asked or sent.
    pub stands: Option<Value>,
    /// Take fields from managers that give way, as long as the object has this resource version: what
    /// somebody writes later is not what was looked at.
    pub taken: Option<String>,
    /// Whether a dry run was answered: only then the next field says something.
    pub asked: bool,
    /// The resource version before the apply; `None` if the object is new.
    pub before: Option<String>,
    /// What a person should know afterwards.
    pub notes: Vec<String>,
}

/// When the server can be asked what an apply would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Before anything is changed.
    First,
    /// Once the namespace and the definitions of the same set are there.
    Defined,
    /// Right before it is applied: it needs an object of an earlier wave of the same set.
    Last,
}

impl Planned {
    pub(super) fn new(object: Object, kind: Option<Kind>, check: Check) -> Self {
        // What an earlier wave defines cannot be in that wave itself.
        let earliest = if check == Check::Defined { wave::DEFINITIONS + 1 } else { wave::DEFINITIONS };
        let wave = wave::of(object.kind()).max(earliest);
        let (stands, taken, before) = (None, None, None);
        Self { object, kind, wave, check, stands, taken, asked: false, before, notes: Vec::new() }
    }

    /// What is sent.
    pub(super) fn body(&self) -> Cow<'_, Value> {
        let Some(version) = &self.taken else { return Cow::Borrowed(&self.object.body) };
        let mut body = self.object.body.clone();
        body["metadata"]["resourceVersion"] = version.clone().into();
        Cow::Owned(body)
    }

    /// How the object is reached. Only an object whose definition comes with the set is not yet, and those
    /// are resolved before their wave.
    pub(super) fn reached_by(&self) -> Result<Kind, CallError> {
        self.kind.clone().ok_or_else(|| {
            let text = format!("{}: its definition is not applied yet", self.object.title());
            CallError::permanent("kind-unknown", text)
        })
    }

    /// Adds something that a person should know, once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// Finds out how every object is reached. An object whose definition or namespace is in the same set waits
/// for it.
///
/// # Errors
/// `kind-unknown` or `kind-denied`, naming file and object.
pub(super) async fn resolve(
    connection: &Connection,
    objects: Vec<Object>,
    rules: Rules<'_>,
) -> Result<Vec<Planned>, CallError> {
    let learned = connection.learn_kinds(objects.iter().map(Object::api_version).collect()).await;
    learned.map_err(|error| error.at(connection.cluster(), "ask what it serves"))?;
    let makes_namespace = makes_namespace(connection, &objects).await?;
    let defined: Vec<(String, String)> = objects.iter().filter_map(definition).collect();
    let mut planned = Vec::new();
    for mut object in objects {
        let defined_here = defined.contains(&(object.group().to_owned(), object.kind().to_owned()));
        match connection.kind(object.api_version(), object.kind()).await {
            Ok(kind) => {
                allowed(&mut object, &kind, rules)?;
                // The definition may change with this very set.
                let waits = defined_here || makes_namespace && kind.namespaced;
                let check = if waits { Check::Defined } else { Check::First };
                planned.push(Planned::new(object, Some(kind), check));
            }
            Err(ApiError::NotServed { .. }) if defined_here => {
                planned.push(Planned::new(object, None, Check::Defined));
            }
            Err(error) => {
                let what = format!("{} ({})", object.title(), object.origin);
                return Err(error.at(connection.cluster(), &what));
            }
        }
    }
    Ok(planned)
}

/// Whether the set brings the namespace that its objects go to.
async fn makes_namespace(connection: &Connection, objects: &[Object]) -> Result<bool, CallError> {
    let name = connection.namespace();
    let is_it =
        |object: &Object| object.group().is_empty() && object.kind() == "Namespace" && object.name() == name;
    if !objects.iter().any(is_it) {
        return Ok(false);
    }
    match connection.get(&Kind::namespaces(), name).await {
        Ok(found) => Ok(found.is_none()),
        // Who may not see it cannot make it either, which is said later.
        Err(ApiError::Status { code: 403, .. }) => Ok(false),
        Err(error) => Err(error.at(connection.cluster(), &format!("read Namespace/{name}"))),
    }
}

/// Whether a refusal is about an object that an earlier wave of the same set makes: a RoleBinding is refused
/// while its Role is not there, a Pod while its ServiceAccount is not.
pub(super) fn is_brought(planned: &[Planned], index: usize, refusal: &CallError) -> bool {
    let told = refusal.message.to_lowercase();
    if !told.contains("not found") && !told.contains("was found") {
        return false;
    }
    let end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':'));
    let words: Vec<&str> = told.split(end).collect();
    planned.iter().any(|other| {
        let (kind, name) = (other.object.kind().to_lowercase(), other.object.name().to_lowercase());
        other.wave < planned[index].wave && told.contains(&kind) && words.contains(&name.as_str())
    })
}

/// Finds out how objects are reached whose definition has been applied since.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn resolve_deferred(
    connection: &Connection,
    planned: &mut [Planned],
    rules: Rules<'_>,
) -> Result<(), CallError> {
    for planned in planned.iter_mut().filter(|planned| planned.kind.is_none()) {
        let object = &mut planned.object;
        let kind = connection.kind(object.api_version(), object.kind()).await.map_err(|error| {
            error.at(connection.cluster(), &format!("{} ({})", object.title(), object.origin))
        })?;
        allowed(object, &kind, rules)?;
        planned.kind = Some(kind);
    }
    Ok(())
}

/// A kind that no table knows may still belong to the whole cluster.
fn allowed(object: &mut Object, kind: &Kind, rules: Rules<'_>) -> Result<(), CallError> {
    if kind.namespaced {
        return Ok(());
    }
    if let Some(metadata) = object.body["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    policy::cluster_kind(object, rules)
}

/// Group and kind that a definition adds.
fn definition(object: &Object) -> Option<(String, String)> {
    if object.kind() != "CustomResourceDefinition" {
        return None;
    }
    let spec = &object.body["spec"];
    Some((spec["group"].as_str()?.to_owned(), spec["names"]["kind"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn planned(kind: &str, name: &str) -> Planned {
        let body = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name } });
        Planned::new(Object { origin: "a.yaml".into(), body }, None, Check::First)
    }

    #[test]
    fn what_is_taken_is_taken_from_the_object_that_was_looked_at() {
        let mut planned = planned("ConfigMap", "a");
        assert!(planned.body()["metadata"].get("resourceVersion").is_none());
        planned.taken = Some("7".into());
        assert_eq!(planned.body()["metadata"]["resourceVersion"], "7");
        assert!(planned.object.body["metadata"].get("resourceVersion").is_none());
    }

    #[test]
    fn what_waits_for_a_definition_is_not_in_its_wave() {
        let body =
            json!({ "apiVersion": "example.com/v1", "kind": "QueueClass", "metadata": { "name": "a" } });
        let object = Object { origin: "a.yaml".into(), body };
        assert_eq!(Planned::new(object.clone(), None, Check::First).wave, wave::DEFINITIONS);
        assert!(Planned::new(object, None, Check::Defined).wave > wave::DEFINITIONS);
    }

    #[test]
    fn what_the_set_brings_itself_is_missing_only_for_now() {
        let set = [
            planned("ServiceAccount", "runner"),
            planned("Role", "reader"),
            planned("PriorityClass", "high"),
            planned("RoleBinding", "reader"),
            planned("Pod", "once"),
        ];
        let brought = |index: usize, message: &str| {
            is_brought(&set, index, &CallError::permanent("forbidden", message))
        };
        assert!(brought(3, "RoleBinding/reader: roles.rbac.authorization.k8s.io \"reader\" not found"));
        let account = "pods \"once\" is forbidden: error looking up service account dev/runner: \
            serviceaccount \"runner\" not found";
        assert!(brought(4, account));
        assert!(brought(4, "pods \"once\" is forbidden: no PriorityClass with name high was found"));
        assert!(!brought(4, &account.replace("runner", "other")));
        assert!(!brought(3, "roles.rbac.authorization.k8s.io \"reader2\" not found"));
        assert!(!brought(4, "User \"runner\" cannot patch pods with serviceaccount"));
        // It comes at the same time or later, so it would not be there either.
        assert!(!brought(1, "role \"reader\" needs serviceaccount \"runner\", which was not found"));
    }
}
