//! A pull secret that is not there shows up minutes later as an image that cannot be pulled: better now.

use relhost_model::call::CallError;
use serde_json::Value;

use super::plan::Planned;
use crate::client::{ApiError, Connection, Kind};

const DOCKER_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// Checks that every pull secret is there, or comes with the set, and is one.
///
/// # Errors
/// `pull-secret-missing` or `pull-secret-wrong`.
pub(super) async fn check(
    connection: &Connection,
    names: &[String],
    planned: &[Planned],
) -> Result<(), CallError> {
    let kind = Kind::builtin("v1", "Secret", "secrets");
    for name in names {
        let brought = planned.iter().map(|planned| &planned.object);
        let brought = brought.filter(|object| object.api_version() == "v1" && object.kind() == "Secret");
        if let Some(object) = brought.into_iter().find(|object| object.name() == name) {
            usable(name, &object.body)?;
            continue;
        }
        let secret = match connection.get(&kind, name).await {
            Ok(secret) => secret,
            // An account need not be able to read secrets; then the nodes tell.
            Err(ApiError::Status { code: 403, .. }) => continue,
            Err(error) => return Err(error.at_secret(connection.cluster(), &format!("read Secret/{name}"))),
        };
        let Some(secret) = secret else {
            let text = format!("the pull secret `{name}` is not in namespace `{}`", connection.namespace());
            return Err(CallError::permanent("pull-secret-missing", text)
                .with("help", "let the stage create it before it deploys, or correct the name"));
        };
        usable(name, &secret)?;
    }
    Ok(())
}

fn usable(name: &str, secret: &Value) -> Result<(), CallError> {
    let found = secret["type"].as_str().unwrap_or("Opaque");
    if DOCKER_TYPES.contains(&found) {
        return Ok(());
    }
    let text = format!("Secret/{name} is of type {found}, which nodes do not use to pull images");
    Err(CallError::permanent("pull-secret-wrong", text)
        .with("help", "delete it and let the stage create it, or use another name"))
}
