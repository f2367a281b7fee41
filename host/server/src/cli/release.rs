//! `release ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use relhost_model::call::Answer;
use relhost_model::id::{PersonId, PipelineName, StageName};

use super::follow::{Follow, follow};
use super::session::{Session, close, unexpected};
use super::{run as create, show, table};
use crate::exit::{Exit, Failure};
use crate::owner::Backend;
use crate::protocol::{ReleaseRef, Reply, Request};

/// See releases and move them on
#[derive(Debug, Subcommand)]
#[command(
    after_help = "A release is named by id (rel-7), by name (Release-7, or pipeline/Release-7), or `latest`."
)]
pub enum Release {
    /// List releases, newest first
    List {
        /// Of this pipeline only
        #[arg(long)]
        pipeline: Option<PipelineName>,
        /// Active ones only
        #[arg(long)]
        active: bool,
    },
    /// Show one release
    Get(One),
    /// Follow a release to its end; exits like `run`
    Watch(One),
    /// Print what the stages said
    Logs(One),
    /// Print the journals of its runs
    Journal(One),
    /// Re-execute its runs against their journals, without effects
    Replay(One),
    /// Start a stage that waits for promotion
    Promote(Staged),
    /// Run a stage again; an attempt that waits is superseded
    Redeploy(Redeploy),
    /// Stop a release
    Cancel(Cancel),
    /// Try a stage that did not succeed again, or set a quarantined run going
    Retry(Staged),
    /// Fill in the outcome of a call that is in doubt
    Attest(Attest),
    /// End a quarantined run without running its code
    Abort(Abort),
}

/// A release.
#[derive(Debug, Args)]
pub struct One {
    /// The release
    release: String,
}

/// A release and perhaps a stage.
#[derive(Debug, Args)]
pub struct Staged {
    /// The release
    release: String,
    /// The stage; without it the only one it can be
    #[arg(long)]
    stage: Option<StageName>,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Stop a release.
#[derive(Debug, Args)]
pub struct Cancel {
    /// The release
    release: String,
    /// Why, for everybody who looks later
    #[arg(long, default_value = "")]
    reason: String,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// End a quarantined run.
#[derive(Debug, Args)]
pub struct Abort {
    /// The release
    release: String,
    /// The stage; without it the only one it can be
    #[arg(long)]
    stage: Option<StageName>,
    /// Why, for everybody who looks later
    #[arg(long, default_value = "")]
    reason: String,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Run a stage again.
#[derive(Debug, Args)]
pub struct Redeploy {
    /// The release
    release: String,
    /// The stage
    #[arg(long)]
    stage: StageName,
    /// Other artifacts for this attempt
    #[arg(long, value_name = "[ALIAS=]PATH")]
    artifact: Vec<String>,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Fill in an outcome.
#[derive(Debug, Args)]
pub struct Attest {
    /// The release
    release: String,
    /// The stage; without it the only one whose run is quarantined
    #[arg(long)]
    stage: Option<StageName>,
    /// The call, as the journal numbers it
    #[arg(long)]
    ordinal: u32,
    /// A file with the outcome as JSON, in the form the journal shows
    #[arg(long, value_name = "FILE")]
    outcome: PathBuf,
    /// Why one may believe it
    #[arg(long)]
    reason: String,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Runs the command.
///
/// # Errors
/// What the use case says.
pub async fn run(session: &Session<'_>, command: Release) -> Result<Exit, Failure> {
    let backend = session.ask().await?;
    let ended = answer(session, &backend, command).await;
    close(backend).await;
    ended
}

async fn answer(session: &Session<'_>, backend: &Backend, command: Release) -> Result<Exit, Failure> {
    match command {
        Release::List { pipeline, active } => {
            let Reply::Releases(found) = backend.call(None, Request::Releases { pipeline, active }).await?
            else {
                return Err(unexpected());
            };
            let rows = session.ui.readable(found);
            session.ui.result(&rows, || show::release::list(session.ui, &rows));
            Ok(Exit::Done)
        }
        Release::Get(one) => get(session, backend, one).await,
        Release::Watch(one) => watch(session, backend, one).await,
        Release::Logs(one) => logs(session, backend, one).await,
        Release::Journal(one) => journal(session, backend, one).await,
        Release::Replay(one) => replay(session, backend, one).await,
        other => {
            let goes_on = !matches!(other, Release::Cancel(_));
            let name = other.name().to_owned();
            let (act_as, request) = change(other)?;
            let Reply::Done(said) = backend.call(act_as, request).await? else { return Err(unexpected()) };
            session.ui.result(&serde_json::json!({ "done": said }), || said.clone());
            if backend.host().is_some() && goes_on {
                let again = session.again(None);
                session
                    .ui
                    .hint(&format!("nobody runs it at the moment; go on with: relhost resume {name}{again}"));
            }
            Ok(Exit::Done)
        }
    }
}

impl Release {
    /// The release as it was named; nothing for a list.
    fn name(&self) -> &str {
        match self {
            Self::List { .. } => "",
            Self::Get(one) | Self::Watch(one) | Self::Logs(one) | Self::Journal(one) | Self::Replay(one) => {
                &one.release
            }
            Self::Promote(staged) | Self::Retry(staged) => &staged.release,
            Self::Redeploy(redeploy) => &redeploy.release,
            Self::Cancel(cancel) => &cancel.release,
            Self::Abort(abort) => &abort.release,
            Self::Attest(attest) => &attest.release,
        }
    }
}

/// The commands that change something, as requests.
fn change(command: Release) -> Result<(Option<PersonId>, Request), Failure> {
    Ok(match command {
        Release::Promote(Staged { release, stage, act_as }) => {
            (act_as, Request::Promote { release: ReleaseRef(release), stage })
        }
        Release::Retry(Staged { release, stage, act_as }) => {
            (act_as, Request::Retry { release: ReleaseRef(release), stage })
        }
        Release::Redeploy(Redeploy { release, stage, artifact, act_as }) => {
            let artifacts = artifact.iter().map(|given| create::artifact(given)).collect::<Result<_, _>>()?;
            (act_as, Request::Redeploy { release: ReleaseRef(release), stage, artifacts })
        }
        Release::Cancel(Cancel { release, reason, act_as }) => {
            (act_as, Request::Cancel { release: ReleaseRef(release), reason })
        }
        Release::Abort(Abort { release, stage, reason, act_as }) => {
            (act_as, Request::Abort { release: ReleaseRef(release), stage, reason })
        }
        Release::Attest(Attest { release, stage, ordinal, outcome, reason, act_as }) => {
            let answer = Box::new(read_answer(&outcome)?);
            (act_as, Request::Attest { release: ReleaseRef(release), stage, ordinal, answer, reason })
        }
        Release::List { .. }
        | Release::Get(_)
        | Release::Watch(_)
        | Release::Logs(_)
        | Release::Journal(_)
        | Release::Replay(_) => return Err(unexpected()),
    })
}

fn read_answer(path: &std::path::Path) -> Result<Answer, Failure> {
    let text = crate::app::load::text(path, "outcome")?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Invalid, "outcome", format!("{} is not an outcome: {error}", path.display()))
            .help("take the form from `relhost release journal`, for example {\"deployed\": {...}} or {\"refused\": {...}}")
    })
}

async fn get(session: &Session<'_>, backend: &Backend, one: One) -> Result<Exit, Failure> {
    let Reply::Release(detail) = backend.call(None, Request::Release(ReleaseRef(one.release))).await? else {
        return Err(unexpected());
    };
    session.ui.result(&detail, || show::release::detail(session.ui, &detail));
    Ok(Exit::Done)
}

async fn watch(session: &Session<'_>, backend: &Backend, one: One) -> Result<Exit, Failure> {
    let Reply::Release(detail) = backend.call(None, Request::Release(ReleaseRef(one.release))).await? else {
        return Err(unexpected());
    };
    let again = session.again(None);
    if backend.host().is_some() && detail.row.summary.status.is_none() {
        session.ui.result(&detail.row, || show::release::stages(session.ui, &detail.row.summary.stages));
        let id = detail.row.id;
        session.ui.hint(&format!("nobody runs it at the moment; go on with: relhost resume {id}{again}"));
        return Ok(Exit::NeedsPerson);
    }
    let target = Follow { watch_only: true, since: 0, ..Follow::of(&detail.row, again) };
    follow(*session, backend, target).await
}

async fn logs(session: &Session<'_>, backend: &Backend, one: One) -> Result<Exit, Failure> {
    let reference = ReleaseRef(one.release);
    let Reply::Release(detail) = backend.call(None, Request::Release(reference.clone())).await? else {
        return Err(unexpected());
    };
    let stages = show::release::stages_of_runs(&detail.events);
    let mut since = 0;
    loop {
        let request = Request::Logs { release: reference.clone(), since };
        let Reply::Logs(found) = backend.call(None, request).await? else { return Err(unexpected()) };
        let entries = session.ui.readable(found);
        let Some(last) = entries.last() else { return Ok(Exit::Done) };
        since = last.seq + 1;
        for entry in &entries {
            if session.ui.for_people() {
                let stage = entry.run.and_then(|run| stages.get(&run));
                let at = session.ui.dim(&entry.at.to_string());
                let text = show::event::log(stage, &entry.line);
                text.lines().for_each(|line| session.ui.raw(&format!("{at} {line}\n")));
            } else {
                session.ui.line(entry);
            }
        }
    }
}

async fn journal(session: &Session<'_>, backend: &Backend, one: One) -> Result<Exit, Failure> {
    let Reply::Journal(runs) = backend.call(None, Request::Journal(ReleaseRef(one.release))).await? else {
        return Err(unexpected());
    };
    session.ui.result(&runs, || show::journal::runs(&runs));
    Ok(Exit::Done)
}

async fn replay(session: &Session<'_>, backend: &Backend, one: One) -> Result<Exit, Failure> {
    let Reply::Replayed(runs) = backend.call(None, Request::Replay(ReleaseRef(one.release))).await? else {
        return Err(unexpected());
    };
    session.ui.result(&runs, || {
        table::table(
            ["run", "stage", "same", "what was seen"],
            runs.iter().map(|run| {
                let same = if run.same { "yes" } else { "NO" };
                [run.run.to_string(), run.stage.to_string(), same.to_owned(), run.summary.clone()]
            }),
        )
    });
    Ok(if runs.iter().all(|run| run.same) { Exit::Done } else { Exit::Differs })
}
