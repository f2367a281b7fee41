//! What may have become different while nobody ran the host.

use std::sync::Arc;

use relhost_engine::port::store::Store as _;

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
    let now = host.now();
    let mut last = None;
    loop {
        let page = host.store.read().open_approvals(last, BATCH).await?;
        let overdue: Vec<_> = page.into_iter().take_while(|(due_at, _)| *due_at <= now).collect();
        let Some(end) = overdue.last() else { return Ok(()) };
        last = Some(*end);
        for (_, approval) in overdue {
            recheck(host, approval).await?;
        }
    }
}

/// Evaluates every open approval: groups may have other members, and policies another opinion. However many wait,
/// nobody waits for this: a vote is judged by today's configuration anyway.
pub async fn approvals(host: Arc<Host>) {
    let result = every_open(&host).await;
    report(&host, "evaluate the open approvals", result);
}

async fn every_open(host: &Host) -> Result<(), AdvanceError> {
    let stop = host.supervisor.stop();
    let mut last = None;
    loop {
        let page = host.store.read().open_approvals(last, BATCH).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(*end);
        for (_, approval) in page {
            if stop.given() {
                return Ok(());
            }
            recheck(host, approval).await?;
        }
    }
}
