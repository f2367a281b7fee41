//! What is wrong with one pod.

use serde_json::Value;

use super::container::{self, Container};
use super::scene::{Scene, first, last, sentence};
use super::{Finding, grace, name, uid};
use crate::status::cause::{Cause, Code};
use crate::status::field::{Condition, MESSAGE_CHARS, Seen, list, text, time};
use crate::status::text::one_line;

/// Everything that is wrong with a pod of `seen`.
pub(super) fn findings(seen: &Seen<'_>, pod: &Value, scene: &Scene<'_>) -> Vec<Finding> {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return Vec::new();
    }
    let mut found = match text(pod, "/status/phase") {
        "Succeeded" => Vec::new(),
        "Failed" => vec![ended_badly(seen, pod)],
        _ => match unscheduled(seen, pod, scene) {
            Some(finding) => vec![finding],
            None => started(seen, pod, scene),
        },
    };
    let warnings = scene.warnings(uid(pod));
    for finding in &mut found {
        finding.cause.pod.get_or_insert_with(|| name(pod).to_owned());
        for warning in &warnings {
            finding.cause.add("event", warning.clone());
        }
    }
    found
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<Condition<'a>> {
    let found = list(pod, "/status/conditions").iter().find(|condition| condition["type"] == kind)?;
    Some(Condition {
        status: text(found, "/status"),
        reason: text(found, "/reason"),
        message: text(found, "/message"),
        since: time(found, "/lastTransitionTime"),
    })
}

fn unscheduled(seen: &Seen<'_>, pod: &Value, scene: &Scene<'_>) -> Option<Finding> {
    let state = condition(pod, "PodScheduled").filter(|state| state.is("False"))?;
    let text = match state.reason {
        "SchedulingGated" => "the pod is held back by its scheduling gates".to_owned(),
        _ => one_line(&format!("no node takes the pod: {}", state.message), MESSAGE_CHARS),
    };
    let cause =
        Cause::new(Code::Unschedulable, seen.title(), text).since(state.since).with("reason", state.reason);
    Some(match state.reason {
        "Unschedulable" => Finding::after(grace::SCHEDULE, cause, scene.span),
        _ => Finding::suspected(cause),
    })
}

/// A pod that is over. Its Job or the pod itself is the judge of that; a pod of a workload is replaced.
fn ended_badly(seen: &Seen<'_>, pod: &Value) -> Finding {
    let code = match seen.applied.kind.as_str() {
        "Job" => Code::JobFailed,
        _ => Code::PodFailed,
    };
    if let Some(cause) = Container::all(pod).iter().find_map(|it| container::failed(code, seen, it)) {
        return Finding::suspected(cause);
    }
    let (reason, message) = (text(pod, "/status/reason"), text(pod, "/status/message"));
    let text = one_line(&format!("the pod failed: {reason}: {message}"), MESSAGE_CHARS);
    let text = text.trim_end_matches([':', ' ']);
    Finding::suspected(Cause::new(code, seen.title(), text).with("reason", reason))
}

fn started(seen: &Seen<'_>, pod: &Value, scene: &Scene<'_>) -> Vec<Finding> {
    let containers = Container::all(pod);
    let found = containers.iter().filter_map(|it| container::finding(seen, it, scene));
    let mut found: Vec<Finding> = found.collect();
    if containers.is_empty() || containers.iter().any(Container::is_being_created) {
        found.extend(unprepared(seen, pod, scene));
    }
    if found.is_empty() && !containers.is_empty() && containers.iter().all(Container::is_fine) {
        found.extend(gated(seen, pod));
    }
    found
}

/// Containers that are not made yet, because something around them is missing. Only a ConfigMap or a Secret
/// is certain to be missing: attaching a volume that another node held takes minutes by design.
fn unprepared(seen: &Seen<'_>, pod: &Value, scene: &Scene<'_>) -> Option<Finding> {
    const REASONS: &[&str] = &["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"];
    let event = scene.latest(uid(pod), REASONS, |_| true)?;
    // Volumes and network come before the first image: what is pulled says that they are there by now.
    let later = scene.latest(uid(pod), &["Pulling", "Pulled", "Created", "Started"], |_| true);
    if later.is_some_and(|later| last(later) >= last(event)) {
        return None;
    }
    let (reason, message) = (text(event, "/reason"), text(event, "/message"));
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let absent = says(&["secret", "configmap"]) && says(&["not found", "non-existent"]);
    let (code, text) = match reason {
        "FailedMount" if absent => (Code::ConfigMissing, format!("configuration missing: {message}")),
        "FailedCreatePodSandBox" => {
            (Code::ContainerInvalid, format!("the node cannot prepare the pod: {message}"))
        }
        _ => (Code::Volume, format!("a volume cannot be used: {message}")),
    };
    let cause = Cause::new(code, seen.title(), one_line(&text, MESSAGE_CHARS))
        .since(first(event))
        .with("reason", reason)
        .with("event", sentence(event));
    Some(match code {
        Code::ConfigMissing => Finding::after(grace::MOUNT, cause, scene.span),
        _ => Finding::suspected(cause),
    })
}

/// Every container is ready, and the pod is not: somebody else has to agree.
fn gated(seen: &Seen<'_>, pod: &Value) -> Option<Finding> {
    let ready = condition(pod, "Ready").filter(|ready| !ready.is("True"))?;
    if matches!(seen.applied.kind.as_str(), "Job") {
        return None;
    }
    let text = format!("the pod is not ready: {}", ready.sentence());
    let cause = Cause::new(Code::NeverReady, seen.title(), text.trim_end_matches([':', ' ']));
    Some(Finding::suspected(cause.since(ready.since).with("reason", ready.reason)))
}
