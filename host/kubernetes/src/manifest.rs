//! From manifest files to objects: every document is an object with a kind and a name, lists are taken
//! apart, and what a server fills in is taken out.

use std::collections::BTreeMap;

use relhost_engine::port::cluster::Manifest;
use relhost_model::call::CallError;
use relhost_model::yaml::{ManifestBudget, documents};
use serde_json::Value;

use crate::object::Object;

/// Reads every file, in order.
///
/// # Errors
/// Code `invalid-manifest`, with file and document.
pub fn read(manifests: &[Manifest]) -> Result<Vec<Object>, CallError> {
    let mut objects = Vec::new();
    for manifest in manifests {
        // A Secret may be in it, and its text must not show up in a message.
        let show_source = !manifest.text.contains("Secret");
        let budget = ManifestBudget { show_source, ..ManifestBudget::default() };
        let documents = documents(&manifest.text, &budget).map_err(|problems| {
            let rendered = problems.in_file(&manifest.path).render();
            invalid(rendered.lines().next().unwrap_or("the manifest is not valid"))
                .with("place", rendered.clone())
        })?;
        for (index, document) in documents.into_iter().enumerate() {
            let origin = format!("{} document {}", manifest.path, index + 1);
            unroll(document, &origin, &mut objects)?;
        }
    }
    if objects.is_empty() {
        return Err(invalid("the manifests hold no object"));
    }
    no_duplicates(&objects)?;
    Ok(objects)
}

fn invalid(message: impl Into<String>) -> CallError {
    CallError::permanent("invalid-manifest", message)
}

fn unroll(document: Value, origin: &str, objects: &mut Vec<Object>) -> Result<(), CallError> {
    if document.is_null() {
        return Ok(());
    }
    let kind = document["kind"].as_str().unwrap_or_default();
    if kind.is_empty() || !document["apiVersion"].is_string() {
        return Err(invalid(format!("{origin} has no `apiVersion` and `kind`")));
    }
    if kind == "List" {
        let Value::Object(mut list) = document else { return Ok(()) };
        let items = list.remove("items").unwrap_or_default();
        for (index, item) in items.as_array().cloned().unwrap_or_default().into_iter().enumerate() {
            unroll(item, &format!("{origin} item {}", index + 1), objects)?;
        }
        return Ok(());
    }
    if document["metadata"]["generateName"].is_string() {
        let text = format!("{origin}: a {kind} with `generateName` would be another object each time");
        return Err(invalid(text).with("help", "give it a `name`"));
    }
    if document["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        return Err(invalid(format!("{origin}: the {kind} has no `metadata.name`")));
    }
    objects.push(Object { origin: origin.to_owned(), body: normalised(document) });
    Ok(())
}

/// Without what belongs to the server.
fn normalised(mut body: Value) -> Value {
    if let Some(map) = body.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = body["metadata"].as_object_mut() {
        for field in
            ["creationTimestamp", "managedFields", "uid", "resourceVersion", "generation", "selfLink"]
        {
            metadata.remove(field);
        }
    }
    body
}

fn no_duplicates(objects: &[Object]) -> Result<(), CallError> {
    let mut seen: BTreeMap<(String, String, String, String), &str> = BTreeMap::new();
    for object in objects {
        let group = object.api_version().split_once('/').map_or("", |(group, _)| group).to_owned();
        let namespace = object.namespace().unwrap_or_default().to_owned();
        let key = (group, object.kind().to_owned(), namespace, object.name().to_owned());
        if let Some(first) = seen.insert(key, &object.origin) {
            return Err(invalid(format!("{} is in {first} and again in {}", object.title(), object.origin)));
        }
    }
    Ok(())
}
