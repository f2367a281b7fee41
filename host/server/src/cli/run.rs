//! `run` and `resume`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use relhost_engine::port::store::ReleaseRow;
use relhost_model::id::StageName;
use relhost_model::release::Mode;

use super::follow::{Follow, follow};
use super::session::{Session, absolute, unexpected};
use super::show;
use crate::exit::{Exit, Failure};
use crate::owner::{Backend, Duty};
use crate::protocol::{Create, ReleaseRef, Reply, Request};

/// Create a release, run it and follow it.
///
/// The same pipeline, artifact, components and variables are the same release: running it again follows
/// it or reports how it ended. If another process owns the state folder, it runs the release there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  relhost run pipeline.yaml --artifact ./build-output
  relhost run pipeline.yaml --artifact app=./app.tar.gz --artifact docs=./docs --to Prod
  relhost run pipeline.yaml --artifact ./build-output --rehearse --plugins ./my-set")]
pub struct Run {
    /// The pipeline file
    pub pipeline: PathBuf,
    /// An artifact: a folder or a tar or zip file, for the primary one or for an ALIAS
    #[arg(long, value_name = "[ALIAS=]PATH")]
    pub artifact: Vec<String>,
    /// A plugin set over the pipeline's own plugins: a folder of NAME.wasm files or a YAML file
    #[arg(long, value_name = "PATH")]
    pub plugins: Vec<PathBuf>,
    /// A variable that wins over every other
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Touch nothing outside the state folder: a simulated cluster and an outbox folder
    #[arg(long)]
    pub rehearse: bool,
    /// Promote manual stages too, up to this one
    #[arg(long, value_name = "STAGE")]
    pub to: Option<StageName>,
    /// The release's key, instead of one made of what it consists of
    #[arg(long)]
    pub key: Option<String>,
    /// Make another release although the same one exists
    #[arg(long)]
    pub new: bool,
    /// Serve the decide page here while running (port 0 takes a free one)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Return as soon as the release is created; only with another process that runs it
    #[arg(long)]
    pub detach: bool,
}

/// Go on with releases that were interrupted or wait.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  relhost resume                     the newest active release
  relhost resume rel-7 --to Prod")]
pub struct Resume {
    /// The release: id, name, or `latest`
    pub release: Option<String>,
    /// Promote manual stages too, up to this one
    #[arg(long, value_name = "STAGE")]
    pub to: Option<StageName>,
    /// Serve the decide page here while running (port 0 takes a free one)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
}

/// Runs a release.
///
/// # Errors
/// If it cannot be created, or the owner cannot be reached.
pub async fn run(session: &Session<'_>, command: Run) -> Result<Exit, Failure> {
    let request = request(&command)?;
    // Before the state is opened: a file that is wrong leaves nothing behind.
    crate::app::load::pipeline(&command.pipeline)?;
    let mut config = session.config(Some(&command.pipeline))?;
    config.listen = command.listen.clone().or(config.listen);
    let backend = session.open(config, Duty::Dispatch).await?;
    let ended = created(session, &backend, &command, request).await;
    backend.close().await;
    ended
}

async fn created(
    session: &Session<'_>,
    backend: &Backend,
    command: &Run,
    request: Create,
) -> Result<Exit, Failure> {
    let ui = session.ui;
    let reply = backend.call(None, Request::Create(Box::new(request))).await?;
    let Reply::Created { release, existing, warnings } = reply else { return Err(unexpected()) };
    for warning in warnings {
        ui.warn(&warning);
    }
    announce(session, backend, &release, existing);
    if command.detach {
        if backend.host().is_some() {
            ui.warn("nobody else runs it: this process ends now; go on with `relhost resume`");
        }
        ui.result(&release, || format!("{}\n", release.id));
        return Ok(Exit::Done);
    }
    let target = Follow {
        release: release.id,
        to: command.to.clone(),
        give_up_waiting: true,
        since: 0,
        watch_only: false,
    };
    follow(*session, backend, target).await
}

fn announce(session: &Session<'_>, backend: &Backend, release: &ReleaseRow, existing: bool) {
    let label = show::mode_label(release.mode);
    let known =
        if existing { " (it exists: the same pipeline, artifact, plugins and variables)" } else { "" };
    session.ui.note(&format!(
        "{label}{} {} of {} {}{known}",
        release.id, release.name, release.pipeline, release.version
    ));
    match backend {
        Backend::Client(client) => {
            session
                .ui
                .note(&format!("another process owns the state and runs it ({})", client.socket().display()));
        }
        Backend::Owner(host) => {
            if let Some(page) = host.page() {
                session.ui.note(&format!("mails link to {page}"));
            }
        }
    }
}

fn request(command: &Run) -> Result<Create, Failure> {
    let artifacts = command.artifact.iter().map(|given| artifact(given)).collect::<Result<_, _>>()?;
    let plugins = command.plugins.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    Ok(Create {
        pipeline: absolute(&command.pipeline)?,
        artifacts,
        plugins,
        variables: variables(&command.variables)?,
        mode: if command.rehearse { Mode::Rehearsal } else { Mode::Real },
        key: command.key.clone(),
        new: command.new,
    })
}

/// `ALIAS=PATH` or `PATH`. A path that exists as it is wins, so that `=` in a path does no harm.
///
/// # Errors
/// If the current folder is gone.
pub fn artifact(given: &str) -> Result<(Option<String>, PathBuf), Failure> {
    match given.split_once('=') {
        Some((alias, path)) if !PathBuf::from(given).exists() => {
            Ok((Some(alias.to_owned()), absolute(&PathBuf::from(path))?))
        }
        _ => Ok((None, absolute(&PathBuf::from(given))?)),
    }
}

fn variables(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::new(Exit::Invalid, "usage", format!("`--var {text}` has no value"))
                .help("write `--var NAME=VALUE`")
        })?;
        if variables.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::new(Exit::Invalid, "usage", format!("`--var {name}` was given twice")));
        }
    }
    Ok(variables)
}

/// Goes on with a release.
///
/// # Errors
/// If there is none.
pub async fn resume(session: &Session<'_>, command: Resume) -> Result<Exit, Failure> {
    let mut config = session.config(None)?;
    config.listen = command.listen.clone().or(config.listen);
    let state = session.state(&config);
    if !state.join("relhost.db").exists() {
        return Err(Failure::new(
            Exit::Invalid,
            "no-state",
            format!("there is no state in {}", state.display()),
        )
        .help("`--state` names the folder; `relhost run` makes one"));
    }
    let backend = session.open(config, Duty::Dispatch).await?;
    let ended = resumed(session, &backend, &command).await;
    backend.close().await;
    ended
}

async fn resumed(session: &Session<'_>, backend: &Backend, command: &Resume) -> Result<Exit, Failure> {
    let row = match &command.release {
        Some(reference) => {
            let reply = backend.call(None, Request::Release(ReleaseRef(reference.clone()))).await?;
            let Reply::Release(detail) = reply else { return Err(unexpected()) };
            detail.row
        }
        None => {
            let reply = backend.call(None, Request::Releases { pipeline: None, active: true }).await?;
            let Reply::Releases(rows) = reply else { return Err(unexpected()) };
            rows.into_iter().next().ok_or_else(|| {
                Failure::new(Exit::Conflict, "nothing-active", "no release is active")
                    .help("`relhost release list` shows what there is")
            })?
        }
    };
    announce(session, backend, &row, false);
    let target = Follow {
        release: row.id,
        to: command.to.clone(),
        give_up_waiting: true,
        since: 0,
        watch_only: false,
    };
    follow(*session, backend, target).await
}
