//! Who owns a state folder: this process, or another one that is asked through its socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::store::{ReleaseFilter, Rows, Store as _, StoreError};
use relhost_model::config::Config;
use relhost_model::id::PersonId;
use relhost_store::{Held, StateFolder, kill, lock};

use crate::api::{client::Client, page, peer, socket};
use crate::app::caller::Caller;
use crate::app::handle::handle;
use crate::dispatch::{cycle, look_back, set_aside};
use crate::exit::{Exit, Failure};
use crate::fresh::Fresh;
use crate::host::Host;
use crate::protocol::{Envelope, Reply, Request};
use crate::supervise::Supervisor;

/// How long an owner may be silent: a short command has the folder for the moment that it takes and serves
/// nobody, and one that dispatches opens its socket when it has started. Five seconds are long for both, and
/// short for a person who waits to be told that an owner hangs.
const SILENT_OWNER: Duration = Duration::from_secs(5);
/// Between two looks at such an owner.
const SILENT_OWNER_PAUSE: Duration = Duration::from_millis(20);

/// What the owner of a state folder does besides answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// One request: nothing is dispatched, nobody is served.
    Answer,
    /// Runs of the releases that it is asked for, mails, the socket and, if an address is given, the page.
    DriveSome,
    /// The same for every release.
    DriveAll,
}

/// The state folder as a command sees it.
pub enum Backend {
    /// This process owns it; with what the folder held before, if that was no state.
    Owner(Arc<Host>, Option<Fresh>),
    /// Another process owns it.
    Client(Client),
}

/// Takes the state folder, or finds its owner.
///
/// # Errors
/// If the state is damaged. A folder that held no state is left as it was.
pub async fn open(folder: &Path, config: Config, duty: Duty) -> Result<Backend, Failure> {
    let made = !folder.exists();
    let held = match acquire(folder).await? {
        Ok(held) => held,
        Err(client) => return Ok(Backend::Client(client)),
    };
    let fresh = Fresh::look(held.folder(), made);
    // Held until the folder is as it was.
    let lock = held.clone();
    let started = start(held, config, duty).await;
    if let (Err(_), Some(fresh)) = (&started, &fresh) {
        fresh.restore();
    }
    drop(lock);
    Ok(Backend::Owner(started?, fresh))
}

/// Takes the folder, or finds who answers for it.
async fn acquire(folder: &Path) -> Result<Result<Held, Client>, Failure> {
    let deadline = tokio::time::Instant::now() + SILENT_OWNER;
    loop {
        match StateFolder::acquire(folder) {
            Ok(held) => return Ok(Ok(held)),
            Err(StoreError::Owned { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let client = find_owner(folder);
        if client.answers().await || tokio::time::Instant::now() >= deadline {
            return Ok(Err(client));
        }
        tokio::time::sleep(SILENT_OWNER_PAUSE).await;
    }
}

async fn start(held: Held, config: Config, duty: Duty) -> Result<Arc<Host>, Failure> {
    let listen = config.listen.clone();
    let host = Host::open(held, config)?;
    if duty == Duty::DriveAll {
        host.drives.all();
    }
    if duty != Duty::Answer {
        dispatch(&host, listen).await?;
    }
    Ok(host)
}

async fn dispatch(host: &Arc<Host>, listen: Option<String>) -> Result<(), Failure> {
    kill::point!("boot.before-recover");
    let recovered = host.store.recover().await?;
    kill::point!("boot.after-recover");
    if recovered > 0 {
        tracing::info!(runs = recovered, "going on with runs that an earlier process left");
    }
    set_aside::runs(host).await?;
    look_back::first(host).await?;
    kill::point!("boot.after-look-back");
    let path = socket::path(&host.folder);
    let listener = socket::listen(&path)?;
    host.announce(&path)?;
    host.supervisor.service("socket", Box::pin(socket::serve(Arc::clone(host), listener))).await;
    if let Some(address) = listen {
        let (listener, local) = page::listen(&address).await?;
        host.set_page(format!("http://{local}"));
        host.supervisor.service("page", Box::pin(page::serve(Arc::clone(host), listener))).await;
    }
    host.supervisor.service("cycle", Box::pin(cycle::run(Arc::clone(host)))).await;
    host.supervisor.job(Box::pin(look_back::approvals(Arc::clone(host)))).await;
    host.supervisor.job(Box::pin(check_pages(Arc::clone(host)))).await;
    Ok(())
}

/// Looks through a database that was too large for it at the start. Damage ends the process: what would be
/// written from then on could be lost.
async fn check_pages(host: Arc<Host>) {
    let (stop, store) = (host.supervisor.stop(), host.store.clone());
    match Supervisor::aside("check-pages", move || store.check_pages(|| stop.given())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => host.supervisor.fail(error.to_string()),
        Err(error) => tracing::error!(%error, "start a thread that looks through the database"),
    }
}

fn find_owner(folder: &Path) -> Client {
    let owner = lock::owner(folder);
    let described = owner.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string);
    let socket = owner.map_or_else(|| socket::path(folder), |owner| owner.socket);
    Client::new(socket, described)
}

impl Backend {
    /// Asks.
    ///
    /// # Errors
    /// What the use case says, or that the owner cannot be reached.
    pub async fn call(&self, act_as: Option<PersonId>, request: Request) -> Result<Reply, Failure> {
        match self {
            Self::Client(client) => client.call(&Envelope { act_as, request }).await,
            Self::Owner(host, _) => {
                let caller = Caller::os_user(&host.config, &peer::current_user(), "terminal", act_as);
                let answer = Box::pin(handle(host, &caller, request)).await;
                // Whoever waits for something waits in vain now.
                stopped(host).map_or(answer, Err)
            }
        }
    }

    /// The host, if this process owns the folder.
    #[must_use]
    pub fn host(&self) -> Option<&Arc<Host>> {
        match self {
            Self::Owner(host, _) => Some(host),
            Self::Client(_) => None,
        }
    }

    /// Ends what this process started, and makes everything durable.
    pub async fn close(self) {
        if let Self::Owner(host, _) = self {
            end(&host).await;
        }
    }

    /// Ends what this process started, and leaves a folder that held no state as it was: for a command that
    /// was refused. What others made through the socket meanwhile stays.
    pub async fn undo(self) {
        let Self::Owner(host, fresh) = self else { return };
        let all = ReleaseFilter::default();
        let unused = host.store.read().releases(all).await.is_ok_and(|found| found == Rows::default());
        end(&host).await;
        if let Some(fresh) = fresh.filter(|_| unused) {
            fresh.restore();
        }
    }
}

/// What a person is told if the process had to stop by itself.
#[must_use]
pub fn stopped(host: &Host) -> Option<Failure> {
    let reason = host.redact(host.supervisor.failure()?);
    let failure = Failure::new(Exit::Unexpected, "stopped", format!("the host had to stop: {reason}"));
    Some(failure.help("nothing that was acknowledged is lost; mend the cause and start again"))
}

async fn end(host: &Host) {
    if !host.supervisor.shut_down().await {
        tracing::warn!("some work did not end in time; it is made again on resume");
    }
    if let Err(error) = host.store.close().await {
        tracing::error!(%error, "close the state");
    }
}
