//! Which pods belong to what was applied.

use serde_json::Value;

use super::scene::Scene;
use super::{Finding, name, pod, uid};
use crate::status::cause::{Cause, Code};
use crate::status::field::{Seen, number, text};

/// The revision of a workload that was applied.
pub(super) struct Revision<'a> {
    /// What makes its pods: the ReplicaSet of a Deployment, else the workload itself. `None` for a
    /// Deployment that has none yet.
    pub(super) maker: Option<&'a Value>,
    /// Its pods.
    pub(super) pods: Vec<&'a Value>,
}

/// `None` for a kind that has no pods, and while the controller has not seen what was applied.
pub(super) fn current<'a>(seen: &Seen<'a>, scene: &Scene<'a>) -> Option<Revision<'a>> {
    if seen.is_older_than_apply() || seen.is_observed() == Some(false) {
        return None;
    }
    let owned = || scene.pods_of(uid(seen.object)).iter().copied();
    let (maker, pods) = match (seen.group(), seen.applied.kind.as_str()) {
        ("apps", "Deployment") => {
            let maker = replica_set(seen, scene);
            (maker, maker.map(|maker| scene.pods_of(uid(maker)).to_vec()).unwrap_or_default())
        }
        ("apps", "ReplicaSet") | ("", "ReplicationController") | ("batch", "Job") => {
            (Some(seen.object), owned().collect())
        }
        ("apps", "StatefulSet") => {
            let hash = seen.text("/status/updateRevision");
            let label = "/metadata/labels/controller-revision-hash";
            (Some(seen.object), owned().filter(|pod| text(pod, label) == hash).collect())
        }
        ("apps", "DaemonSet") => {
            (Some(seen.object), owned().filter(|pod| is_of_template(seen, pod)).collect())
        }
        ("", "Pod") => (None, vec![seen.object]),
        _ => return None,
    };
    Some(Revision { maker, pods })
}

/// The ReplicaSet with the revision that the Deployment names as its own.
fn replica_set<'a>(seen: &Seen<'a>, scene: &Scene<'a>) -> Option<&'a Value> {
    const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";
    let revision = seen.text(REVISION);
    let mut sets = scene.replica_sets_of(uid(seen.object)).iter().copied();
    sets.find(|set| !revision.is_empty() && text(set, REVISION) == revision)
}

/// A DaemonSet numbers its templates; reading the hash of the newest one would need one more right.
fn is_of_template(seen: &Seen<'_>, pod: &Value) -> bool {
    let template = seen.at("/metadata/annotations/deprecated.daemonset.template.generation");
    let label = pod.pointer("/metadata/labels/pod-template-generation");
    match (template.and_then(number), label.and_then(number)) {
        (Some(template), Some(label)) => template == label,
        _ => true,
    }
}

/// The pods of a workload's current revision that run, for their images.
#[must_use]
pub fn running<'a>(seen: &Seen<'a>, scene: &Scene<'a>) -> Vec<&'a Value> {
    let mut pods = current(seen, scene).map(|revision| revision.pods).unwrap_or_default();
    pods.retain(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    pods
}

/// A StatefulSet replaces its pods one by one and waits for each; an older pod that is broken holds it up
/// until somebody deletes that pod.
pub(super) fn held_up(seen: &Seen<'_>, revision: &Revision<'_>, scene: &Scene<'_>) -> Vec<Finding> {
    if seen.applied.kind != "StatefulSet" || seen.group() != "apps" {
        return Vec::new();
    }
    let old = scene.pods_of(uid(seen.object)).iter().copied();
    let old = old.filter(|pod| !revision.pods.iter().any(|new| std::ptr::eq(*new, *pod)));
    let broken = old.filter_map(|pod| {
        let finding = pod::findings(seen, pod, scene).into_iter().min_by_key(|finding| finding.cause.code)?;
        let message = format!(
            "pod {} of the previous revision holds up the update until it is deleted: {}",
            name(pod),
            finding.cause.message
        );
        let mut cause = Cause::new(Code::Stalled, seen.title(), message).since(finding.cause.since);
        cause.pod = Some(name(pod).to_owned());
        Some(Finding::suspected(cause))
    });
    broken.collect()
}
