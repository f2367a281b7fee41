//! Drives one run: claim, replay, go on, and record how it ended.

use std::sync::Arc;

use relhost_engine::journal::Frame;
use relhost_engine::port::store::{Change, Claimed, Commit, NewRun, Run, RunState, Store as _, StoreError};
use relhost_engine::release::{Input, Phase};
use relhost_engine::replay::{JournalLimit, RunJournal};
use relhost_model::call::CallError;
use relhost_model::id::RunId;
use relhost_model::release::{PluginKind, RunEnd};
use relhost_model::time::Millis;
use relhost_runtime::{Activation, Plugin};
use relhost_store::kill;

use super::advance::{AdvanceError, Together, advance, is_fatal, load};
use super::effect::{self, Target};
use super::plugin;
use super::session::Session;
use super::set_aside;
use crate::host::Host;

/// How long a run rests after the host itself could not go on with it.
const BACKOFF: Millis = Millis::from_secs(5);

/// Claims a run and drives it until it ends, waits or cannot go on. What cannot go on is recorded with its
/// reason, and tried again if it may pass; only a fault of the store is returned.
///
/// # Errors
/// If the store fails, or another owner has the run.
pub async fn drive(host: Arc<Host>, run: RunId) -> Result<(), AdvanceError> {
    kill::point!("runner.before-claim");
    let claimed = match host.store.claim(run, host.owner.clone(), host.now()).await {
        Ok(Some(claimed)) => claimed,
        Ok(None) => return Ok(()),
        Err(StoreError::Damaged { reason }) => return damaged(&host, run, reason).await,
        Err(error) => return Err(error.into()),
    };
    kill::point!("runner.after-claim");
    match activate(&host, claimed).await {
        Err(error @ AdvanceError::Store(StoreError::Fatal { .. } | StoreError::FenceLost { .. })) => {
            Err(error)
        }
        // What is damaged is damaged the next time too.
        Err(AdvanceError::Store(StoreError::Damaged { reason })) => damaged(&host, run, reason).await,
        Err(error) => interrupted(&host, run, crate::exit::Failure::from(error).message).await,
        Ok(()) => Ok(()),
    }
}

async fn activate(host: &Arc<Host>, claimed: Claimed) -> Result<(), AdvanceError> {
    let Claimed { run: Run { new, .. }, frames } = claimed;
    let state = load(host, new.release).await?;
    let prepared = match prepare(host, &new, frames, &state).await {
        Ok(prepared) => prepared,
        Err(problem) if problem.retryable => return interrupted(host, new.id, problem.message).await,
        Err(problem) => return quarantine(host, &new, problem).await,
    };
    let (plugin, target, journal) = prepared;
    let context = journal.start().context.clone();
    let seed = journal.start().seed.clone();
    let mut session = Session::new(Arc::clone(host), journal, target, new.deployment);
    let activation = host.sandbox.run_stage(&plugin, &context, &seed, &mut session).await;
    let (journal, applied) = session.end();
    let end = match activation {
        Activation::Returned(outcome) => RunEnd::Returned(outcome),
        Activation::Failed(error) => RunEnd::Failed(host.redacted_error(error)),
        Activation::Suspended => return Ok(()),
        Activation::Quarantined(problem) => {
            effect::keep(host, applied).await;
            return quarantine(host, &new, problem).await;
        }
        Activation::Interrupted(reason) => {
            effect::keep(host, applied).await;
            return interrupted(host, new.id, reason).await;
        }
    };
    complete(host, &new, (journal, applied), end).await
}

type Prepared = (Plugin, Target, RunJournal);

async fn prepare(
    host: &Host,
    new: &NewRun,
    frames: Vec<Frame>,
    state: &relhost_engine::release::ReleaseState,
) -> Result<Prepared, CallError> {
    let deployment = state.deployment(new.deployment).ok_or_else(|| {
        CallError::permanent(
            "storage-damaged",
            format!("{} belongs to no deployment of {}", new.id, new.release),
        )
    })?;
    let allow = host.config.allowed(&deployment.plan.plugin, &deployment.stage);
    let component = (&deployment.plan.plugin, new.component);
    let plugin = plugin::frozen(host, component, PluginKind::Stage, &allow).await?;
    let environment = state.snapshot.pipeline.stage(&deployment.stage).map(|stage| stage.environment.clone());
    let target = Target {
        release: new.release,
        stage: deployment.stage.clone(),
        environment: environment.ok_or_else(|| {
            CallError::permanent(
                "storage-damaged",
                format!("stage `{}` is not in its pipeline", deployment.stage),
            )
        })?,
        planned: (deployment.plan.connection.clone(), deployment.plan.namespace.clone()),
        mode: state.snapshot.mode,
        artifacts: deployment.plan.artifacts.clone(),
        allow,
    };
    let limit = host.config.limits.journal_records.map_or_else(JournalLimit::default, JournalLimit);
    let journal = RunJournal::load_with_limit(frames, limit)
        .map_err(|error| CallError::permanent("journal-damaged", error.to_string()))?;
    Ok((plugin, target, journal))
}

async fn complete(
    host: &Host,
    new: &NewRun,
    (mut journal, applied): (RunJournal, Vec<Change>),
    end: RunEnd,
) -> Result<(), AdvanceError> {
    let frame = match journal.complete(end.clone(), host.now()) {
        Ok(frame) => frame,
        Err(mismatch) => {
            effect::keep(host, applied).await;
            return quarantine(host, new, (*mismatch).into()).await;
        }
    };
    kill::point!("runner.before-complete");
    let mut changes = applied;
    changes.push(Change::state(new.id, [RunState::Running, RunState::Ready], RunState::Done));
    let input = Input::RunEnded { run: new.id, deployment: new.deployment, end };
    let together = Together { frame: Some(frame), changes };
    advance(host, new.release, input, together).await?;
    kill::point!("runner.after-complete");
    Ok(())
}

/// A run whose journal cannot be read never becomes any better by itself.
async fn damaged(host: &Host, run: RunId, reason: String) -> Result<(), AdvanceError> {
    match host.store.read().run(run).await {
        Ok(Some(row)) => quarantine(host, &row.new, CallError::permanent("journal-damaged", reason)).await,
        Ok(None) => Ok(()),
        Err(StoreError::Damaged { reason }) => set_aside::run(host, run, reason).await,
        Err(error) => Err(error.into()),
    }
}

/// A run whose task panicked: a defect of the host that would come again, so a person looks at it first.
///
/// # Errors
/// If the store fails.
pub async fn panicked(host: &Host, run: RunId, panic: String) -> Result<(), AdvanceError> {
    let Some(row) = host.store.read().run(run).await? else { return Ok(()) };
    let problem = CallError::permanent("host-panicked", format!("the host panicked: {panic}"));
    quarantine(host, &row.new, problem).await
}

/// Tells the releases of runs that the store has put into quarantine at boot. A release that knows it
/// already is left alone, so whoever is killed in between does it again.
///
/// # Errors
/// If the store fails.
pub async fn tell_quarantined(host: &Host) -> Result<(), AdvanceError> {
    for run in set_aside::readable(host, host.store.read().quarantined().await?) {
        match tell(host, &run).await {
            Err(error) if is_fatal(&error) => return Err(error),
            // One release that cannot be read keeps no other from being told.
            Err(error) => tracing::error!(run = %run.new.id, %error, "tell the release of a quarantine"),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn tell(host: &Host, run: &Run) -> Result<(), AdvanceError> {
    let state = load(host, run.new.release).await?;
    let phase = state.deployment(run.new.deployment).map(|deployment| &deployment.phase);
    if !matches!(phase, Some(Phase::Running(of) | Phase::Call(of, _)) if *of == run.new.id) {
        return Ok(());
    }
    let code = if run.crashes > 0 { "host-died" } else { "journal-damaged" };
    let problem = CallError::permanent(code, run.problem.clone().unwrap_or_default());
    kill::point!("quarantine.before-tell");
    quarantine(host, &run.new, problem).await
}

/// Stops the run until a person says how to go on. Nothing else is touched.
async fn quarantine(host: &Host, new: &NewRun, problem: CallError) -> Result<(), AdvanceError> {
    let problem = host.redacted_error(problem);
    let change = Change::SetRun {
        run: new.id,
        from: vec![RunState::Running, RunState::Ready, RunState::Backoff, RunState::Quarantined],
        to: RunState::Quarantined,
        due_at: None,
        problem: Some(problem.message.clone()),
    };
    let input = Input::RunQuarantined { run: new.id, deployment: new.deployment, problem };
    advance(host, new.release, input, Together { frame: None, changes: vec![change] }).await
}

/// The host could not go on. While it stops, the run is given back, so that the next owner does not take it
/// for one whose owner has died; else it is tried again after a rest.
async fn interrupted(host: &Host, run: RunId, reason: String) -> Result<(), AdvanceError> {
    let change = if host.supervisor.stop().given() {
        Change::state(run, [RunState::Running], RunState::Ready)
    } else {
        tracing::warn!(run = %run, reason, "interrupted; trying again soon");
        Change::SetRun {
            run,
            from: vec![RunState::Running],
            to: RunState::Backoff,
            due_at: Some(host.now().plus(BACKOFF)),
            problem: Some(host.redact(&reason)),
        }
    };
    match host.store.commit(Commit { changes: vec![change], ..Commit::default() }).await {
        // Somebody else has it by now, for example because its approval was decided meanwhile.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
