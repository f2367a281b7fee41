//! From manifest files to objects: every document is an object with a kind and a name, lists are taken
//! apart, and what a server fills in is taken out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relhost_engine::port::cluster::Manifest;
use relhost_model::call::CallError;
use relhost_model::yaml::{ManifestBudget, documents};
use serde_json::{Map, Value};

use crate::object::{Object, is_name};

/// What kubectl notes on what it applies client-side.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// A wrong value that is longer is cut in the message.
const SHOWN_CHARS: usize = 100;

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
    if is_list(&document) {
        return unroll_items(document, origin, objects);
    }
    if document["metadata"]["generateName"].is_string() {
        let text = format!("{origin}: a {kind} with `generateName` would be another object each time");
        return Err(invalid(text).with("help", "give it a `name`"));
    }
    if document["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        return Err(invalid(format!("{origin}: the {kind} has no `metadata.name`")));
    }
    can_be_named(&document, origin)?;
    let mut body = normalised(document);
    if body["kind"] == "Secret" {
        fold_string_data(&mut body);
    }
    objects.push(Object { origin: origin.to_owned(), body });
    Ok(())
}

/// Whether a document is a list of objects: `List`, or what a server sends, such as `DeploymentList`.
fn is_list(document: &Value) -> bool {
    let kind = document["kind"].as_str().unwrap_or_default();
    let plain = kind == "List" && document["apiVersion"] == "v1";
    plain || kind.ends_with("List") && document["items"].is_array() && document["metadata"]["name"].is_null()
}

fn unroll_items(mut list: Value, origin: &str, objects: &mut Vec<Object>) -> Result<(), CallError> {
    let items = match list["items"].take() {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        _ => return Err(invalid(format!("{origin}: `items` is not a list"))),
    };
    let kind =
        list["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).filter(|kind| !kind.is_empty());
    for (index, mut item) in items.into_iter().enumerate() {
        // In a list of one kind the objects need not repeat it.
        if let (Some(kind), Some(object)) = (kind, item.as_object_mut()) {
            object.entry("apiVersion").or_insert_with(|| list["apiVersion"].clone());
            object.entry("kind").or_insert_with(|| kind.into());
        }
        unroll(item, &format!("{origin} item {}", index + 1), objects)?;
    }
    Ok(())
}

/// What becomes a part of a path must not lead elsewhere.
fn can_be_named(document: &Value, origin: &str) -> Result<(), CallError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
    let name = text(&document["metadata"]["name"]);
    let plain = |part: &str, also: &[char]| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || also.contains(&c))
    };
    let (group, number) = version.split_once('/').unwrap_or(("core", &version));
    let wrong = if !plain(group, &['.']) || group.contains("..") || !plain(number, &[]) {
        ("apiVersion", version)
    } else if !plain(&kind, &[]) {
        ("kind", kind)
    } else if !is_name(&name) {
        ("metadata.name", name)
    } else {
        return Ok(());
    };
    let shown: String = wrong.1.chars().take(SHOWN_CHARS).collect();
    Err(invalid(format!("{origin}: `{}` cannot be {shown:?}", wrong.0)))
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
        // A dump of an object that kubectl applied: it holds the whole object again, the data of a Secret too.
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    body
}

/// Whatever namespace they name: a connection has one, so that two of a kind and name are the same object.
fn no_duplicates(objects: &[Object]) -> Result<(), CallError> {
    let mut seen: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    for object in objects {
        let key = (object.group(), object.kind(), object.name());
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
    fn a_list_of_one_kind_is_taken_apart_and_its_items_have_that_kind() {
        let text = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: { name: a }\n\
            - { apiVersion: v1, kind: Service, metadata: { name: b } }\n";
        let objects = read_text(text).unwrap();
        let titles: Vec<String> = objects.iter().map(Object::title).collect();
        assert_eq!(titles, ["Deployment/a", "Service/b"]);
        assert_eq!(objects[0].api_version(), "apps/v1");
        // A kind of somebody's own may end like this, or be called so.
        let own = "{ apiVersion: example.com/v1, kind: AllowList, metadata: { name: a }, items: [] }\n---\n\
            { apiVersion: example.com/v1, kind: List, metadata: { name: b }, items: [] }";
        assert_eq!(read_text(own).unwrap().len(), 2);
        let error = read_text("{ apiVersion: v1, kind: List, items: { a: 1 } }").unwrap_err();
        assert_eq!(error.message, "app/a.yaml document 1: `items` is not a list");
    }

    #[test]
    fn nothing_that_becomes_part_of_a_path_leads_elsewhere() {
        let object = |version: &str, kind: &str, name: &str| {
            json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } }).to_string()
        };
        let cases = [
            (object("v1", "Secret", "../../other/secrets/db"), "`metadata.name` cannot be \"../../other"),
            (object("apps/v1", "Deployment", "web/scale"), "`metadata.name` cannot be \"web/scale\""),
            (object("v1", "Secret", ".."), "`metadata.name` cannot be \"..\""),
            (object("apps/v1/namespaces/other", "Deployment", "a"), "`apiVersion` cannot be \"apps/v1/names"),
            (object("apps/v1?x", "Deployment", "a"), "`apiVersion` cannot be \"apps/v1?x\""),
            (object("../v1", "Deployment", "a"), "`apiVersion` cannot be"),
            (object("v1", "Pod/status", "a"), "`kind` cannot be \"Pod/status\""),
        ];
        for (text, message) in cases {
            let error = read_text(&text).unwrap_err();
            assert_eq!(error.code, "invalid-manifest");
            assert!(error.message.contains(message), "{}", error.message);
        }
        let role = object("rbac.authorization.k8s.io/v1", "Role", "system:a:b");
        assert_eq!(read_text(&role).unwrap()[0].name(), "system:a:b");
    }

    #[test]
    fn what_kubectl_noted_on_an_object_is_not_applied_again() {
        let text = "{ apiVersion: v1, kind: Secret, metadata: { name: s, annotations: { a: b, \
            kubectl.kubernetes.io/last-applied-configuration: hunter2 } } }";
        let objects = read_text(text).unwrap();
        assert_eq!(objects[0].body["metadata"]["annotations"], json!({ "a": "b" }));
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
            // Both would be put into the only namespace.
            (
                "{ apiVersion: v1, kind: Pod, metadata: { name: p } }\n---\n\
                 { apiVersion: v1, kind: Pod, metadata: { name: p, namespace: dev } }",
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
