//! Objects that `kubectl apply` wrote client-side before: its fields become ours, or a field that is removed
//! from the manifest would stay for ever (kubernetes/kubernetes#99003).

use std::borrow::Cow;

use relhost_model::call::CallError;
use serde_json::{Map, Value, json};

use super::plan::Planned;
use super::{failure, owner};
use crate::client::Connection;

/// How often it is tried: the controllers of the object write its status just after it was applied.
const ROUNDS_MAX: u32 = 5;

/// Hands the fields of a client-side apply over to ours. The next apply then drops those that the manifest
/// does not have. `false` if there was none.
///
/// # Errors
/// If the server refuses; an object that changes all the time is a transient conflict.
pub(super) async fn from_client_side(
    connection: &Connection,
    planned: &mut Planned,
    applied: &Value,
) -> Result<bool, CallError> {
    let kind = planned.reached_by()?;
    let (name, title) = (planned.object.name().to_owned(), planned.object.title());
    let told = |planned: &Planned, error| failure::of(connection, planned, &error);
    let mut seen = Cow::Borrowed(applied);
    for _ in 0..ROUNDS_MAX {
        let Some(managers) = merged(owner::all(&seen)) else { return Ok(false) };
        let patch = json!([
            { "op": "replace", "path": "/metadata/managedFields", "value": managers },
            // With the version that was seen, the server refuses if it is another one by now.
            { "op": "replace", "path": "/metadata/resourceVersion",
              "value": seen["metadata"]["resourceVersion"] },
        ]);
        match connection.patch(&kind, &name, &patch).await {
            Ok(_) => {
                planned.note(format!("{title}: took over what `kubectl apply` had applied"));
                return Ok(true);
            }
            Err(error) if error.is(409) => {
                let live = connection.get(&kind, &name).await.map_err(|error| told(planned, error))?;
                seen = Cow::Owned(live.unwrap_or_default());
            }
            Err(error) => return Err(told(planned, error)),
        }
    }
    Err(CallError::transient("conflict", format!("{title} changes without pause")))
}

/// The list of managers with the client-side one merged into ours; `None` if it is not there.
fn merged(managers: &[Value]) -> Option<Vec<Value>> {
    let theirs = managers.iter().find(|entry| owner::is_client_side(entry))?;
    let mut kept: Vec<Value> = managers.iter().filter(|entry| *entry != theirs).cloned().collect();
    let ours = kept.iter_mut().find(|entry| owner::is_ours(entry))?;
    union(&mut ours["fieldsV1"], &theirs["fieldsV1"]);
    Some(kept)
}

/// Adds the fields of one set to another; both are trees of `f:name`, `k:{...}` and `v:...`.
fn union(into: &mut Value, from: &Value) {
    let Some(from) = from.as_object() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(into) = into.as_object_mut() else { return };
    for (name, below) in from {
        union(into.entry(name.clone()).or_insert_with(|| json!({})), below);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use kube::client::Body;

    use super::super::plan::Check;
    use super::*;
    use crate::client::{Kind, MANAGER};
    use crate::object::Object;

    #[test]
    fn the_client_side_entry_goes_into_ours() {
        let managers = json!([
            { "manager": "relhost", "operation": "Apply", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
            { "manager": "kubectl-client-side-apply", "operation": "Update",
              "fieldsV1": { "f:spec": { "f:paused": {}, "f:replicas": {} }, "f:metadata": { "f:labels": {} } } },
            { "manager": "kube-controller-manager", "operation": "Update", "subresource": "status" },
        ]);
        let merged = merged(managers.as_array().unwrap()).unwrap();
        assert_eq!(merged.len(), 2);
        let fields =
            json!({ "f:spec": { "f:replicas": {}, "f:paused": {} }, "f:metadata": { "f:labels": {} } });
        assert_eq!(merged[0]["fieldsV1"], fields);
    }

    #[test]
    fn nothing_is_done_where_nobody_applied_client_side() {
        let managers = json!([{ "manager": "relhost", "operation": "Apply", "fieldsV1": {} }]);
        assert_eq!(merged(managers.as_array().unwrap()), None);
        assert_eq!(merged(&[]), None);
    }

    #[tokio::test]
    async fn a_status_that_is_written_meanwhile_is_no_failure() {
        let live = |version: &str| {
            json!({ "metadata": { "resourceVersion": version, "managedFields": [
                { "manager": MANAGER, "operation": "Apply", "fieldsV1": {} },
                { "manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": { "f:spec": {} } },
            ] } })
        };
        let answers = Mutex::new(VecDeque::from([(409, json!({})), (200, live("2")), (200, live("3"))]));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sent);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (status, body) = answers.lock().unwrap().pop_front().unwrap();
            let seen = Arc::clone(&seen);
            async move {
                let bytes = request.into_body().collect_bytes().await.unwrap();
                seen.lock().unwrap().push(serde_json::from_slice::<Value>(&bytes).unwrap_or_default());
                let body = Body::from(body.to_string().into_bytes());
                Ok::<_, std::io::Error>(http::Response::builder().status(status).body(body).unwrap())
            }
        });
        let client = kube::Client::new(service, "dev");
        let connection = Connection::over("dev-aks".parse().unwrap(), "https://k", "dev", client);
        let body = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" } });
        let object = Object { origin: "a.yaml".into(), body };
        let kind = Kind::builtin("apps/v1", "Deployment", "deployments");
        let mut planned = Planned::new(object, Some(kind), Check::First);
        assert!(from_client_side(&connection, &mut planned, &live("1")).await.unwrap());
        let sent = sent.lock().unwrap();
        let versions: Vec<&Value> = [&sent[0], &sent[2]].map(|patch| &patch[1]["value"]).into();
        assert_eq!(versions, ["1", "2"], "the second try is about what is there by now");
    }
}
