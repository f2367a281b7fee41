//! Runs: their journals, replaying them, and what an operator does with one that cannot go on.

use relhost_engine::journal::{Frame, Record};
use relhost_engine::port::store::{Change, ReleaseRow, RunState, StageState, Store as _};
use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_engine::release::{Input, ReleaseState};
use relhost_engine::replay::{self, Attested, Begin, RunJournal};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::id::{RunId, StageName};
use relhost_model::release::{PluginKind, RunEnd};
use relhost_model::time::Timestamp;
use relhost_runtime::Activation;

use super::caller::Caller;
use super::find;
use crate::dispatch::advance::{Together, advance, load};
use crate::dispatch::plugin;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::{ReleaseRef, ReplayedRun, RunJournalView};

/// A run of a release with the stage it executes.
struct Found {
    run: RunId,
    stage: StageName,
    attempt: u32,
    deployment: relhost_model::id::DeploymentId,
}

fn runs(state: &ReleaseState) -> Vec<Found> {
    state
        .deployments()
        .iter()
        .filter_map(|deployment| {
            Some(Found {
                run: deployment.run?,
                stage: deployment.stage.clone(),
                attempt: deployment.attempt,
                deployment: deployment.id,
            })
        })
        .collect()
}

/// The journals of a release's runs.
///
/// # Errors
/// If there is no such release, or a journal is damaged.
pub async fn journal(host: &Host, reference: &ReleaseRef) -> Result<Vec<RunJournalView>, Failure> {
    let row = find::release(host, reference).await?;
    let state = load(host, row.id).await?;
    let mut views = Vec::new();
    for found in runs(&state) {
        let run = host.store.read().run(found.run).await?;
        let frames = host.store.read().journal(found.run).await?;
        let text = |run: &relhost_engine::port::store::Run| match &run.problem {
            Some(problem) => format!("{:?}: {problem}", run.state),
            None => format!("{:?}", run.state),
        };
        views.push(RunJournalView {
            run: found.run,
            stage: found.stage,
            attempt: found.attempt,
            state: run.as_ref().map(text).unwrap_or_default().to_lowercase(),
            frames: frames
                .iter()
                .map(|frame| (frame.position, frame.at, serde_json::json!(frame.records)))
                .collect(),
        });
    }
    Ok(views)
}

/// Re-executes the runs of a release against their journals, with every effect switched off.
///
/// # Errors
/// If there is no such release, or a component is gone.
pub async fn replay(host: &Host, reference: &ReleaseRef) -> Result<Vec<ReplayedRun>, Failure> {
    let row = find::release(host, reference).await?;
    let state = load(host, row.id).await?;
    let mut replayed = Vec::new();
    for found in runs(&state) {
        let frames = host.store.read().journal(found.run).await?;
        replayed.push(replay_one(host, &state, found, frames).await?);
    }
    Ok(replayed)
}

async fn replay_one(
    host: &Host,
    state: &ReleaseState,
    found: Found,
    frames: Vec<Frame>,
) -> Result<ReplayedRun, Failure> {
    let damaged = |error: &(dyn std::error::Error + 'static)| {
        Failure::chain(Exit::Unexpected, "journal-damaged", error)
    };
    replay::verify(&frames).map_err(|error| damaged(&error))?;
    let deployment = state.deployment(found.deployment).ok_or_else(|| {
        Failure::new(Exit::Unexpected, "storage-damaged", format!("{} has no deployment", found.run))
    })?;
    let plan = &deployment.plan;
    let allow = host.config.allowed(&plan.plugin, &found.stage);
    let component = (&plan.plugin, plan.component);
    let plugin = plugin::frozen(host, component, PluginKind::Stage, &allow).await?;
    let end = frames.iter().flat_map(|frame| &frame.records).find_map(|record| match record {
        Record::Complete { end, .. } => Some(end.as_ref().clone()),
        _ => None,
    });
    let calls = RunJournal::load(frames).map_err(|error| damaged(&error))?;
    let (context, seed) = (calls.start().context.clone(), calls.start().seed.clone());
    let mut dry = Dry { journal: calls, answered: 0, problem: None };
    let activation = host.sandbox.run_stage(&plugin, &context, &seed, &mut dry).await;
    let (same, summary) = compare(&dry, activation, end);
    Ok(ReplayedRun { run: found.run, stage: found.stage, same, summary })
}

fn compare(dry: &Dry, activation: Activation, end: Option<RunEnd>) -> (bool, String) {
    let answered = dry.answered;
    if let Some(problem) = &dry.problem {
        return (false, problem.clone());
    }
    let now = match activation {
        Activation::Returned(outcome) => Some(RunEnd::Returned(outcome)),
        Activation::Failed(error) => Some(RunEnd::Failed(error)),
        Activation::Suspended => None,
        Activation::Quarantined(error) => return (false, error.message),
        Activation::Interrupted(reason) => return (false, reason),
    };
    match (now, end) {
        (None, None) => (true, format!("{answered} calls as recorded; it goes on from there")),
        (Some(now), Some(end)) if now == end => {
            (true, format!("{answered} calls and the result as recorded"))
        }
        (None, Some(RunEnd::Aborted { .. })) => (true, format!("{answered} calls as recorded, then aborted")),
        (Some(_), None) => (false, format!("it returned after {answered} calls, but the journal has no end")),
        (now, Some(end)) => (false, format!("the journal ends with {end:?}, the replay with {now:?}")),
    }
}

/// Answers from a journal only, and stops where it ends.
struct Dry {
    journal: RunJournal,
    answered: u32,
    problem: Option<String>,
}

impl Dry {
    fn answer(&mut self, call: HostCall) -> Result<Answer, CallStop> {
        match self.journal.begin(call, Timestamp::default()) {
            Begin::Replayed(answer) => {
                self.answered += 1;
                Ok(answer)
            }
            Begin::Mismatch(mismatch) => {
                self.problem = Some(mismatch.to_string());
                Err(CallStop::Suspended)
            }
            Begin::Perform { .. }
            | Begin::Internal { .. }
            | Begin::Waiting { .. }
            | Begin::LimitReached { .. } => Err(CallStop::Suspended),
        }
    }
}

impl HostCalls for Dry {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        let answer = self.answer(call);
        Box::pin(std::future::ready(answer))
    }

    fn log(&mut self, _line: LogLine) {}

    fn now(&self) -> Timestamp {
        self.journal.now()
    }
}

/// The quarantined run of a release: of the stage named, else the only one.
async fn quarantined(
    host: &Host,
    row: &ReleaseRow,
    stage: Option<&StageName>,
) -> Result<Option<Found>, Failure> {
    if let Some(stage) = stage {
        find::stage(row, stage)?;
    }
    let wanted: Vec<RunId> = row
        .summary
        .stages
        .iter()
        .filter(|summary| stage.is_none_or(|stage| *stage == summary.stage))
        .filter_map(|summary| match summary.state {
            StageState::Quarantined(run) => Some(run),
            _ => None,
        })
        .collect();
    if wanted.len() > 1 {
        return Err(several("a quarantined run"));
    }
    let state = load(host, row.id).await?;
    Ok(runs(&state).into_iter().find(|found| wanted.contains(&found.run)))
}

fn several(what: &str) -> Failure {
    Failure::new(Exit::Invalid, "which-stage", format!("several stages have {what}"))
        .help("name one with `--stage`")
}

/// Sets a quarantined run going again, or makes a new attempt of a stage that did not succeed.
///
/// # Errors
/// If there is nothing to retry.
pub async fn retry(
    host: &Host,
    caller: &Caller,
    reference: &ReleaseRef,
    stage: Option<StageName>,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    if let Some(found) = quarantined(host, &row, stage.as_ref()).await? {
        release(host, &row, &found, by, "retry", String::new()).await?;
        return Ok(format!("{} of {} goes on", found.run, found.stage));
    }
    let stage = match stage {
        Some(stage) => stage,
        None => only_unfinished(&row)?,
    };
    advance(host, row.id, Input::Retry { stage: stage.clone(), by }, Together::default()).await?;
    Ok(format!("{} tries {stage} again", row.name))
}

fn only_unfinished(row: &ReleaseRow) -> Result<StageName, Failure> {
    use relhost_model::release::Status;
    let mut stages = row.summary.stages.iter().filter(|summary| {
        matches!(
            summary.state,
            StageState::Finished(Status::Failed | Status::Rejected | Status::Expired | Status::Canceled)
        )
    });
    match (stages.next(), stages.next()) {
        (Some(only), None) => Ok(only.stage.clone()),
        (None, _) => Err(Failure::new(
            Exit::Conflict,
            "nothing-to-retry",
            format!("no stage of {} can be retried", row.name),
        )),
        _ => Err(several("not succeeded")),
    }
}

async fn release(
    host: &Host,
    row: &ReleaseRow,
    found: &Found,
    by: Actor,
    verb: &str,
    reason: String,
) -> Result<(), Failure> {
    let ready = Change::SetRun {
        run: found.run,
        from: vec![RunState::Quarantined],
        to: RunState::Ready,
        due_at: None,
        problem: None,
    };
    let input = Input::RunReleased {
        run: found.run,
        deployment: found.deployment,
        by,
        verb: verb.to_owned(),
        reason,
    };
    advance(host, row.id, input, Together { frame: None, changes: vec![ready] }).await?;
    Ok(())
}

/// Fills in the outcome of a call that is in doubt, and sets the run going again.
///
/// # Errors
/// If no run is quarantined, or the call is not in doubt.
pub async fn attest(
    host: &Host,
    caller: &Caller,
    reference: &ReleaseRef,
    attested: (u32, Answer),
    reason: String,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    let found = quarantined(host, &row, None).await?.ok_or_else(|| nothing_quarantined(&row))?;
    let (ordinal, answer) = attested;
    let frames = host.store.read().journal(found.run).await?;
    let frame = replay::attest(frames, (ordinal, answer), (by.clone(), reason.clone()), host.now())
        .map_err(|error| not_attested(&row, &error))?;
    let ready = Change::SetRun {
        run: found.run,
        from: vec![RunState::Quarantined],
        to: RunState::Ready,
        due_at: None,
        problem: None,
    };
    let input = Input::RunReleased {
        run: found.run,
        deployment: found.deployment,
        by,
        verb: "attest".into(),
        reason,
    };
    advance(host, row.id, input, Together { frame: Some(frame), changes: vec![ready] }).await?;
    Ok(format!("call {ordinal} of {} is attested; {} goes on", found.run, found.stage))
}

fn not_attested(row: &ReleaseRow, error: &Attested) -> Failure {
    let (exit, code) = match error {
        Attested::Damaged(_) => (Exit::Unexpected, "journal-damaged"),
        Attested::NotInDoubt { .. } => (Exit::Conflict, "not-in-doubt"),
        Attested::WrongKind { .. } => (Exit::Invalid, "outcome"),
    };
    Failure::chain(exit, code, error).help(format!(
        "`relhost release journal {}` shows the calls; one without an outcome is in doubt",
        row.id
    ))
}

fn nothing_quarantined(row: &ReleaseRow) -> Failure {
    Failure::new(Exit::Conflict, "not-quarantined", format!("no run of {} is quarantined", row.name))
}

/// Ends a run without running its code. The stage fails as canceled.
///
/// # Errors
/// If no run of the release can be aborted.
pub async fn abort(
    host: &Host,
    caller: &Caller,
    reference: &ReleaseRef,
    stage: Option<StageName>,
    reason: String,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    let found = quarantined(host, &row, stage.as_ref()).await?.ok_or_else(|| {
        nothing_quarantined(&row).help("`relhost release cancel` stops a release that is running or waiting")
    })?;
    let damaged = |failure: Failure| {
        failure.help(format!("`relhost release cancel {}` ends it without its journal", row.id))
    };
    let frames = host.store.read().journal(found.run).await.map_err(|error| damaged(error.into()))?;
    let end = RunEnd::Aborted { by, reason };
    let frame = replay::abort(&frames, end.clone(), host.now())
        .map_err(|error| damaged(Failure::chain(Exit::Unexpected, "journal-damaged", &error)))?;
    let done = Change::SetRun {
        run: found.run,
        from: vec![RunState::Quarantined],
        to: RunState::Done,
        due_at: None,
        problem: None,
    };
    let input = Input::RunEnded { run: found.run, deployment: found.deployment, end };
    advance(host, row.id, input, Together { frame: Some(frame), changes: vec![done] }).await?;
    Ok(format!("{} of {} is aborted", found.run, found.stage))
}
