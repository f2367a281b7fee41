//! Whether an object works, by what its own status says. Pure: the same object gives the same answer.
//!
//! A status counts only if it is about the generation that was applied, or a later one. The rules by kind
//! stand in the files below; what has no rule is judged by its conditions, and is ready without any.

pub mod cause;
pub mod field;
pub mod text;

mod extension;
mod finite;
mod network;
mod storage;
mod workload;

use relhost_model::call::AppliedObject;
use serde_json::Value;

use cause::Cause;
use field::Seen;

pub use network::{address, is_load_balancer};
pub use storage::binds_later;

/// Whether an object works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It does, or nothing is left to wait for.
    Ready {
        /// What a person should know all the same.
        note: Option<String>,
    },
    /// Not yet.
    Progressing {
        /// Where it stands, for example `1 of 3 ready`.
        reason: String,
    },
    /// It will not without a change.
    Failed(Cause),
}

impl Readiness {
    fn ready() -> Self {
        Self::Ready { note: None }
    }

    fn noted(note: impl Into<String>) -> Self {
        Self::Ready { note: Some(note.into()) }
    }

    fn progressing(reason: impl Into<String>) -> Self {
        Self::Progressing { reason: reason.into() }
    }
}

/// Judges an object for what was applied.
#[must_use]
pub fn readiness(object: &Value, applied: &AppliedObject) -> Readiness {
    let seen = Seen { object, applied };
    if seen.at("/metadata/deletionTimestamp").is_some() {
        return Readiness::progressing("it is being deleted");
    }
    if seen.is_older_than_apply() {
        return Readiness::progressing("the change is not visible yet");
    }
    if seen.is_observed() == Some(false) {
        return Readiness::progressing(NOT_OBSERVED);
    }
    match (seen.group(), applied.kind.as_str()) {
        ("apps", "Deployment") => workload::deployment(&seen),
        ("apps", "StatefulSet") => workload::stateful_set(&seen),
        ("apps", "DaemonSet") => workload::daemon_set(&seen),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => workload::replica_set(&seen),
        ("", "Pod") => finite::pod(&seen),
        ("batch", "Job") => finite::job(&seen),
        ("", "PersistentVolumeClaim") => storage::claim(&seen),
        ("", "Service") => network::service(&seen),
        // Many controllers never write the address of an Ingress, so nobody waits for it.
        ("networking.k8s.io", "Ingress") => Readiness::ready(),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => extension::definition(&seen),
        ("autoscaling", "HorizontalPodAutoscaler") => extension::autoscaler(&seen),
        _ if has_no_status(applied) => Readiness::ready(),
        _ => extension::by_conditions(&seen),
    }
}

const NOT_OBSERVED: &str = "its controller has not seen the change yet";

/// Whether objects of this kind are ready as soon as they exist, so that nobody needs to read them. A wait
/// needs no right to read Secrets because of this.
#[must_use]
pub fn has_no_status(applied: &AppliedObject) -> bool {
    let group = applied.api_version.split_once('/').map_or("", |(group, _)| group);
    is_without_status(group, &applied.kind)
}

/// As [`has_no_status`], by group and kind.
#[must_use]
pub fn is_without_status(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("", "ConfigMap" | "Secret" | "ServiceAccount" | "LimitRange" | "ResourceQuota" | "Endpoints")
            | ("batch", "CronJob")
            | ("policy", "PodDisruptionBudget")
            | ("networking.k8s.io", "NetworkPolicy" | "IngressClass")
            | ("rbac.authorization.k8s.io", _)
            | ("scheduling.k8s.io", "PriorityClass")
            | ("storage.k8s.io", "StorageClass")
            | ("discovery.k8s.io", "EndpointSlice")
    )
}

#[cfg(test)]
mod tests;
