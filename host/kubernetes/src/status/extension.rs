//! Kinds that are added to a cluster, and everything else that tells its state by conditions.

use super::Readiness;
use super::cause::{Cause, Code};
use super::field::{Condition, Seen};
use super::text::one_line;

pub(super) fn definition(seen: &Seen<'_>) -> Readiness {
    let named = seen.condition("NamesAccepted");
    if let Some(names) = named.filter(|names| names.is("False")) {
        return stalled(seen, "its names are not accepted", &names);
    }
    match seen.condition("Established") {
        Some(state) if state.is("True") => Readiness::ready(),
        Some(state) if state.is("False") && state.reason != "Installing" => {
            stalled(seen, "it is not established", &state)
        }
        _ => Readiness::progressing("it is not established yet"),
    }
}

fn stalled(seen: &Seen<'_>, what: &str, condition: &Condition<'_>) -> Readiness {
    let message = format!("{what}: {}", condition.sentence());
    let cause = Cause::new(Code::Stalled, seen.title(), message).since(condition.since);
    Readiness::Failed(cause.with("reason", condition.reason))
}

/// An autoscaler that cannot scale is worth a word, but the workload is what was deployed.
pub(super) fn autoscaler(seen: &Seen<'_>) -> Readiness {
    let broken = ["AbleToScale", "ScalingActive"]
        .into_iter()
        .filter_map(|kind| Some((kind, seen.condition(kind).filter(|state| state.is("False"))?)))
        .map(|(kind, state)| format!("{kind} is False: {}", state.sentence()));
    match broken.reduce(|all, one| format!("{all}; {one}")) {
        Some(note) => Readiness::noted(note),
        None => Readiness::ready(),
    }
}

/// Kinds whose controller always writes a condition: while it is not there, the controller has not looked.
/// An object of any other kind may have no controller at all and is ready without conditions.
const REPORTING: &[(&str, &str)] = &[
    ("cert-manager.io", "Ready"),
    ("external-secrets.io", "Ready"),
    ("kustomize.toolkit.fluxcd.io", "Ready"),
    ("helm.toolkit.fluxcd.io", "Ready"),
    ("source.toolkit.fluxcd.io", "Ready"),
    ("serving.knative.dev", "Ready"),
    ("apiregistration.k8s.io", "Available"),
];

/// Conditions that say whether an object works, the most telling one first.
const TELLING: &[&str] = &["Ready", "Available", "Programmed"];

pub(super) fn by_conditions(seen: &Seen<'_>) -> Readiness {
    if seen.group() == "argoproj.io" && seen.applied.kind == "Rollout" {
        return rollout(seen);
    }
    if let Some(state) = seen.condition("Stalled").filter(|state| state.is("True")) {
        return stalled(seen, "it cannot go on", &state);
    }
    if let Some(state) = seen.condition("Reconciling").filter(|state| state.is("True")) {
        return Readiness::progressing(or_else(state.sentence(), "it is being reconciled"));
    }
    let told = TELLING.iter().find_map(|kind| Some((*kind, seen.condition(kind)?)));
    match told {
        Some((_, state)) if state.is("True") => Readiness::ready(),
        Some((kind, state)) => {
            Readiness::progressing(or_else(state.sentence(), &format!("{kind} is {}", state.status)))
        }
        None => unreported(seen),
    }
}

fn unreported(seen: &Seen<'_>) -> Readiness {
    let expected = match (seen.group(), seen.applied.kind.as_str()) {
        ("gateway.networking.k8s.io", "Gateway") => Some("Programmed"),
        ("", "Namespace") => return namespace(seen),
        (group, _) => REPORTING.iter().find(|(reporting, _)| *reporting == group).map(|(_, kind)| *kind),
    };
    match expected {
        Some(kind) => Readiness::progressing(format!("its condition {kind} is not reported yet")),
        None => Readiness::ready(),
    }
}

fn namespace(seen: &Seen<'_>) -> Readiness {
    match seen.text("/status/phase") {
        "Active" => Readiness::ready(),
        phase => Readiness::progressing(or_else(phase.to_owned(), "it is not active yet")),
    }
}

/// Argo's Rollout writes its state as a phase.
fn rollout(seen: &Seen<'_>) -> Readiness {
    let message = one_line(seen.text("/status/message"), super::field::MESSAGE_CHARS);
    match seen.text("/status/phase") {
        "Healthy" => Readiness::ready(),
        "Paused" => Readiness::noted(or_else(message, "it is paused")),
        "Degraded" => {
            let text = or_else(message, "it is degraded");
            Readiness::Failed(Cause::new(Code::Stalled, seen.title(), text).with("reason", "Degraded"))
        }
        _ => Readiness::progressing(or_else(message, NOT_REPORTED)),
    }
}

const NOT_REPORTED: &str = "its state is not reported yet";

fn or_else(text: String, instead: &str) -> String {
    if text.is_empty() { instead.to_owned() } else { text }
}
