//! Workloads that hand their size over to an autoscaler.
//!
//! A manifest that leaves `spec.replicas` out, because an autoscaler of the same set sets it from now on, would
//! scale the workload to one: the field was ours, and a field that its owner leaves out falls back to its default
//! (kubernetes/kubernetes#67135). It stays as it is until the autoscaler takes it.

use relhost_model::call::CallError;
use serde_json::Value;

use super::plan::Planned;
use super::{failure, owner};
use crate::client::{ApiError, Connection};
use crate::object::Object;

/// Kinds that have a size.
const SIZED: [&str; 2] = ["Deployment", "StatefulSet"];

/// Puts the live size into every workload that would lose it.
///
/// # Errors
/// If the cluster cannot be asked.
pub(super) async fn keep(connection: &Connection, planned: &mut [Planned]) -> Result<(), CallError> {
    for index in 0..planned.len() {
        let Some(scaler) = scaler_of(planned, index) else { continue };
        let workload = &mut planned[index];
        let (kind, name, title) =
            (workload.reached_by()?, workload.object.name().to_owned(), workload.object.title());
        let live = match connection.get(&kind, &name).await {
            Ok(live) => live,
            // An account need not be able to read what it applies.
            Err(ApiError::Status { code: 403, .. }) => continue,
            Err(error) => return Err(failure::of(connection, workload, &error)),
        };
        let Some(replicas) = live.as_ref().and_then(ours) else { continue };
        workload.object.body["spec"]["replicas"] = replicas.into();
        workload.note(format!("{title}: kept at {replicas} replicas until {scaler} sets them"));
    }
    Ok(())
}

/// The autoscaler of the set that scales a workload without a size of its own.
fn scaler_of(planned: &[Planned], index: usize) -> Option<String> {
    let workload = &planned[index].object;
    let is_sized = workload.group() == "apps" && SIZED.contains(&workload.kind());
    if !is_sized || !workload.body["spec"]["replicas"].is_null() {
        return None;
    }
    let scales = |object: &&Object| {
        let target = &object.body["spec"]["scaleTargetRef"];
        let kind = target["kind"].as_str().unwrap_or("Deployment");
        target["name"] == workload.name() && kind == workload.kind()
    };
    planned.iter().map(|planned| &planned.object).find(scales).map(Object::title)
}

/// The live size, if an earlier release has set it.
fn ours(live: &Value) -> Option<i64> {
    let set = owner::ours(live)?["fieldsV1"]["f:spec"]["f:replicas"].is_object();
    live["spec"]["replicas"].as_i64().filter(|_| set)
}
