//! Objects that `kubectl apply` wrote client-side before: its fields become ours, or a field that is removed
//! from the manifest would stay for ever (kubernetes/kubernetes#99003).

use relhost_model::call::CallError;
use serde_json::{Map, Value, json};

use super::failure;
use super::plan::Planned;
use crate::client::{Apply, Connection, MANAGER, Response};

/// What kubectl calls itself when it applies client-side.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// Hands the fields of a client-side apply over to ours, and applies again, which drops those that the
/// manifest does not have. `None` if there was none.
///
/// # Errors
/// If the server refuses; an object that was changed meanwhile is a transient conflict.
pub(super) async fn from_client_side(
    connection: &Connection,
    planned: &mut Planned,
    applied: &Value,
) -> Result<Option<Response>, CallError> {
    let Some(managers) = merged(&applied["metadata"]["managedFields"]) else { return Ok(None) };
    let patch = json!([
        { "op": "test", "path": "/metadata/resourceVersion", "value": applied["metadata"]["resourceVersion"] },
        { "op": "replace", "path": "/metadata/managedFields", "value": managers },
    ]);
    let kind = planned.reached_by()?;
    let told = |planned: &Planned, error| failure::of(connection, planned, &error);
    let name = planned.object.name().to_owned();
    connection.patch(&kind, &name, &patch).await.map_err(|error| told(planned, error))?;
    let how = Apply { force: planned.force, dry_run: false };
    let again = connection.apply(&kind, &planned.object.body, how).await;
    let again = again.map_err(|error| told(planned, error))?;
    let title = planned.object.title();
    planned.note(format!("{title}: took over what `kubectl apply` had applied"));
    Ok(Some(again))
}

/// The list of managers with the client-side one merged into ours; `None` if it is not there.
fn merged(managers: &Value) -> Option<Vec<Value>> {
    let managers = managers.as_array()?;
    let theirs = managers.iter().find(|entry| {
        entry["manager"] == CLIENT_SIDE && entry["operation"] == "Update" && entry["subresource"].is_null()
    })?;
    let mut kept: Vec<Value> = managers.iter().filter(|entry| *entry != theirs).cloned().collect();
    let ours = kept.iter_mut().find(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply")?;
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
    use super::*;

    #[test]
    fn the_client_side_entry_goes_into_ours() {
        let managers = json!([
            { "manager": "relhost", "operation": "Apply", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
            { "manager": CLIENT_SIDE, "operation": "Update",
              "fieldsV1": { "f:spec": { "f:paused": {}, "f:replicas": {} }, "f:metadata": { "f:labels": {} } } },
            { "manager": "kube-controller-manager", "operation": "Update", "subresource": "status" },
        ]);
        let merged = merged(&managers).unwrap();
        assert_eq!(merged.len(), 2);
        let fields =
            json!({ "f:spec": { "f:replicas": {}, "f:paused": {} }, "f:metadata": { "f:labels": {} } });
        assert_eq!(merged[0]["fieldsV1"], fields);
    }

    #[test]
    fn nothing_is_done_where_nobody_applied_client_side() {
        let managers = json!([{ "manager": "relhost", "operation": "Apply", "fieldsV1": {} }]);
        assert_eq!(merged(&managers), None);
        assert_eq!(merged(&Value::Null), None);
    }
}
