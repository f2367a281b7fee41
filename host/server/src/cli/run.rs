//! `run` and `resume`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use relhost_engine::port::store::ReleaseRow;
use relhost_model::id::{PersonId, StageName};
use relhost_model::pipeline::Pipeline;
use relhost_model::release::Mode;

use super::follow::{Follow, follow};
use super::session::{Session, absolute, close, unexpected};
use super::show;
use crate::exit::{Exit, Failure};
use crate::owner::{Backend, Duty};
use crate::protocol::{Create, ReleaseRef, Reply, Request};

/// Create a release, run it and follow it.
#[derive(Debug, Args)]
#[command(after_help = "\
The same pipeline, artifact, components and variables are the same release: running it again follows it, or
says how it ended. If another process owns the state folder, the release runs there.

Examples:
  relhost run pipeline.yaml --rehearse
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
    // Before the state is opened: a file that is wrong makes no state.
    let pipeline = crate::app::load::pipeline(&command.pipeline)?.value;
    check_stage(&pipeline, command.to.as_ref())?;
    let mut config = session.config(Some(&command.pipeline))?;
    config.listen = command.listen.clone().or(config.listen);
    let user = session.user(&config);
    let backend = session.open(config, Duty::DriveSome).await?;
    match create(session, &backend, request).await {
        Ok((release, existing)) => {
            announce(session, &backend, &release, existing);
            let ended = go_on(session, &backend, &command, release, user).await;
            close(backend).await;
            ended
        }
        Err(failure) => {
            backend.undo().await;
            Err(failure)
        }
    }
}

fn check_stage(pipeline: &Pipeline, to: Option<&StageName>) -> Result<(), Failure> {
    let Some(to) = to.filter(|to| pipeline.stage(to).is_none()) else { return Ok(()) };
    let known: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    Err(Failure::new(
        Exit::Invalid,
        "unknown-stage",
        format!("`--to {to}`: {} has no such stage", pipeline.name),
    )
    .help(format!("its stages are: {}", known.join(", "))))
}

async fn create(
    session: &Session<'_>,
    backend: &Backend,
    request: Create,
) -> Result<(ReleaseRow, bool), Failure> {
    let reply = backend.call(None, Request::Create(Box::new(request))).await?;
    let Reply::Created { release, existing, warnings } = reply else { return Err(unexpected()) };
    for warning in warnings {
        session.ui.warn(&warning);
    }
    Ok((*release, existing))
}

async fn go_on(
    session: &Session<'_>,
    backend: &Backend,
    command: &Run,
    release: ReleaseRow,
    user: Option<PersonId>,
) -> Result<Exit, Failure> {
    let again = session.again(Some(&command.pipeline));
    if command.detach {
        session.ui.result(&release, || format!("{}\n", release.id));
        if backend.host().is_some() {
            session.ui.warn("nobody else runs it, so it stops here");
            session.ui.hint(&format!("go on with: relhost resume {}{again}", release.id));
        }
        return Ok(Exit::Done);
    }
    let target = Follow { to: command.to.clone(), user, ..Follow::of(&release, again) };
    follow(*session, backend, target).await
}

fn announce(session: &Session<'_>, backend: &Backend, release: &ReleaseRow, existing: bool) {
    let ui = session.ui;
    let label = show::mode_label(release.mode);
    ui.note(&format!("{label}{} ({}) of {} {}", release.name, release.id, release.pipeline, release.version));
    if existing {
        ui.note(
            "it exists already: the same pipeline, artifact, plugins and variables (`--new` makes another)",
        );
    }
    if release.summary.status.is_some() {
        return;
    }
    match backend {
        Backend::Client(client) => {
            ui.note(&format!("another process owns the state and runs it ({})", client.socket().display()));
        }
        Backend::Owner(host, _) => {
            if let Some(mailer) = host.mailers.get(release.mode) {
                let link = host.page().map(|page| format!(", linking to {page}")).unwrap_or_default();
                ui.note(&format!("mails go to {}{link}", mailer.destination()));
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
    session.require_state(&config)?;
    let user = session.user(&config);
    let backend = session.open(config, Duty::DriveSome).await?;
    let ended = resumed(session, &backend, &command, user).await;
    close(backend).await;
    ended
}

async fn resumed(
    session: &Session<'_>,
    backend: &Backend,
    command: &Resume,
    user: Option<PersonId>,
) -> Result<Exit, Failure> {
    let row = match &command.release {
        Some(reference) => {
            let reply = backend.call(None, Request::Release(ReleaseRef(reference.clone()))).await?;
            let Reply::Release(detail) = reply else { return Err(unexpected()) };
            check_stage(&detail.snapshot.pipeline, command.to.as_ref())?;
            detail.row
        }
        None => newest_active(session, backend).await?,
    };
    announce(session, backend, &row, false);
    let again = session.again(None);
    let target = Follow { to: command.to.clone(), user, ..Follow::of(&row, again) };
    follow(*session, backend, target).await
}

async fn newest_active(session: &Session<'_>, backend: &Backend) -> Result<ReleaseRow, Failure> {
    let reply = backend.call(None, Request::Releases { pipeline: None, active: true }).await?;
    let Reply::Releases(found) = reply else { return Err(unexpected()) };
    session.ui.readable(found).into_iter().next().ok_or_else(|| {
        Failure::new(Exit::Conflict, "nothing-active", "no release is active")
            .help("`relhost release list` shows what there is")
    })
}
