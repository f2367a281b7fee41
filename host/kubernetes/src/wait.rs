//! Waits until what was applied is ready.

use relhost_engine::port::Progress;
use relhost_engine::port::cluster::WaitRequest;
use relhost_model::call::{CallError, Rollout};

use crate::client::Connection;

/// Waits until the objects are ready, or until the cause of a failure is certain. Not built yet, and says so.
///
/// # Errors
/// Always, for now.
pub async fn rollout(
    connection: &Connection,
    _request: &WaitRequest,
    _progress: &dyn Progress,
) -> Result<Rollout, CallError> {
    let text = format!("cluster `{}`: waiting is not built yet", connection.cluster());
    Err(CallError::permanent("not-supported", text))
}
