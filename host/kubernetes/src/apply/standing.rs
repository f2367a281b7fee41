//! Objects that are already what their manifest says. They are not sent: to apply them would change nothing, and most of
//! the objects of most releases are like that.
//!
//! A server-side apply changes nothing if every field of the manifest has its value and is ours, and nothing else is
//! ours. The server says in `managedFields` what is ours. Where that cannot be told from here, because a value has
//! another form at the server or somebody else wrote it, the object is applied like any other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::owner;
use super::plan::{Check, Planned};
use crate::client::{Connection, Kind};
use crate::object::Object;

/// So many objects of a kind are looked at by one list. Fewer are applied in the time that the list would take.
const LOOK_FROM: usize = 8;

/// Finds them. What cannot be read is applied.
pub(super) async fn find(connection: &Connection, planned: &mut [Planned]) {
    let mut kinds: BTreeMap<(String, String), (Kind, Vec<usize>)> = BTreeMap::new();
    for (index, planned) in planned.iter().enumerate() {
        let Some(kind) = planned.kind.as_ref().filter(|kind| may_stand(kind, planned.check)) else {
            continue;
        };
        let key = (kind.api_version(), kind.plural.clone());
        kinds.entry(key).or_insert_with(|| (kind.clone(), Vec::new())).1.push(index);
    }
    let many = kinds.into_values().filter(|(_, indices)| indices.len() >= LOOK_FROM);
    let looks = many.map(|(kind, indices)| {
        let names: BTreeSet<String> =
            indices.iter().map(|index| planned[*index].object.name().to_owned()).collect();
        async move { (connection.named(&kind, &names).await, kind, indices) }
    });
    for (found, kind, indices) in futures::future::join_all(looks).await {
        let mut found = match found {
            Ok(found) => found,
            // An account need not be able to read what it applies.
            Err(error) => {
                tracing::debug!(kind = kind.plural, %error, "not looked at before the apply");
                continue;
            }
        };
        for index in indices {
            let live = found.remove(planned[index].object.name());
            planned[index].stands = live.filter(|live| stands(&planned[index].object, live));
        }
    }
}

/// Whether objects of a kind are looked at: what a definition or a namespace of the same set changes first is not, and
/// Secrets are never read.
fn may_stand(kind: &Kind, check: Check) -> bool {
    check == Check::First && kind.namespaced && !(kind.group.is_empty() && kind.kind == "Secret")
}

/// Whether an apply of the object would change nothing of what is live.
fn stands(object: &Object, live: &Value) -> bool {
    let Some(ours) = owner::ours(live) else { return false };
    live["metadata"]["deletionTimestamp"].is_null()
        && !owner::all(live).iter().any(owner::is_client_side)
        && ours["apiVersion"] == object.api_version()
        && same(&ours["fieldsV1"], &manageable(object), live)
}

/// The object without what says only which one it is: nobody owns that.
fn manageable(object: &Object) -> Value {
    let mut body = object.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| name != "apiVersion" && name != "kind");
    }
    if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.retain(|name, _| name != "name" && name != "namespace");
        if metadata.is_empty()
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("metadata");
        }
    }
    body
}

/// Whether what is wanted is exactly what is owned, and is live. `owned` is a tree of `f:name`, `k:{...}` and `v:...`
/// (structured-merge-diff's FieldsV1); a `.` in it is the thing itself.
fn same(owned: &Value, wanted: &Value, live: &Value) -> bool {
    let Some(owned) = owned.as_object() else { return false };
    let below = owned.iter().filter(|(name, _)| *name != ".");
    match wanted {
        _ if below.clone().next().is_none() => wanted == live,
        Value::Object(wanted) => {
            let field = |(name, owned): (&String, &Value)| {
                let name = name.strip_prefix("f:")?;
                Some(same(owned, wanted.get(name)?, live.get(name)?))
            };
            below.clone().count() == wanted.len() && below.clone().all(|entry| field(entry) == Some(true))
        }
        Value::Array(wanted) => items(owned, wanted, live),
        _ => false,
    }
}

/// The same for a list whose items are owned one by one, in the order in which they are wanted.
fn items(owned: &Map<String, Value>, wanted: &[Value], live: &Value) -> bool {
    let Some(mut live) = live.as_array().map(Vec::as_slice) else { return false };
    let mut names: Vec<(Item, &Value)> = Vec::new();
    for (name, below) in owned.iter().filter(|(name, _)| *name != ".") {
        let Some(name) = Item::parse(name) else { return false };
        names.push((name, below));
    }
    if names.len() != wanted.len() {
        return false;
    }
    wanted.iter().all(|wanted| {
        let mut fitting = names.iter().enumerate().filter(|(_, (name, _))| name.may_be(wanted));
        let (Some((index, _)), None) = (fitting.next(), fitting.next()) else { return false };
        let (name, below) = names.swap_remove(index);
        let Some(position) = live.iter().position(|live| name.is(live)) else { return false };
        let item = &live[position];
        live = &live[position + 1..];
        match name {
            Item::Keys(_) => same(below, wanted, item),
            Item::Value(_) => wanted == item,
        }
    })
}

/// What tells an item of a list from the others.
enum Item {
    Keys(Map<String, Value>),
    Value(Value),
}

impl Item {
    fn parse(name: &str) -> Option<Self> {
        if let Some(keys) = name.strip_prefix("k:") {
            return serde_json::from_str(keys).ok().map(Self::Keys);
        }
        serde_json::from_str(name.strip_prefix("v:")?).ok().map(Self::Value)
    }

    /// Whether this item of a manifest may be it. One that leaves a key out, such as `protocol`, gets it from the server.
    fn may_be(&self, wanted: &Value) -> bool {
        match self {
            Self::Keys(keys) => keys.iter().all(|(key, value)| wanted.get(key).is_none_or(|it| it == value)),
            Self::Value(value) => wanted == value,
        }
    }

    fn is(&self, live: &Value) -> bool {
        match self {
            Self::Keys(keys) => keys.iter().all(|(key, value)| live.get(key) == Some(value)),
            Self::Value(value) => live == value,
        }
    }
}

#[cfg(test)]
mod tests;
