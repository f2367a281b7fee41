//! Why a workload does not become ready: from its pods, its events and the time. Pure.
//!
//! Only pods of the revision that was applied count: what is wrong with older ones was wrong before. A cause
//! is certain once it has lasted for its grace (the constants in `grace`), counted from the start of the wait
//! at the earliest, so that what is already being mended gets the time to recover.

mod container;
mod creation;
mod grace;
mod image;
mod pod;
mod report;
mod revision;
mod scene;

use relhost_model::call::AppliedObject;
use relhost_model::time::Timestamp;
use serde_json::Value;

use crate::status::cause::{Cause, Code};
use crate::status::field::{Seen, text};

pub use report::{Unready, failed, timed_out};
pub use revision::running as running_pods;
pub use scene::{Scene, Span};

/// Pods that are named for one cause.
const PODS_MAX: usize = 5;

/// What is known about an object that is not ready. Both lists are ranked, the root cause first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Waiting longer does not help.
    pub certain: Vec<Cause>,
    /// What is wrong now and may still pass.
    pub suspected: Vec<Cause>,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
struct Finding {
    cause: Cause,
    /// From when on it is certain; `None` if it never is.
    certain_at: Option<Timestamp>,
}

impl Finding {
    fn suspected(cause: Cause) -> Self {
        Self { cause, certain_at: None }
    }

    /// Certain when it has lasted for its grace.
    fn after(grace: relhost_model::time::Millis, cause: Cause, span: Span) -> Self {
        let since = cause.since.unwrap_or(span.started).max(span.started);
        Self { cause, certain_at: Some(since.plus(grace)) }
    }
}

/// Looks for what keeps an object from being ready.
#[must_use]
pub fn diagnose(object: &Value, applied: &AppliedObject, scene: &Scene<'_>) -> Diagnosis {
    let seen = Seen { object, applied };
    let mut findings = match revision::current(&seen, scene) {
        Some(revision) => {
            let of = |pods: Vec<&Value>| -> Vec<Finding> {
                pods.into_iter().flat_map(|pod| pod::findings(&seen, pod, scene)).collect()
            };
            // A workload replaces a pod that is over, for example an evicted one: its successor counts.
            let replaced = |pod: &&Value| {
                !matches!(applied.kind.as_str(), "Job" | "Pod") && text(pod, "/status/phase") == "Failed"
            };
            let (over, pods): (Vec<&Value>, Vec<&Value>) = revision.pods.iter().copied().partition(replaced);
            let mut found = of(pods);
            found.extend(creation::finding(&seen, &revision, scene));
            found.extend(revision::held_up(&seen, &revision, scene));
            if found.is_empty() { of(over) } else { found }
        }
        None => creation::told_by_events(&seen, scene).into_iter().collect(),
    };
    findings.sort_by(|a, b| rank(&a.cause).cmp(&rank(&b.cause)));
    let (certain, suspected): (Vec<Finding>, Vec<Finding>) = grouped(findings)
        .into_iter()
        .partition(|finding| finding.certain_at.is_some_and(|at| at <= scene.span.now));
    let causes = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.cause).collect();
    Diagnosis { certain: causes(certain), suspected: causes(suspected) }
}

/// Replaces the verdict of a controller, which only says that it gave up, by what made it give up.
#[must_use]
pub fn explain(verdict: Cause, diagnosis: Diagnosis) -> Vec<Cause> {
    let mut causes = diagnosis.certain;
    causes.extend(diagnosis.suspected);
    causes.sort_by(|a, b| rank(a).cmp(&rank(b)));
    match causes.first_mut() {
        Some(root) => root.add("verdict", verdict.message),
        None => causes.push(verdict),
    }
    causes
}

/// The order of causes: the kind decides, the rest makes it the same every time.
fn rank(cause: &Cause) -> (Code, &str, Option<&str>, Option<&str>, &str) {
    (cause.code, &cause.object, cause.container.as_deref(), cause.pod.as_deref(), &cause.message)
}

/// Makes one finding of those that differ in the pod only.
fn grouped(findings: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let same = groups.iter_mut().find(|(first, _)| {
            let (a, b) = (&first.cause, &finding.cause);
            a.code == b.code && a.container == b.container && a.message == b.message
        });
        match same {
            None => groups.push((finding, Vec::new())),
            Some((first, pods)) => {
                pods.extend(finding.cause.pod);
                first.cause.since = earliest(first.cause.since, finding.cause.since);
                first.certain_at = earliest(first.certain_at, finding.certain_at);
            }
        }
    }
    let named = groups.into_iter().map(|(mut finding, pods)| {
        for pod in pods.iter().take(PODS_MAX - 1) {
            finding.cause.add("also-pod", pod.clone());
        }
        if pods.len() >= PODS_MAX {
            finding.cause.add("also-pod", format!("{} more", pods.len() + 1 - PODS_MAX));
        }
        finding
    });
    named.collect()
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

#[cfg(test)]
mod tests;
