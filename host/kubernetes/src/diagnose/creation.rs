//! Pods that are not even created.

use relhost_model::time::Timestamp;
use serde_json::Value;

use super::revision::Revision;
use super::scene::{Scene, first, last, sentence};
use super::{Finding, grace, uid};
use crate::status::cause::{Cause, Code};
use crate::status::field::{MESSAGE_CHARS, Seen, list, text, time};
use crate::status::text::one_line;

/// What the maker of the pods says about pods that it could not make.
pub(super) fn finding(seen: &Seen<'_>, revision: &Revision<'_>, scene: &Scene<'_>) -> Option<Finding> {
    let (message, since) = match seen.applied.kind.as_str() {
        "Deployment" => match revision.maker {
            Some(set) => condition(set, "ReplicaFailure", "True")?,
            None => condition(seen.object, "Progressing", "False")?,
        },
        "ReplicaSet" | "ReplicationController" => condition(seen.object, "ReplicaFailure", "True")?,
        _ => event(seen.object, &revision.pods, scene)?,
    };
    let (code, text) = classified(&message);
    let mut cause = Cause::new(code, seen.title(), text).since(since).with("reason", "FailedCreate");
    // They differ in the name of a pod that does not exist; the latest one stands for all.
    let warnings = scene.warnings(uid(revision.maker.unwrap_or(seen.object)));
    for warning in warnings.into_iter().take(1) {
        cause.add("event", warning);
    }
    let replaces = scene.replica_sets_of(uid(seen.object)).len() > 1;
    let grace = if code == Code::Quota && replaces { grace::FREED } else { grace::CREATE };
    Some(Finding::after(grace, cause, scene.span))
}

fn condition(object: &Value, kind: &str, status: &str) -> Option<(String, Option<Timestamp>)> {
    let conditions = list(object, "/status/conditions");
    let found = conditions.iter().find(|found| found["type"] == kind && found["status"] == status)?;
    if text(found, "/reason") == "ProgressDeadlineExceeded" {
        return None;
    }
    Some((text(found, "/message").to_owned(), time(found, "/lastTransitionTime")))
}

/// Other controllers only write an event. It counts if it was written during this wait, and after the newest
/// pod: otherwise it is about something that is over.
fn event(maker: &Value, pods: &[&Value], scene: &Scene<'_>) -> Option<(String, Option<Timestamp>)> {
    let event = scene.latest(uid(maker), &["FailedCreate"], |_| true)?;
    let seen_last = last(event)?;
    let newest = pods.iter().filter_map(|pod| time(pod, "/metadata/creationTimestamp")).max();
    if seen_last < scene.span.started || newest.is_some_and(|newest| newest >= seen_last) {
        return None;
    }
    Some((text(event, "/message").to_owned(), first(event)))
}

/// What the server's sentence is about. The name of the pod in it is another one each time.
fn classified(message: &str) -> (Code, String) {
    let told = message.rsplit_once("is forbidden: ").map_or(message, |(_, told)| told);
    let (code, text) = if let Some((_, quota)) = told.split_once("exceeded quota: ") {
        (Code::Quota, format!("quota exceeded: {quota}"))
    } else if message.contains("serviceaccount") && message.contains("not found") {
        (Code::ConfigMissing, format!("service account missing: {told}"))
    } else {
        (Code::Refused, format!("the cluster refuses the pods: {told}"))
    };
    (code, one_line(&text, MESSAGE_CHARS))
}

/// For what has no pods, the latest warning is the best there is.
pub(super) fn told_by_events(seen: &Seen<'_>, scene: &Scene<'_>) -> Option<Finding> {
    let events = scene.events_of(uid(seen.object)).iter().copied();
    let warnings = events.filter(|event| text(event, "/type") == "Warning");
    let warning = warnings.max_by_key(|event| last(event))?;
    if last(warning) < Some(scene.span.started) {
        return None;
    }
    let code = match seen.applied.kind.as_str() {
        "PersistentVolumeClaim" => Code::Volume,
        _ => Code::Stalled,
    };
    let cause = Cause::new(code, seen.title(), sentence(warning)).since(first(warning));
    Some(Finding::suspected(cause))
}
