//! What can be said about a connection without changing anything.

use relhost_model::call::CallError;
use serde_json::json;

use crate::client::{ApiError, Connection, Kind};

const IDENTITY_REVIEW: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const ACCESS_REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
/// What the bundled stages need.
const USUAL: [(&str, &str); 3] = [("apps", "deployments"), ("", "services"), ("", "secrets")];

/// The server's version, who we are there, and what we may do in the namespace.
///
/// # Errors
/// If the server cannot be reached or does not know us.
pub(super) async fn collect(connection: &Connection) -> Result<Vec<String>, CallError> {
    let told = |what: &'static str| move |error: ApiError| error.at(connection.cluster(), what);
    let version = connection.read("/version").await.map_err(told("ask for the version"))?;
    let mut facts = vec![format!("Kubernetes {}", version["gitVersion"].as_str().unwrap_or("unknown"))];
    let question = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    match connection.review(IDENTITY_REVIEW, &question).await {
        Ok(answer) => {
            let user = answer["status"]["userInfo"]["username"].as_str().unwrap_or("unknown").to_owned();
            facts.push(format!("as {user}"));
        }
        // Servers before 1.28 do not tell.
        Err(ApiError::Status { code: 403 | 404, .. }) => {}
        Err(error) => return Err(told("ask who we are")(error)),
    }
    facts.push(namespace(connection).await.map_err(told("read the namespace"))?);
    for (group, resource) in USUAL {
        let may = may_apply(connection, group, resource).await.map_err(told("ask for rights"))?;
        facts.push(format!("{} apply {resource}", if may { "may" } else { "may NOT" }));
    }
    Ok(facts)
}

async fn namespace(connection: &Connection) -> Result<String, ApiError> {
    let kind = Kind::namespaces();
    let name = connection.namespace();
    match connection.get(&kind, name).await {
        Ok(Some(_)) => Ok(format!("namespace {name}")),
        Ok(None) => Ok(format!("namespace {name} does NOT exist")),
        // A confined account does not see namespaces, its own included.
        Err(ApiError::Status { code: 403, .. }) => Ok(format!("confined to namespace {name}")),
        Err(error) => Err(error),
    }
}

async fn may_apply(connection: &Connection, group: &str, resource: &str) -> Result<bool, ApiError> {
    for verb in ["create", "patch"] {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "namespace": connection.namespace(), "verb": verb, "group": group, "resource": resource,
            } },
        });
        let answer = connection.review(ACCESS_REVIEW, &question).await?;
        if answer["status"]["allowed"] != true {
            return Ok(false);
        }
    }
    Ok(true)
}
