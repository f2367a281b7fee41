//! What an operator does with a run that cannot go on, and with a stage that did not succeed: retry, attest,
//! abort.

use relhost_engine::port::store::{AppendFrame, Change, ReleaseRow, RunState, StageState, Store as _};
use relhost_engine::release::Input;
use relhost_engine::replay::{self, Attested};
use relhost_model::actor::Actor;
use relhost_model::call::Answer;
use relhost_model::id::{RunId, StageName};
use relhost_model::release::RunEnd;

use super::caller::Caller;
use super::find;
use super::run::{Found, runs};
use crate::dispatch::advance::{Together, advance, load};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::ReleaseRef;

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
        let going = Going { by, verb: "retry", reason: String::new(), frame: None };
        release(host, &row, &found, going).await?;
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

/// How a quarantined run is set going again.
struct Going {
    by: Actor,
    verb: &'static str,
    reason: String,
    frame: Option<AppendFrame>,
}

async fn release(host: &Host, row: &ReleaseRow, found: &Found, going: Going) -> Result<(), Failure> {
    let ready = Change::state(found.run, [RunState::Quarantined], RunState::Ready);
    let Going { by, verb, reason, frame } = going;
    let (run, deployment) = (found.run, found.deployment);
    let input = Input::RunReleased { run, deployment, by, verb: verb.to_owned(), reason };
    advance(host, row.id, input, Together { frame, changes: vec![ready] }).await?;
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
    stage: Option<StageName>,
    (ordinal, answer, reason): (u32, Answer, String),
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    let found = quarantined(host, &row, stage.as_ref()).await?.ok_or_else(|| nothing_quarantined(&row))?;
    let frames = host.store.read().journal(found.run).await?;
    let frame = replay::attest(frames, (ordinal, answer), (by.clone(), reason.clone()), host.now())
        .map_err(|error| not_attested(&row, &error))?;
    release(host, &row, &found, Going { by, verb: "attest", reason, frame: Some(frame) }).await?;
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
    let done = Change::state(found.run, [RunState::Quarantined], RunState::Done);
    let input = Input::RunEnded { run: found.run, deployment: found.deployment, end };
    advance(host, row.id, input, Together { frame: Some(frame), changes: vec![done] }).await?;
    Ok(format!("{} of {} is aborted", found.run, found.stage))
}
