//! From manifest files to objects: every document is an object with a kind and a name, lists are taken
//! apart, and what a server fills in is taken out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relhost_engine::port::cluster::Manifest;
use relhost_model::call::CallError;
use relhost_model::yaml::{ManifestBudget, documents};
use serde_json::{Map, Value};

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
    let mut body = normalised(document);
    if body["kind"] == "Secret" {
        fold_string_data(&mut body);
    }
    objects.push(Object { origin: origin.to_owned(), body });
    Ok(())
}

/// Puts `stringData` into `data`: the server keeps no owner for it, so a key that is removed later would
/// stay for ever.
fn fold_string_data(secret: &mut Value) {
    let texts = &secret["stringData"];
    // What is no text is left for the server to refuse.
    let Some(texts) = texts.as_object().filter(|texts| texts.values().all(Value::is_string)).cloned() else {
        return;
    };
    if let Some(secret) = secret.as_object_mut() {
        secret.remove("stringData");
    }
    if !secret["data"].is_object() {
        secret["data"] = Value::Object(Map::new());
    }
    for (key, text) in texts {
        secret["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_text(text: &str) -> Result<Vec<Object>, CallError> {
        read(&[Manifest { path: "app/a.yaml".into(), text: text.into() }])
    }

    #[test]
    fn lists_are_taken_apart_and_what_the_server_fills_in_is_taken_out() {
        let text = "apiVersion: v1\nkind: List\nitems:\n\
            - { apiVersion: v1, kind: ConfigMap, metadata: { name: a, uid: u, creationTimestamp: null } }\n\
            - { apiVersion: v1, kind: Service, metadata: { name: b }, status: {} }\n---\n---\n\
            { apiVersion: v1, kind: Pod, metadata: { name: c } }\n";
        let objects = read_text(text).unwrap();
        let titles: Vec<String> = objects.iter().map(Object::title).collect();
        assert_eq!(titles, ["ConfigMap/a", "Service/b", "Pod/c"]);
        assert_eq!(objects[0].body["metadata"], json!({ "name": "a" }));
        assert_eq!(objects[1].origin, "app/a.yaml document 1 item 2");
        assert!(objects[1].body.get("status").is_none());
    }

    #[test]
    fn text_of_a_secret_becomes_data() {
        let text = "{ apiVersion: v1, kind: Secret, metadata: { name: s }, data: { a: eA== }, \
            stringData: { b: 'y' } }";
        assert_eq!(read_text(text).unwrap()[0].body["data"], json!({ "a": "eA==", "b": "eQ==" }));
        let wrong = "{ apiVersion: v1, kind: Secret, metadata: { name: s }, stringData: { b: y } }";
        assert_eq!(read_text(wrong).unwrap()[0].body["stringData"], json!({ "b": true }));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let cases = [
            ("a: 1", "app/a.yaml document 1 has no `apiVersion` and `kind`"),
            ("# nothing", "the manifests hold no object"),
            ("{ apiVersion: v1, kind: Pod }", "app/a.yaml document 1: the Pod has no `metadata.name`"),
            (
                "{ apiVersion: v1, kind: Pod, metadata: { generateName: p- } }",
                "app/a.yaml document 1: a Pod with `generateName` would be another object each time",
            ),
            (
                "{ apiVersion: v1, kind: Pod, metadata: { name: p } }\n---\n\
                 { apiVersion: v1, kind: Pod, metadata: { name: p } }",
                "Pod/p is in app/a.yaml document 1 and again in app/a.yaml document 2",
            ),
        ];
        for (text, message) in cases {
            let error = read_text(text).unwrap_err();
            assert_eq!((error.code.as_str(), error.message.as_str()), ("invalid-manifest", message));
        }
    }

    #[test]
    fn the_text_of_a_file_with_secrets_is_never_shown() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { a: hunter2, a: hunter2 }\n";
        let error = read_text(text).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
