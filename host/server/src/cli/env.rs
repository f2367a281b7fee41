//! `env ...`.

use clap::Subcommand;
use relhost_model::id::EnvironmentName;
use relhost_model::release::Mode;

use super::session::{Session, close, unexpected};
use super::table::table;
use crate::exit::{Exit, Failure};
use crate::owner::Backend;
use crate::protocol::{Reply, Request};

/// See environments and clean them up.
#[derive(Debug, Subcommand)]
pub enum Env {
    /// List environments: what holds them and what is applied there
    List,
    /// Delete what relhost applied in an environment
    #[command(after_help = "Examples:
  relhost env cleanup dev
  relhost env cleanup dev --namespace --yes")]
    Cleanup {
        /// The environment
        environment: EnvironmentName,
        /// Delete the whole namespace, whoever made what is in it
        #[arg(long)]
        namespace: bool,
        /// The rehearsed objects
        #[arg(long)]
        rehearse: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// What the use case says.
pub async fn run(session: &Session<'_>, command: Env) -> Result<Exit, Failure> {
    let backend = session.ask().await?;
    let ended = answer(session, &backend, command).await;
    close(backend).await;
    ended
}

async fn answer(session: &Session<'_>, backend: &Backend, command: Env) -> Result<Exit, Failure> {
    let Reply::Environments(views) = backend.call(None, Request::Environments).await? else {
        return Err(unexpected());
    };
    let (environment, namespace, rehearse) = match command {
        Env::List => {
            session.ui.result(&views, || {
                let rows = views.iter().map(|view| {
                    let rehearsed = view.rehearsed.iter().map(|name| format!("[rehearsal] {name}"));
                    let applied =
                        view.applied.iter().cloned().chain(rehearsed).collect::<Vec<_>>().join("\n");
                    let holder = view.holder.clone().unwrap_or_else(|| "free".into());
                    [view.name.to_string(), view.target.clone(), holder, view.waiting.to_string(), applied]
                });
                table(["environment", "target", "held by", "waiting", "applied"], rows)
            });
            return Ok(Exit::Done);
        }
        Env::Cleanup { environment, namespace, rehearse } => (environment, namespace, rehearse),
    };
    let view = views.iter().find(|view| view.name == environment);
    if view.is_none() {
        // Refused before anything else: the use case says which environments there are.
        let request = Request::Cleanup { environment: environment.clone(), mode: Mode::Rehearsal, namespace };
        backend.call(None, request).await?;
    }
    let objects = view.map(|view| if rehearse { view.rehearsed.join(", ") } else { view.applied.join(", ") });
    let target = view.map(|view| view.target.clone()).unwrap_or_default();
    let question = match (namespace, objects.as_deref()) {
        (true, _) => format!("Delete the whole namespace of `{environment}` ({target})?"),
        (false, Some("") | None) => {
            session.ui.note(&format!("nothing is known to be applied in `{environment}`"));
            return Ok(Exit::Done);
        }
        (false, Some(objects)) => format!("Delete {objects} in `{environment}` ({target})?"),
    };
    match session.ui.confirm(&question) {
        Some(true) => {}
        Some(false) => {
            session.ui.note("nothing was deleted");
            return Ok(Exit::Interrupted);
        }
        None => {
            return Err(Failure::new(Exit::Invalid, "not-confirmed", format!("not done: {question}"))
                .help("without a terminal add `--yes`"));
        }
    }
    let mode = if rehearse { Mode::Rehearsal } else { Mode::Real };
    let Reply::Removed(removed) =
        backend.call(None, Request::Cleanup { environment, mode, namespace }).await?
    else {
        return Err(unexpected());
    };
    session.ui.result(&removed, || removed.iter().map(|name| format!("deleted {name}\n")).collect());
    Ok(Exit::Done)
}
