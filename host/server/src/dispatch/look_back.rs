//! What may have become different while nobody ran the host.

use std::sync::Arc;

use relhost_engine::port::store::{Store as _, StoreError};
use relhost_model::time::Timestamp;

use super::advance::AdvanceError;
use super::cycle::{BATCH, recheck, report};
use super::runner;
use crate::host::Host;

/// At boot, before anybody is answered: releases whose code was put into quarantine are told, and approvals whose
/// time is over end, what ran out first first.
///
/// # Errors
/// If the store fails.
pub async fn first(host: &Host) -> Result<(), AdvanceError> {
    runner::tell_quarantined(host).await?;
    evaluate(host, Some(host.now())).await
}

/// Evaluates every open approval: groups may have other members, and policies another opinion. However many wait,
/// nobody waits for this: a vote is judged by today's configuration anyway. Runs that were left go on first.
pub async fn approvals(host: Arc<Host>) {
    let evaluated = async {
        runs_are_taken(&host).await?;
        evaluate(&host, None).await
    };
    report(&host, "evaluate the open approvals", evaluated.await);
}

/// Waits until no run is ready that nobody drives.
async fn runs_are_taken(host: &Host) -> Result<(), StoreError> {
    let (mut stop, mut changed) = (host.supervisor.stop(), host.store.changed());
    loop {
        changed.mark_unchanged();
        if host.store.due(host.now(), 1, host.drives.only()).await?.runs.is_empty() {
            return Ok(());
        }
        tokio::select! {
            () = stop.wait() => return Ok(()),
            _ = changed.changed() => {}
        }
    }
}

/// Evaluates open approvals in the order of their end: those that end by a time, or all of them.
async fn evaluate(host: &Host, by: Option<Timestamp>) -> Result<(), AdvanceError> {
    let stop = host.supervisor.stop();
    let mut last = None;
    loop {
        let page = host.store.read().open_approvals(last, BATCH).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(*end);
        for (due_at, approval) in page {
            if stop.given() || by.is_some_and(|by| due_at > by) {
                return Ok(());
            }
            recheck(host, approval).await?;
        }
    }
}
