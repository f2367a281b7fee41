//! Who owns the fields of an object, as `metadata.managedFields` has it.

use serde_json::Value;

use crate::client::MANAGER;
use crate::status::field::list;

/// What kubectl calls itself when it applies client-side.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// Everybody who owns a field.
pub(super) fn all(object: &Value) -> &[Value] {
    list(object, "/metadata/managedFields")
}

/// What we applied. A server keeps one entry for that, whichever version the manifest was in.
pub(super) fn ours(object: &Value) -> Option<&Value> {
    all(object).iter().find(|entry| is_ours(entry))
}

/// Whether an entry is what we applied.
pub(super) fn is_ours(entry: &Value) -> bool {
    entry["manager"] == MANAGER && entry["operation"] == "Apply" && entry["subresource"].is_null()
}

/// Whether an entry is what `kubectl apply` wrote client-side.
pub(super) fn is_client_side(entry: &Value) -> bool {
    entry["manager"] == CLIENT_SIDE && entry["operation"] == "Update" && entry["subresource"].is_null()
}
