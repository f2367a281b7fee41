//! Runs: their journals, and replaying them.

use relhost_engine::journal::{Frame, Record};
use relhost_engine::port::store::{RunState, Store as _};
use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_engine::release::ReleaseState;
use relhost_engine::replay::{self, Begin, RunJournal};
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::id::{DeploymentId, RunId, StageName};
use relhost_model::release::{PluginKind, RunEnd};
use relhost_model::time::Timestamp;
use relhost_runtime::Activation;

use super::find;
use crate::dispatch::advance::load;
use crate::dispatch::plugin;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::{ReleaseRef, ReplayedRun, RunJournalView};

/// A run of a release with the stage it executes.
pub(super) struct Found {
    pub(super) run: RunId,
    pub(super) stage: StageName,
    attempt: u32,
    pub(super) deployment: DeploymentId,
}

pub(super) fn runs(state: &ReleaseState) -> Vec<Found> {
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
        let word = |state: RunState| format!("{state:?}").to_lowercase();
        let text = |run: &relhost_engine::port::store::Run| match &run.problem {
            Some(problem) => format!("{}: {problem}", word(run.state)),
            None => word(run.state),
        };
        views.push(RunJournalView {
            run: found.run,
            stage: found.stage,
            attempt: found.attempt,
            state: run.as_ref().map(text).unwrap_or_default(),
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
