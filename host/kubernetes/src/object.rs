//! A Kubernetes object as JSON, and where pods hide in it.

use serde_json::{Map, Value};

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The file and the number of the document in it, for messages.
    pub origin: String,
    /// The object itself.
    pub body: Value,
}

impl Object {
    /// For example `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.body["apiVersion"].as_str().unwrap_or_default()
    }

    /// For example `Deployment`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_default()
    }

    /// The group of its API; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.body["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The namespace it names.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.body["metadata"]["namespace"].as_str()
    }

    /// `Kind/name`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// Every pod specification in it, wherever it is: any map that holds `containers` with names.
    pub fn pod_specs(&mut self, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
        walk(&mut self.body, visit);
    }
}

fn walk(value: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            let holds_containers =
                map.get("containers").and_then(Value::as_array).is_some_and(|containers| {
                    !containers.is_empty() && containers.iter().all(|container| container["name"].is_string())
                });
            if holds_containers {
                visit(map);
                return;
            }
            map.values_mut().for_each(|value| walk(value, visit));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

/// Whether a name stands for one object wherever it is put into a path: in a URL a `/` would lead to another
/// resource or another namespace, in a state folder to another folder.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '%']) && !name.contains(char::is_control)
}

/// Whether a name may be that of a Secret (a DNS subdomain).
#[must_use]
pub fn is_subdomain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    is_name(name) && name.len() <= 253 && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_elsewhere() {
        for name in ["web", "system:controller:web", "a.b", "ä b?c#d"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "web/status", "../../other/secrets/db", "a%2Fb", "a\\b", "a\nb"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_subdomain("a-1.b") && !is_subdomain("A") && !is_subdomain("a?b"));
    }
}
