//! The loop that wakes for whatever is due: runs to drive, approvals whose time has come, mails to send,
//! environments to give away. It keeps nothing but which work is in flight; everything else is in the
//! store, so a restart picks up exactly what is left.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relhost_engine::port::store::{Store as _, StoreError};
use relhost_model::call::CallError;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, RunId};
use tokio::sync::Notify;

use super::advance::{AdvanceError, is_fatal};
use super::{outbox, queue, runner, set_aside, verdict};
use crate::host::Host;
use crate::supervise::caught;

/// Runs that are driven at once. A run mostly waits for a cluster; each holds one instance of at most 128 MiB.
const RUNS_MAX: usize = 32;
/// Messages that are sent at once; relays dislike more from one sender.
const MAILS_MAX: usize = 4;
/// How many due things of each kind are read at once.
pub(super) const BATCH: u32 = 64;
/// The longest sleep. Everything wakes the loop by itself; this bounds the harm of a clock that jumped.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// Work in flight.
#[derive(Default)]
struct Flight {
    runs: Mutex<BTreeSet<RunId>>,
    /// Those of the runs that a death more puts into quarantine.
    last_chances: Mutex<BTreeSet<RunId>>,
    mails: Mutex<BTreeSet<Digest>>,
    landed: Notify,
}

/// Runs until the host stops or the store fails for good; the latter gives the stop signal.
pub async fn run(host: Arc<Host>) {
    let flight = Arc::new(Flight::default());
    let mut stop = host.supervisor.stop();
    let mut changed = host.store.changed();
    // At boot nobody knows which environments are free.
    host.touch_all();
    while !stop.given() {
        // Marked before reading, so that a commit during the reading wakes the loop again.
        changed.mark_unchanged();
        let sleep = match Box::pin(once(&host, &flight)).await {
            Ok(sleep) => sleep,
            Err(error) if is_fatal(&error) => return host.supervisor.fail(error.to_string()),
            Err(error) => {
                tracing::error!(%error, "look for due work");
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            () = stop.wait() => {}
            _ = changed.changed() => {}
            () = host.touched.wait() => {}
            () = flight.landed.notified() => {}
            () = tokio::time::sleep(sleep.min(SLEEP_MAX)) => {}
        }
    }
}

async fn once(host: &Arc<Host>, flight: &Arc<Flight>) -> Result<Duration, AdvanceError> {
    queue::grant(host).await?;
    let now = host.now();
    let due = host.store.due(now, BATCH, host.drives.only()).await?;
    for approval in due.approvals {
        recheck(host, approval).await?;
    }
    for command in due.damaged {
        set_aside::command(host, command).await?;
    }
    let mut held_back = false;
    for run in due.runs {
        if !begin(&flight.runs, run, RUNS_MAX) {
            held_back = true;
            continue;
        }
        if !may_start(host, flight, run).await? {
            end(&flight.runs, &run);
            continue;
        }
        let (host, flight) = (Arc::clone(host), Arc::clone(flight));
        let supervisor = host.supervisor.clone();
        supervisor
            .job(Box::pin(async move {
                let driven = caught(runner::drive(Arc::clone(&host), run)).await;
                let result = match driven {
                    Ok(result) => result,
                    Err(panic) => runner::panicked(&host, run, panic).await,
                };
                report(&host, "drive a run", result);
                end(&flight.runs, &run);
                end(&flight.last_chances, &run);
                flight.landed.notify_one();
            }))
            .await;
    }
    for command in due.commands {
        let key = command.key;
        if !begin(&flight.mails, key, MAILS_MAX) {
            held_back = true;
            continue;
        }
        let (host, flight) = (Arc::clone(host), Arc::clone(flight));
        let supervisor = host.supervisor.clone();
        supervisor
            .job(Box::pin(async move {
                let sent = caught(outbox::deliver(Arc::clone(&host), command.clone())).await;
                let result = match sent {
                    Ok(result) => result,
                    Err(panic) => outbox::panicked(&host, &command, panic).await,
                };
                report(&host, "send a mail", result);
                end(&flight.mails, &key);
                flight.landed.notify_one();
            }))
            .await;
    }
    // What is due already and was held back is looked for again when something has landed.
    let next = due.next.filter(|next| *next > now || !held_back);
    Ok(next.map_or(SLEEP_MAX, |next| next.since(host.now()).to_std()))
}

/// A panic of the host is a fault of the host: nobody's approval or release ends by it.
fn panicked(panic: String) -> AdvanceError {
    AdvanceError::Plan(CallError::transient("host-panicked", format!("the host panicked: {panic}")))
}

/// One approval that cannot be evaluated keeps nothing else from going on.
pub(super) async fn recheck(host: &Host, approval: ApprovalId) -> Result<(), AdvanceError> {
    let checked = caught(verdict::recheck(host, approval)).await;
    match checked.unwrap_or_else(|panic| Err(panicked(panic))) {
        Err(AdvanceError::Store(StoreError::Damaged { reason })) => {
            host.tell_damage(&reason);
            Ok(())
        }
        Err(error) if !is_fatal(&error) => {
            tracing::error!(%approval, %error, "evaluate an approval");
            Ok(())
        }
        other => other,
    }
}

/// Whether a run may be driven now. Of those that a death more puts into quarantine one is driven at a time:
/// the one that kills the host takes no other with it.
async fn may_start(host: &Host, flight: &Flight, run: RunId) -> Result<bool, StoreError> {
    let row = host.store.read().run(run).await?;
    Ok(!row.is_some_and(|row| row.has_last_chance()) || begin(&flight.last_chances, run, 1))
}

fn begin<K: Ord>(flight: &Mutex<BTreeSet<K>>, key: K, max: usize) -> bool {
    let mut flight = flight.lock().unwrap_or_else(PoisonError::into_inner);
    flight.len() < max && flight.insert(key)
}

fn end<K: Ord>(flight: &Mutex<BTreeSet<K>>, key: &K) {
    flight.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
}

pub(super) fn report(host: &Host, what: &'static str, result: Result<(), AdvanceError>) {
    match result {
        Ok(()) => {}
        Err(AdvanceError::Store(StoreError::FenceLost { .. })) => {
            tracing::warn!(what, "another owner has it")
        }
        Err(error) if is_fatal(&error) => host.supervisor.fail(error.to_string()),
        Err(error) => tracing::error!(what, %error, "failed"),
    }
}
