//! Controllers that keep pods running.

use super::cause::{Cause, Code};
use super::field::Seen;
use super::{NOT_OBSERVED, Readiness};

/// Complete when every pod is of the new revision and available, whatever the `Progressing` condition says:
/// the counts are what the controller itself decides by, and conditions have been seen to lag behind.
pub(super) fn deployment(seen: &Seen<'_>) -> Readiness {
    if seen.is_observed().is_none() {
        return Readiness::progressing(NOT_OBSERVED);
    }
    if seen.at("/spec/paused").and_then(serde_json::Value::as_bool) == Some(true) {
        return Readiness::noted("it is paused: nothing is rolled out until it is resumed");
    }
    let wanted = seen.replicas();
    let Some(reason) = shortfall(seen, wanted) else { return complete(wanted) };
    match seen.condition("Progressing") {
        Some(progress) if progress.reason == "ProgressDeadlineExceeded" => {
            let deadline = match seen.count("/spec/progressDeadlineSeconds") {
                0 => "its deadline".to_owned(),
                seconds => format!("its deadline of {seconds} s"),
            };
            let message = format!("no progress within {deadline}: {reason}");
            let cause = Cause::new(Code::ProgressDeadline, seen.title(), message).since(progress.since);
            Readiness::Failed(cause.with("condition", progress.sentence()))
        }
        _ => Readiness::progressing(reason),
    }
}

fn shortfall(seen: &Seen<'_>, wanted: i64) -> Option<String> {
    let updated = seen.count("/status/updatedReplicas");
    let all = seen.count("/status/replicas");
    if updated < wanted {
        return Some(format!("{updated} of {wanted} updated"));
    }
    if all > wanted {
        return Some(leftover(all - wanted));
    }
    unready(seen, wanted)
}

fn leftover(count: i64) -> String {
    if count == 1 { "1 old pod still runs".to_owned() } else { format!("{count} old pods still run") }
}

/// Ready and, where the pods have to stay ready for a while, available.
fn unready(seen: &Seen<'_>, wanted: i64) -> Option<String> {
    let ready = seen.count("/status/readyReplicas");
    let available = seen.count("/status/availableReplicas");
    if ready < wanted {
        Some(format!("{ready} of {wanted} ready"))
    } else if available < wanted {
        Some(format!("{available} of {wanted} available"))
    } else {
        None
    }
}

fn complete(wanted: i64) -> Readiness {
    if wanted == 0 { Readiness::noted("it is scaled to zero") } else { Readiness::ready() }
}

const MANUAL: &str = "manual update: a pod gets the new revision when somebody deletes it";

pub(super) fn stateful_set(seen: &Seen<'_>) -> Readiness {
    if seen.is_observed().is_none() {
        return Readiness::progressing(NOT_OBSERVED);
    }
    let settled = seen.text("/status/currentRevision") == seen.text("/status/updateRevision");
    let manual = seen.text("/spec/updateStrategy/type") == "OnDelete";
    // While nothing is to be updated by hand, its pods have to become ready like all others.
    if manual && !settled {
        return Readiness::noted(MANUAL);
    }
    let wanted = seen.replicas();
    let all = seen.count("/status/replicas");
    if all > wanted {
        return Readiness::progressing(leftover(all - wanted));
    }
    let partition = seen.count("/spec/updateStrategy/rollingUpdate/partition");
    let to_update = (wanted - partition).max(0);
    let updated = seen.count("/status/updatedReplicas");
    if updated < to_update {
        return Readiness::progressing(format!("{updated} of {to_update} updated"));
    }
    if let Some(reason) = unready(seen, wanted) {
        return Readiness::progressing(reason);
    }
    match partition {
        0 if manual => Readiness::noted(MANUAL),
        0 if !settled && wanted > 0 => Readiness::progressing("the update is being completed"),
        0 => complete(wanted),
        _ => Readiness::noted(format!(
            "partitioned: {to_update} of {wanted} pods have the new revision, as its partition asks"
        )),
    }
}

pub(super) fn daemon_set(seen: &Seen<'_>) -> Readiness {
    if seen.is_observed().is_none() {
        return Readiness::progressing(NOT_OBSERVED);
    }
    let wanted = seen.count("/status/desiredNumberScheduled");
    if wanted == 0 {
        return Readiness::noted("no node matches, so no pod runs");
    }
    let manual = seen.text("/spec/updateStrategy/type") == "OnDelete";
    let steps = [
        ("/status/currentNumberScheduled", "scheduled"),
        ("/status/updatedNumberScheduled", "updated"),
        ("/status/numberReady", "ready"),
        ("/status/numberAvailable", "available"),
    ];
    for (pointer, word) in steps.into_iter().filter(|(_, word)| !(manual && *word == "updated")) {
        let count = seen.count(pointer);
        if count < wanted {
            return Readiness::progressing(format!("{count} of {wanted} {word}"));
        }
    }
    if manual {
        return Readiness::noted(MANUAL);
    }
    Readiness::ready()
}

pub(super) fn replica_set(seen: &Seen<'_>) -> Readiness {
    if seen.is_observed().is_none() {
        return Readiness::progressing(NOT_OBSERVED);
    }
    let wanted = seen.replicas();
    let (all, labelled) = (seen.count("/status/replicas"), seen.count("/status/fullyLabeledReplicas"));
    if all > wanted {
        return Readiness::progressing(leftover(all - wanted));
    }
    if labelled < wanted {
        return Readiness::progressing(format!("{labelled} of {wanted} created"));
    }
    unready(seen, wanted).map_or_else(|| complete(wanted), Readiness::progressing)
}
