//! Rows that cannot be read. Each is said once, by name, and taken out of the way, so that it keeps nothing
//! else from going on; what it held stays there for people.

use relhost_engine::port::store::{
    Change, Commit, DamagedCommand, ReleaseFilter, Rows, Store as _, StoreError,
};
use relhost_engine::release::{Input, Phase};
use relhost_model::call::{CallError, LogLevel, LogLine};
use relhost_model::id::{DeploymentId, ReleaseId, RunId};

use super::advance::{AdvanceError, Together, advance, is_fatal, load};
use crate::host::Host;

/// Takes what can be read, and says what cannot.
pub fn readable<T>(host: &Host, found: Rows<T>) -> Vec<T> {
    for problem in &found.damaged {
        host.tell_damage(problem);
    }
    found.rows
}

/// Takes a command out of the queue. Its release, if that can be told, has a line about it in its log.
///
/// # Errors
/// If the store fails.
pub async fn command(host: &Host, command: DamagedCommand) -> Result<(), AdvanceError> {
    host.tell_damage(&command.problem);
    commit(host, vec![Change::SetCommandAside { row: command.row }]).await?;
    let message = format!("a message will not be sent: {}", command.problem);
    let line = LogLine { level: LogLevel::Error, source: "host".into(), message, fields: Vec::new() };
    let note = Change::Note { release: command.release, at: host.now(), line };
    match commit(host, vec![note]).await {
        // The number of its release was damaged too.
        Err(AdvanceError::Store(StoreError::Conflict { .. })) => Ok(()),
        other => other,
    }
}

/// At boot, before anything is claimed: takes every run whose row cannot be read out of the way.
///
/// # Errors
/// If the store fails.
pub async fn runs(host: &Host) -> Result<(), AdvanceError> {
    for (damaged, problem) in host.store.read().damaged_runs().await? {
        run(host, damaged, problem).await?;
    }
    Ok(())
}

/// Takes a run whose row cannot be read out of the way, and tells the release that waits for it.
///
/// # Errors
/// If the store fails.
pub async fn run(host: &Host, run: RunId, problem: String) -> Result<(), AdvanceError> {
    host.tell_damage(&problem);
    let aside = Change::SetRunAside { run, problem: problem.clone() };
    if let Some((release, deployment)) = waiting_for(host, run).await? {
        let problem = CallError::permanent("storage-damaged", problem);
        let input = Input::RunQuarantined { run, deployment, problem };
        let together = Together { frame: None, changes: vec![aside.clone()] };
        match advance(host, release, input, together).await {
            Err(error) if !is_fatal(&error) => tracing::error!(%run, %error, "tell the release of a run"),
            other => return other,
        }
    }
    commit(host, vec![aside]).await
}

/// The release that a run belongs to, as the release says.
async fn waiting_for(host: &Host, run: RunId) -> Result<Option<(ReleaseId, DeploymentId)>, AdvanceError> {
    let filter = ReleaseFilter { active: true, limit: u32::MAX, ..ReleaseFilter::default() };
    for row in readable(host, host.store.read().releases(filter).await?) {
        let Ok(state) = load(host, row.id).await else { continue };
        let its = state.deployments().iter().find(
            |deployment| matches!(&deployment.phase, Phase::Running(of) | Phase::Call(of, _) if *of == run),
        );
        if let Some(deployment) = its {
            return Ok(Some((row.id, deployment.id)));
        }
    }
    Ok(None)
}

async fn commit(host: &Host, changes: Vec<Change>) -> Result<(), AdvanceError> {
    Ok(host.store.commit(Commit { changes, ..Commit::default() }).await?)
}
