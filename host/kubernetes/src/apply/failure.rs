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
    if let ApiError::Status { code: 422, causes, message, .. } = error {
        let immutable = |text: &str| text.contains("immutable");
        if causes.iter().any(|cause| immutable(&cause.message)) || immutable(message) {
            told.code = "immutable-field".into();
            told.details.retain(|(name, _)| name != "help");
            return told.with("help", "delete the object first, or give the new one another name");
        }
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
