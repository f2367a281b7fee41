//! Kubernetes Secrets from secret values, created or updated in one request: there is no moment without one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relhost_engine::port::cluster::{SecretContent, SecretRequest};
use relhost_model::call::{AppliedObject, CallError, Change};
use serde_json::{Map, Value, json};

use crate::client::{ApiError, Apply, Connection, Kind};
use crate::object::is_subdomain;

/// Creates or updates a Secret. Its fields are taken from whoever had them: the pipeline names this object
/// as its own.
///
/// # Errors
/// If the cluster refuses. The text names fields and never values.
pub async fn keep(connection: &Connection, request: &SecretRequest) -> Result<AppliedObject, CallError> {
    named(request)?;
    let kind = Kind::builtin("v1", "Secret", "secrets");
    let body = body(connection.namespace(), request)?;
    let how = Apply { force: true, dry_run: false };
    let name = &request.name;
    let response =
        connection.apply(&kind, &body, how).await.map_err(|error| told(connection, name, &error))?;
    let metadata = &response.body["metadata"];
    Ok(AppliedObject {
        api_version: "v1".into(),
        kind: "Secret".into(),
        name: name.clone(),
        change: if response.status == 201 { Change::Created } else { Change::Configured },
        generation: None,
        uid: metadata["uid"].as_str().map(str::to_owned),
    })
}

/// Checks what a server would refuse, before the name becomes part of a path.
///
/// # Errors
/// `invalid-object`.
pub(crate) fn named(request: &SecretRequest) -> Result<(), CallError> {
    if is_subdomain(&request.name) {
        return Ok(());
    }
    let text = format!("a Secret cannot be named {:?}", request.name);
    Err(CallError::permanent("invalid-object", text)
        .with("help", "use small letters, digits, `-` and `.`, at most 253 of them"))
}

fn told(connection: &Connection, name: &str, error: &ApiError) -> CallError {
    let what = format!("create Secret/{name} in namespace `{}`", connection.namespace());
    let told = error.at_secret(connection.cluster(), &what);
    match error {
        ApiError::Status { code: 422, causes, .. } if causes.iter().any(|cause| cause.field == "type") => {
            let text = format!("Secret/{name} exists with another type, which cannot be changed");
            CallError::permanent("immutable-field", text).with("help", "delete it, or use another name")
        }
        ApiError::Status { code: 404, .. } => {
            let text = format!("{what}: there is no such namespace");
            CallError::permanent("namespace-missing", text)
                .with("help", format!("create namespace `{}`", connection.namespace()))
        }
        ApiError::Status { code: 403, .. } => {
            told.with("role", "- { apiGroups: [\"\"], resources: [secrets], verbs: [create, patch] }")
        }
        _ => told,
    }
}

fn body(namespace: &str, request: &SecretRequest) -> Result<Value, CallError> {
    let (kind, data) = match &request.content {
        SecretContent::DockerRegistry { server, user, password, email } => {
            // Replaced characters would make another password of it, which nobody would find out.
            let password = std::str::from_utf8(password.expose()).map_err(|_| {
                let text = format!("the password for registry `{server}` is not UTF-8 text");
                CallError::permanent("secret-unreadable", text)
            })?;
            let auth = STANDARD.encode(format!("{user}:{password}"));
            let mut entry = json!({ "username": user, "password": password, "auth": auth });
            if let Some(email) = email {
                entry["email"] = json!(email);
            }
            let config = json!({ "auths": { server: entry } }).to_string();
            let data = Map::from_iter([(".dockerconfigjson".to_owned(), json!(STANDARD.encode(config)))]);
            ("kubernetes.io/dockerconfigjson", data)
        }
        SecretContent::Generic(entries) => {
            let entries = entries.iter();
            let data = entries.map(|(key, value)| (key.clone(), json!(STANDARD.encode(value.expose()))));
            ("Opaque", data.collect())
        }
    };
    Ok(json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
        "metadata": { "name": request.name, "namespace": namespace },
    }))
}

#[cfg(test)]
mod tests {
    use relhost_model::digest::Digest;
    use relhost_model::secret::SecretValue;

    use super::*;

    fn decoded(value: &Value) -> String {
        String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
    }

    fn request(content: SecretContent) -> SecretRequest {
        SecretRequest { key: Digest::of(b"k"), name: "pull".into(), content }
    }

    #[test]
    fn a_registry_secret_is_what_nodes_expect() {
        let password = SecretValue::new(b"p:w".to_vec());
        let content = SecretContent::DockerRegistry {
            server: "example.azurecr.io".into(),
            user: "u".into(),
            password,
            email: Some("u@example.com".into()),
        };
        let body = body("dev", &request(content)).unwrap();
        assert_eq!(body["type"], "kubernetes.io/dockerconfigjson");
        assert_eq!(body["metadata"], json!({ "name": "pull", "namespace": "dev" }));
        let config: Value = serde_json::from_str(&decoded(&body["data"][".dockerconfigjson"])).unwrap();
        let entry = &config["auths"]["example.azurecr.io"];
        assert_eq!(entry["username"], "u");
        assert_eq!(entry["password"], "p:w");
        assert_eq!(entry["email"], "u@example.com");
        assert_eq!(decoded(&entry["auth"]), "u:p:w");
    }

    #[test]
    fn a_password_that_is_no_text_is_not_changed_in_silence() {
        let password = SecretValue::new(vec![b'a', 0xff]);
        let (server, user) = ("example.azurecr.io".into(), "u".into());
        let content = SecretContent::DockerRegistry { server, user, password, email: None };
        assert_eq!(body("dev", &request(content)).unwrap_err().code, "secret-unreadable");
    }

    #[test]
    fn the_name_of_a_secret_is_one_segment() {
        let named = |name: &str| {
            let content = SecretContent::Generic(Vec::new());
            named(&SecretRequest { name: name.into(), ..request(content) })
        };
        assert!(named("pull.1-a").is_ok());
        for name in ["", "..", "../../other/secrets/a-secret", "a/b-secret", "A", "a b"] {
            assert_eq!(named(name).unwrap_err().code, "invalid-object", "{name}");
        }
    }

    #[test]
    fn a_generic_secret_keeps_bytes() {
        let entries = vec![("key".to_owned(), SecretValue::new(vec![0xff, 0x00]))];
        let body = body("dev", &request(SecretContent::Generic(entries))).unwrap();
        assert_eq!(body["type"], "Opaque");
        assert_eq!(STANDARD.decode(body["data"]["key"].as_str().unwrap()).unwrap(), [0xff, 0x00]);
    }
}
