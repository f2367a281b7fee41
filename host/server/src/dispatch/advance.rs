//! Load, decide, commit: the one way in which a release moves.

use std::sync::Arc;

use relhost_engine::event::Event;
use relhost_engine::port::store::{AppendEvents, AppendFrame, Change, Commit, Store as _, StoreError};
use relhost_engine::release::{FoldError, Input, Refusal, ReleaseState, decide};
use relhost_model::id::ReleaseId;
use relhost_store::kill;

use super::source::HostSource;
use crate::exit::{Exit, Failure};
use crate::host::Host;

/// How often a decision is made again because somebody was quicker. More than a handful means a defect.
const ATTEMPTS_MAX: u32 = 16;

/// What is committed in the same transaction as the decision.
#[derive(Debug, Clone, Default)]
pub struct Together {
    /// A frame of the run that the input is about.
    pub frame: Option<AppendFrame>,
    /// Changes that come before the decision's own.
    pub changes: Vec<Change>,
}

/// Why a release did not move.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// There is no such release.
    #[error("find {0}: there is no such release")]
    Unknown(ReleaseId),
    /// The state machine says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store says no, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be planned.
    #[error(transparent)]
    Plan(#[from] relhost_model::call::CallError),
    /// The stored events do not make a release.
    #[error("read the events of the release")]
    Fold(#[from] FoldError),
}

/// Whether the process must end.
#[must_use]
pub fn is_fatal(error: &AdvanceError) -> bool {
    matches!(error, AdvanceError::Store(StoreError::Fatal { .. }))
}

impl From<AdvanceError> for Failure {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Unknown(_) => Self::chain(Exit::Invalid, "unknown-release", &error),
            AdvanceError::Refused(refusal) => {
                let exit = if refusal.is_usage() { Exit::Invalid } else { Exit::Conflict };
                Self::chain(exit, "refused", &refusal)
            }
            AdvanceError::Store(error) => error.into(),
            AdvanceError::Plan(error) => Self { exit: Exit::Invalid, ..error.into() },
            AdvanceError::Fold(_) => Self::chain(Exit::Unexpected, "storage-damaged", &error),
        }
    }
}

/// A release as the store has it. What is known of it already is not read again.
///
/// # Errors
/// If there is none, or the store fails.
pub async fn load(host: &Host, release: ReleaseId) -> Result<Arc<ReleaseState>, AdvanceError> {
    let read = host.store.read();
    let mut state = match host.states.get(release) {
        Some(known) => known,
        None => {
            let snapshot = read.snapshot(release).await?.ok_or(AdvanceError::Unknown(release))?;
            Arc::new(ReleaseState::new(release, snapshot))
        }
    };
    let events = read.events(release, state.next).await?;
    if !events.is_empty() {
        Arc::make_mut(&mut state).extend(&events)?;
        host.states.put(Arc::clone(&state));
    }
    Ok(state)
}

/// Tells a release something, and commits what it decides together with what the caller brings.
///
/// # Errors
/// If the state machine refuses, a guard of the caller's changes does not hold, or the store fails.
pub async fn advance(
    host: &Host,
    release: ReleaseId,
    input: Input,
    together: Together,
) -> Result<(), AdvanceError> {
    for _ in 0..ATTEMPTS_MAX {
        let state = Arc::unwrap_or_clone(load(host, release).await?);
        match try_advance(host, state, input.clone(), together.clone()).await {
            Err(AdvanceError::Store(StoreError::SequenceConflict { .. })) => {}
            other => return other,
        }
    }
    Err(StoreError::Conflict { what: release.to_string(), reason: "it changes without pause".into() }.into())
}

/// Decides on a state that the caller holds, and commits.
///
/// # Errors
/// As [`advance`], and [`StoreError::SequenceConflict`] if the state is no longer the last one.
pub async fn try_advance(
    host: &Host,
    mut state: ReleaseState,
    input: Input,
    together: Together,
) -> Result<(), AdvanceError> {
    let decision = decide(&state, input, &mut HostSource(host))?;
    let (release, expected, at) = (state.id, state.next, host.now());
    for event in &decision.events {
        state.apply(event, at)?;
    }
    let mut changes = together.changes;
    changes.extend(decision.changes);
    let cancels = changes.iter().any(|change| matches!(change, Change::CancelRun { .. }));
    let frame = together.frame.or(decision.frame);
    let commit = Commit { frame, events: append(release, expected, decision.events, at, &state), changes };
    kill::point!("advance.before-commit");
    host.store.commit(commit).await?;
    kill::point!("advance.after-commit");
    if cancels {
        host.cancels.send_replace(());
    }
    for environment in decision.environments {
        host.touched.add(environment, state.snapshot.mode);
    }
    host.states.put(Arc::new(state));
    Ok(())
}

fn append(
    release: ReleaseId,
    expected: u64,
    events: Vec<Event>,
    at: relhost_model::time::Timestamp,
    state: &ReleaseState,
) -> Option<AppendEvents> {
    if events.is_empty() {
        return None;
    }
    Some(AppendEvents { release, expected, events, at, summary: state.summary() })
}
