//! The objects of one apply, with what the cluster says about them.

use relhost_model::call::CallError;

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
    /// It can be checked only after an earlier wave of the same set.
    pub deferred: bool,
    /// Take fields from managers that give way.
    pub force: bool,
    /// The resource version before the apply; `None` if the object is new.
    pub before: Option<String>,
    /// What a person should know afterwards.
    pub notes: Vec<String>,
}

impl Planned {
    fn new(object: Object, kind: Option<Kind>, deferred: bool) -> Self {
        let wave = wave::of(object.kind());
        Self { object, kind, wave, deferred, force: false, before: None, notes: Vec::new() }
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
    let brings_namespace = objects.iter().any(|object| object.kind() == "Namespace");
    let defined: Vec<(String, String)> = objects.iter().filter_map(definition).collect();
    let mut planned = Vec::new();
    for mut object in objects {
        let defined_here = defined.contains(&(object.group().to_owned(), object.kind().to_owned()));
        match connection.kind(object.api_version(), object.kind()).await {
            Ok(kind) => {
                allowed(&mut object, &kind, rules)?;
                let deferred = brings_namespace && kind.namespaced;
                planned.push(Planned::new(object, Some(kind), deferred));
            }
            Err(ApiError::NotServed { .. }) if defined_here => {
                planned.push(Planned::new(object, None, true));
            }
            Err(error) => {
                let what = format!("{} ({})", object.title(), object.origin);
                return Err(error.at(connection.cluster(), &what));
            }
        }
    }
    Ok(planned)
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
