//! `serve`.

use clap::Args;
use relhost_model::release::Mode;

use super::session::Session;
use crate::exit::{Exit, Failure};
use crate::owner::{Backend, Duty, stopped};
use crate::telemetry;
use crate::trigger;

/// Own the state: dispatch every release, watch for new builds, send mails, serve the decide page.
///
/// Runs until it is interrupted. Every other command talks to it through the socket in the state folder.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  relhost serve --config /etc/relhost/relhost.yaml")]
pub struct Serve {
    /// Make releases of new builds as rehearsals
    #[arg(long)]
    pub rehearse: bool,
    /// Serve the decide page here instead of at `listen:` (port 0 takes a free one)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
}

/// Serves until interrupted.
///
/// # Errors
/// If another process owns the state, or it cannot be opened.
pub async fn run(session: &Session<'_>, command: Serve) -> Result<Exit, Failure> {
    let mut config = session.config(None)?;
    config.listen = command.listen.or(config.listen);
    // What a server does is its output: one line per build and release, without being asked.
    telemetry::start(session.global.verbose.max(1));
    let backend = session.open(config, Duty::DriveAll).await?;
    let host = match &backend {
        Backend::Owner(host, _) => host,
        Backend::Client(client) => {
            let message = format!("open the state folder: {} has it", client.owner());
            return Err(Failure::new(Exit::Conflict, "owned", message).help("only one process can serve it"));
        }
    };
    let ui = session.ui;
    let mode = if command.rehearse { Mode::Rehearsal } else { Mode::Real };
    host.supervisor.service("trigger", Box::pin(trigger::run(host.clone(), mode))).await;
    ui.note(&format!("serving {} (stop with Ctrl-C)", host.folder.display()));
    match host.page() {
        Some(page) => ui.note(&format!("the decide page is at {page}")),
        None => ui.warn("no page: `listen:` is not set, so mails hold no link"),
    }
    for pipeline in &host.config.pipelines {
        ui.note(&format!("watching {}", pipeline.display()));
    }
    let mut stop = host.supervisor.stop();
    let exit = tokio::select! {
        () = stop.wait() => Exit::Unexpected,
        () = asked_to_end() => Exit::Done,
    };
    ui.note("stopping; everything that is under way goes on at the next start");
    let failure = stopped(host);
    backend.close().await;
    failure.map_or(Ok(exit), Err)
}

/// Ctrl-C, or the signal that a service manager sends.
async fn asked_to_end() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _interrupted = tokio::signal::ctrl_c().await;
        }
    }
}
