//! The owner of a state folder: every adapter, opened once, and what the rest of the server shares.

pub mod board;
pub mod cluster;
pub mod compiler;
pub mod drives;
pub mod mailer;
pub mod seal;
pub mod states;
pub mod touched;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use relhost_connect::redact::{Masking, Redactor};
use relhost_connect::secrets::FileSecrets;
use relhost_engine::port::{Clock, Secrets};
use relhost_model::call::{CallError, LogLine};
use relhost_model::config::Config;
use relhost_model::id::ReleaseId;
use relhost_model::release::Mode;
use relhost_model::secret::{SecretError, SecretSource, SecretValue};
use relhost_model::time::Timestamp;
use relhost_runtime::{Sandbox, SandboxOptions};
use relhost_store::{Held, SqliteStore};

use self::board::Board;
use self::cluster::Clusters;
use self::compiler::ChildProcess;
use self::drives::Drives;
use self::mailer::Mailers;
use self::states::States;
use self::touched::Touched;
use crate::clock::SystemClock;
use crate::exit::{Exit, Failure};
use crate::supervise::Supervisor;
use crate::token::Key;

/// Everything that the owner of a state folder works with.
pub struct Host {
    /// The operator's configuration.
    pub config: Arc<Config>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Journal and read models.
    pub store: SqliteStore,
    /// Releases that were read.
    pub states: States,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Reads secrets and remembers them for redaction.
    pub secrets: Arc<dyn Secrets>,
    /// Cluster connections.
    pub clusters: Clusters,
    /// Where mail goes.
    pub mailers: Mailers,
    /// Links and codes.
    pub key: Key,
    /// Live lines.
    pub board: Board,
    /// Tasks.
    pub supervisor: Supervisor,
    /// The state folder.
    pub folder: PathBuf,
    /// Which process this is, in claims.
    pub owner: String,
    /// The second wall: what is known to be secret is masked in logs and errors.
    redactor: Arc<Mutex<Redactor>>,
    /// Where the decide page is, once it listens.
    page: OnceLock<String>,
    /// Which releases are driven.
    pub drives: Drives,
    /// Ticks after every commit that cancels runs.
    pub cancels: tokio::sync::watch::Sender<()>,
    /// Environments whose queue is to be looked at.
    pub touched: Touched,
    /// Held while a release is created: the number behind its name is read, and then taken.
    pub creating: tokio::sync::Mutex<()>,
    /// Damage that was said already.
    damage: Mutex<BTreeSet<String>>,
    /// The lock on the state folder. Declared last: it is let go when everything else is closed.
    held: Held,
}

/// Reads secrets and tells the redactor about each.
struct Recording {
    inner: FileSecrets,
    redactor: Arc<Mutex<Redactor>>,
}

impl Recording {
    /// Reads every secret once, so that none is shown before its first use: a log or an error may hold one
    /// that came from elsewhere. One that cannot be read now is an error when it is used.
    fn learn<'a>(&self, sources: impl IntoIterator<Item = &'a SecretSource>) {
        for source in sources {
            if let Err(error) = self.read(source) {
                tracing::debug!(%source, %error, "a secret cannot be masked yet");
            }
        }
    }
}

impl Secrets for Recording {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        let value = self.inner.read(source)?;
        let masking = self.redactor.lock().unwrap_or_else(PoisonError::into_inner).add(&value);
        if masking == Masking::TooShort {
            tracing::warn!(source = %source, "a secret is too short to be masked in logs");
        }
        Ok(value)
    }
}

impl Host {
    /// Opens everything. The store's writer and the sandbox's ticker get threads of their own.
    ///
    /// # Errors
    /// If the database is damaged or another part cannot be opened; nothing is left behind.
    pub fn open(held: Held, config: Config) -> Result<Arc<Self>, Failure> {
        let folder = held.folder().to_owned();
        let fault = |what: &str, error: &(dyn std::error::Error + 'static)| {
            let mut failure = Failure::chain(Exit::Unexpected, "start", error);
            failure.message = format!("{what}: {}", failure.message);
            failure
        };
        // What a killed import left half-made is never seen, and is in nobody's way either.
        relhost_connect::artifact::sweep(&folder.join("artifacts"))
            .map_err(|e| fault("tidy up artifacts", &e))?;
        let key = Key::load(&folder.join("key"))?;
        let (store, writer) = SqliteStore::open(&held)?;
        let supervisor = Supervisor::default();
        supervisor
            .service_thread("store-writer", move || writer.run())
            .map_err(|e| fault("start a thread", &e))?;
        let options = SandboxOptions {
            cache_dir: Some(folder.join("cache")),
            cache_key: key.derive("component-cache"),
            limits: config.limits.clone(),
            compiler: Arc::new(ChildProcess),
        };
        let (sandbox, ticker) = Sandbox::new(options).map_err(|e| fault("start the sandbox", &e))?;
        supervisor
            .service_thread("sandbox-ticker", move || ticker.run())
            .map_err(|e| fault("start a thread", &e))?;

        let redactor = Arc::new(Mutex::new(Redactor::default()));
        let secrets = Recording {
            inner: FileSecrets::new(config.folder.clone(), |name| std::env::var_os(name)),
            redactor: Arc::clone(&redactor),
        };
        secrets.learn(config.secret_sources());
        let secrets: Arc<dyn Secrets> = Arc::new(secrets);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mailers = Mailers::open(&config, &folder, &secrets, &clock)?;
        let clusters = Clusters::new(folder.join("rehearsal"));
        let owner = format!("pid {} incarnation {}", std::process::id(), uuid::Uuid::new_v4());
        Ok(Arc::new(Self {
            config: Arc::new(config),
            clock,
            store,
            states: States::default(),
            cancels: tokio::sync::watch::Sender::new(()),
            sandbox,
            secrets,
            clusters,
            mailers,
            key,
            board: Board::default(),
            supervisor,
            folder,
            owner,
            redactor,
            page: OnceLock::new(),
            drives: Drives::default(),
            touched: Touched::default(),
            creating: tokio::sync::Mutex::default(),
            damage: Mutex::default(),
            held,
        }))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Says that a row cannot be read, the first time that it is met.
    pub fn tell_damage(&self, problem: &str) {
        if self.damage.lock().unwrap_or_else(PoisonError::into_inner).insert(problem.to_owned()) {
            tracing::error!("set aside: {problem}");
        }
    }

    /// Drives a release from now on.
    pub fn drive(&self, release: ReleaseId) {
        if self.drives.add(release) {
            self.touch_all();
        }
    }

    /// Marks every environment: nobody knows which of them are free.
    pub fn touch_all(&self) {
        for environment in self.config.environments.keys() {
            self.touched.add(environment.clone(), Mode::Real);
            self.touched.add(environment.clone(), Mode::Rehearsal);
        }
    }

    /// Where artifact files lie.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.folder.join("artifacts")
    }

    /// Masks what is known to be secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.redactor.lock().unwrap_or_else(PoisonError::into_inner).redact(text).into_owned()
    }

    /// A line without what is known to be secret. Guests write its fields too.
    #[must_use]
    pub fn redacted_line(&self, mut line: LogLine) -> LogLine {
        self.redact_all(&mut line.message, &mut line.fields);
        line
    }

    /// An error without what is known to be secret.
    #[must_use]
    pub fn redacted_error(&self, mut error: CallError) -> CallError {
        self.redact_all(&mut error.message, &mut error.details);
        error
    }

    fn redact_all(&self, message: &mut String, named: &mut [(String, String)]) {
        *message = self.redact(message);
        for (_, value) in named {
            *value = self.redact(value);
        }
    }

    /// What mails link to: the configured address, else where the page listens; `None` without a page.
    #[must_use]
    pub fn page(&self) -> Option<&str> {
        self.page.get().map(String::as_str)
    }

    /// Says where the page listens. Only the first call counts.
    pub fn set_page(&self, url: String) {
        let _already = self.page.set(self.config.public_url.clone().unwrap_or(url));
    }

    /// Tells others where the socket is.
    ///
    /// # Errors
    /// If the lock file cannot be written.
    pub fn announce(&self, socket: &Path) -> Result<(), Failure> {
        self.held.announce(socket).map_err(Failure::from)
    }
}
