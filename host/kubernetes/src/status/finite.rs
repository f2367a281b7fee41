//! What runs to an end: pods of their own, and Jobs.

use serde_json::Value;

use super::Readiness;
use super::cause::{Cause, Code};
use super::field::MESSAGE_CHARS;
use super::field::Seen;
use super::text::one_line;

/// A pod that is restarted for ever has to become ready; any other one has to end well.
pub(super) fn pod(seen: &Seen<'_>) -> Readiness {
    match seen.text("/status/phase") {
        "Succeeded" => return Readiness::ready(),
        "Failed" => return Readiness::Failed(pod_failure(seen)),
        _ => {}
    }
    let ends = matches!(seen.text("/spec/restartPolicy"), "Never" | "OnFailure");
    match seen.condition("Ready") {
        Some(ready) if ready.is("True") && !ends => Readiness::ready(),
        _ if seen.text("/status/phase") == "Running" => {
            Readiness::progressing(if ends { "it runs and has not ended yet" } else { "it is not ready yet" })
        }
        _ => Readiness::progressing("it has not started yet"),
    }
}

fn pod_failure(seen: &Seen<'_>) -> Cause {
    let (reason, message) = (seen.text("/status/reason"), seen.text("/status/message"));
    let text = match (reason, message) {
        ("", "") => "the pod failed".to_owned(),
        ("", message) => format!("the pod failed: {message}"),
        (reason, "") => format!("the pod failed: {reason}"),
        (reason, message) => format!("the pod failed: {reason}: {message}"),
    };
    Cause::new(Code::PodFailed, seen.title(), one_line(&text, MESSAGE_CHARS)).with("reason", reason)
}

/// Its end is known before its last pod is gone: `SuccessCriteriaMet` and `FailureTarget` come first.
pub(super) fn job(seen: &Seen<'_>) -> Readiness {
    let is = |kind: &str| seen.condition(kind).filter(|condition| condition.is("True"));
    if let Some(failure) = is("Failed").or_else(|| is("FailureTarget")) {
        let message = format!("the job failed: {}", failure.sentence());
        let cause = Cause::new(Code::JobFailed, seen.title(), message).since(failure.since);
        return Readiness::Failed(cause.with("reason", failure.reason));
    }
    if is("Complete").or_else(|| is("SuccessCriteriaMet")).is_some() {
        return Readiness::ready();
    }
    if seen.at("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return Readiness::noted("it is suspended: nothing runs until it is resumed");
    }
    // Without completions any one success ends it.
    let wanted = seen.at("/spec/completions").and_then(super::field::number).unwrap_or(1);
    let succeeded = seen.count("/status/succeeded");
    let failed = seen.count("/status/failed");
    let tries = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    Readiness::progressing(format!("{succeeded} of {wanted} succeeded{tries}"))
}
