//! Environments are taken one deployment at a time, first come, first served, and held through approvals.

use relhost_engine::port::store::{QueueEntry, Store as _, StoreError};
use relhost_engine::release::Input;
use relhost_model::release::Mode;
use relhost_store::kill;

use super::advance::{AdvanceError, Together, advance, is_fatal};
use crate::host::Host;

/// Gives every marked environment that is free to the oldest deployment that waits for it, of the releases
/// that this process drives.
///
/// # Errors
/// If the store fails.
pub async fn grant(host: &Host) -> Result<(), AdvanceError> {
    for (environment, rehearsal) in host.touched.take() {
        let mode = if rehearsal { Mode::Rehearsal } else { Mode::Real };
        let queue = match host.store.read().queue(environment, mode).await {
            // Nobody knows who holds it. The other environments go on.
            Err(StoreError::Damaged { reason }) => {
                host.tell_damage(&reason);
                continue;
            }
            queue => queue?,
        };
        let only = host.drives.only();
        let driven = |release| only.as_ref().is_none_or(|only| only.contains(release));
        if queue.iter().any(|entry| entry.active) {
            continue;
        }
        for entry in queue.iter().filter(|entry| driven(&entry.release)) {
            if give(host, entry).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Whether the environment needs nobody else now: one whose release cannot be read does not get it, and keeps
/// nobody behind it from getting it.
async fn give(host: &Host, entry: &QueueEntry) -> Result<bool, AdvanceError> {
    let deployment = entry.deployment;
    kill::point!("queue.before-grant");
    match advance(host, entry.release, Input::SlotGranted { deployment }, Together::default()).await {
        Ok(()) => {
            kill::point!("queue.after-grant");
            Ok(true)
        }
        // It was canceled or superseded in between: its own commit marked the environment again.
        Err(AdvanceError::Refused(_)) => {
            tracing::debug!(%deployment, "left the queue");
            Ok(true)
        }
        Err(error) if is_fatal(&error) => Err(error),
        // The other environments are free all the same, and their marks are taken already.
        Err(error) => {
            tracing::error!(%deployment, %error, "give an environment away");
            Ok(!matches!(error, AdvanceError::Fold(_) | AdvanceError::Store(StoreError::Damaged { .. })))
        }
    }
}
