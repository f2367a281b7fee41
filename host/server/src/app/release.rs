//! Releases: see them, follow them, and move them on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use relhost_engine::asking;
use relhost_engine::port::store::{Change, ReleaseFilter, ReleaseRow, Rows, StageState, Store as _};
use relhost_engine::release::Input;
use relhost_model::id::{ReleaseId, StageName};
use relhost_model::release::Status;

use super::caller::Caller;
use super::{approval, create, find};
use crate::dispatch::advance::{Together, advance, load};
use crate::dispatch::set_aside;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::{News, ReleaseDetail, ReleaseRef};
use crate::supervise::Supervisor;

/// The longest a follower is kept waiting; it asks again then.
const FOLLOW_MAX: Duration = Duration::from_secs(25);

/// Releases, newest first.
///
/// # Errors
/// If the store fails.
pub async fn list(
    host: &Host,
    pipeline: Option<relhost_model::id::PipelineName>,
    active: bool,
) -> Result<Rows<ReleaseRow>, Failure> {
    Ok(host.store.read().releases(ReleaseFilter { pipeline, active, limit: 0 }).await?)
}

/// One release with everything about it.
///
/// # Errors
/// If there is none.
pub async fn get(host: &Host, reference: &ReleaseRef) -> Result<ReleaseDetail, Failure> {
    let row = find::release(host, reference).await?;
    let read = host.store.read();
    let snapshot = read.snapshot(row.id).await?.ok_or_else(|| unknown(row.id))?;
    let events = read.events(row.id, 0).await?;
    let commands = read.commands(Some(row.id)).await?;
    let errors = commands.rows.into_iter().filter_map(|command| command.error);
    let undelivered = errors.chain(commands.damaged).collect();
    Ok(ReleaseDetail { row, snapshot, events, undelivered })
}

fn unknown(id: ReleaseId) -> Failure {
    Failure::new(Exit::Invalid, "unknown-release", format!("there is no release {id}"))
}

/// What happened since; answers at once if something did, else when something does or the time is over.
///
/// # Errors
/// If there is no such release.
pub async fn follow(
    host: &Host,
    release: ReleaseId,
    events: u64,
    lines: u64,
    wait: Duration,
) -> Result<News, Failure> {
    let (mut changed, mut shown) = (host.store.changed(), host.board.changed());
    let mut stop = host.supervisor.stop();
    let deadline = tokio::time::Instant::now() + wait.min(FOLLOW_MAX);
    loop {
        changed.mark_unchanged();
        shown.mark_unchanged();
        let news = look(host, release, events, lines).await?;
        let quiet = news.events.is_empty() && news.lines.is_empty();
        if !quiet || tokio::time::Instant::now() >= deadline || stop.given() {
            return Ok(news);
        }
        tokio::select! {
            _ = changed.changed() => {}
            _ = shown.changed() => {}
            () = stop.wait() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

async fn look(host: &Host, release: ReleaseId, events: u64, lines: u64) -> Result<News, Failure> {
    let read = host.store.read();
    let row = read.release(release).await?.ok_or_else(|| unknown(release))?;
    let events = read.events(release, events).await?;
    let (lines, next_line) = host.board.since(release, lines);
    let open = approval::views(host, read.approvals(true, Some(release)).await?).await?.rows;
    Ok(News { row, events, lines, next_line, open })
}

/// Starts a stage that waits for promotion: the one named, else the first manual one not started yet.
///
/// # Errors
/// If there is no such stage or it cannot start now.
pub async fn promote(
    host: &Host,
    caller: &Caller,
    reference: &ReleaseRef,
    stage: Option<StageName>,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    let stage = match stage {
        Some(stage) => stage,
        None => next_manual(&row).ok_or_else(|| {
            Failure::new(
                Exit::Conflict,
                "nothing-manual",
                format!("{} has no stage that waits for promotion", row.name),
            )
        })?,
    };
    find::stage(&row, &stage)?;
    advance(host, row.id, Input::Promote { stage: stage.clone(), by }, Together::default()).await?;
    Ok(format!("{} is promoted to {stage}", row.name))
}

/// The first stage that starts only by promotion and has not started.
#[must_use]
pub fn next_manual(row: &ReleaseRow) -> Option<StageName> {
    row.summary.stages.iter().find(|stage| stage.state == StageState::Manual).map(|stage| stage.stage.clone())
}

/// Runs a stage again, with other artifacts if they are given. An attempt that waits is superseded.
///
/// # Errors
/// If there is no such stage, or the artifacts are missing or invalid.
pub async fn redeploy(
    host: &Arc<Host>,
    caller: &Caller,
    reference: &ReleaseRef,
    stage: StageName,
    artifacts: Vec<(Option<String>, PathBuf)>,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    find::stage(&row, &stage)?;
    let state = load(host, row.id).await?;
    let artifacts = if artifacts.is_empty() {
        None
    } else {
        let mut given = create::named(&state.snapshot.pipeline, &artifacts)?;
        let reader = Arc::clone(host);
        let mut frozen = state.snapshot.artifacts.clone();
        let replaced = Supervisor::blocking(move || {
            for artifact in &mut frozen {
                if let Some(path) = given.remove(&artifact.alias) {
                    *artifact = create::import(&reader, &artifact.alias, &path)?;
                }
            }
            Ok::<_, Failure>(frozen)
        });
        Some(replaced.await?)
    };
    let changes = closing_mails(host, row.id, Some(&stage)).await?;
    let input = Input::Redeploy { stage: stage.clone(), by, artifacts };
    advance(host, row.id, input, Together { frame: None, changes }).await?;
    Ok(format!("{} runs {stage} again", row.name))
}

/// Stops a release: open approvals close, running stages are told at their next host call.
///
/// # Errors
/// If it is over.
pub async fn cancel(
    host: &Host,
    caller: &Caller,
    reference: &ReleaseRef,
    reason: String,
) -> Result<String, Failure> {
    let row = find::release(host, reference).await?;
    let (by, _) = caller.acting(row.mode, &host.config)?;
    let changes = closing_mails(host, row.id, None).await?;
    advance(host, row.id, Input::Cancel { by, reason }, Together { frame: None, changes }).await?;
    Ok(format!("{} is canceled", row.name))
}

/// Tells who is asked now that nobody is asked any more. One for an approval that stays open after all is not sent.
async fn closing_mails(
    host: &Host,
    release: ReleaseId,
    stage: Option<&StageName>,
) -> Result<Vec<Change>, Failure> {
    let open = set_aside::readable(host, host.store.read().approvals(true, Some(release)).await?);
    let ended =
        open.iter().map(|row| &row.approval).filter(|one| stage.is_none_or(|stage| one.stage == *stage));
    Ok(ended.flat_map(|approval| asking::closed(approval, &host.config, host.now())).collect())
}

/// The exit code of a release as it stands.
#[must_use]
pub fn exit(status: Option<Status>) -> Exit {
    match status {
        None => Exit::NeedsPerson,
        Some(Status::Succeeded | Status::PartiallySucceeded) => Exit::Done,
        Some(Status::Rejected) => Exit::Rejected,
        Some(Status::Expired) => Exit::Expired,
        Some(Status::Failed | Status::Canceled | Status::Superseded | Status::Skipped) => Exit::Failed,
    }
}
