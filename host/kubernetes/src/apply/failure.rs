//! What is said of an object that the server refuses.

use relhost_model::call::CallError;

use super::plan::Planned;
use crate::client::{ApiError, Connection};

/// How many further failures are listed; the first ones lead to the rest.
const LISTED_MAX: usize = 20;

/// The refusal of one object.
pub(super) fn of(connection: &Connection, object: &Planned, error: &ApiError) -> CallError {
    let what = format!("apply {} ({})", object.object.title(), object.object.origin);
    let mut told = match object.object.kind() {
        "Secret" => error.at_secret(connection.cluster(), &what),
        _ => error.at(connection.cluster(), &what),
    };
    if let ApiError::Status { code: 422, causes, message, .. } = error
        && (causes.iter().any(|cause| cannot_change(&cause.message)) || cannot_change(message))
    {
        told.code = "immutable-field".into();
        told.details.retain(|(name, _)| name != "help");
        return told.with("help", "delete the object first, or give the new one another name");
    }
    if let ApiError::Status { code: 404, message, .. } = error
        && message.starts_with("namespaces ")
    {
        let help =
            format!("create namespace `{}`, or let a manifest of the set do it", connection.namespace());
        told.code = "namespace-missing".into();
        return told.with("help", help);
    }
    told
}

/// Whether a refusal is about a field that cannot change. Each kind has words of its own for it.
fn cannot_change(message: &str) -> bool {
    const WORDS: [&str; 4] = ["immutable", "may not change", "cannot change", "updates to statefulset spec"];
    WORDS.iter().any(|words| message.contains(words))
}

/// One error of several: the first, with the others as details.
pub(crate) fn all(failed: Vec<CallError>) -> CallError {
    let more = failed.len().saturating_sub(1);
    let retryable = failed.iter().all(|error| error.retryable);
    let mut failed = failed.into_iter();
    let Some(mut first) = failed.next() else {
        return CallError::permanent("internal", "a failure without a reason");
    };
    first.retryable = retryable;
    for other in failed.by_ref().take(LISTED_MAX) {
        first = first.with("also", other.message);
    }
    if more > LISTED_MAX {
        first = first.with("also", format!("{} more", more - LISTED_MAX));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::cannot_change;

    #[test]
    fn every_kind_says_in_its_own_words_that_a_field_cannot_change() {
        let refusals = [
            "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: ...: field is immutable",
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
            "roleRef: Invalid value: ...: cannot change roleRef",
            "spec.clusterIPs[0]: Invalid value: []string{\"None\"}: may not change once set",
        ];
        for refusal in refusals {
            assert!(cannot_change(refusal), "{refusal}");
        }
        assert!(!cannot_change("spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535"));
    }
}
