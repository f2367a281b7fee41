//! What the adapters implement. Declarations only: nothing in this crate calls them, `server` does.
//!
//! Futures are boxed, so that a port can be a trait object and no async runtime is named here.

use std::future::Future;
use std::pin::Pin;

use relhost_model::call::{Answer, AppliedObject, HostCall, LogLine};
use relhost_model::secret::{SecretError, SecretSource, SecretValue};
use relhost_model::time::Timestamp;

pub mod cluster;
pub mod mail;
pub mod store;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time of day. The only way to it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Reads secrets where they are kept, at the moment they are used.
pub trait Secrets: Send + Sync {
    /// Reads one secret.
    ///
    /// # Errors
    /// If it is not there. The text never holds any part of a secret.
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError>;
}

/// Hears what goes on inside a long call. What it hears is shown at once and stored with the next frame.
pub trait Progress: Send + Sync {
    /// One line.
    fn line(&self, line: LogLine);

    /// An object is there now. Told one by one, so that what a failed or cut call left is known.
    fn applied(&self, _object: &AppliedObject) {}
}

/// Why a host call did not return to the plugin. The activation ends; nothing of it is visible to guest code.
#[derive(Debug, thiserror::Error)]
pub enum CallStop {
    /// The run waits. Its instance is dropped and the run comes back when the wait is over.
    #[error("the run waits")]
    Suspended,
    /// The run cannot go on without a person.
    #[error("the run is quarantined: {0}")]
    Quarantined(relhost_model::call::CallError),
    /// The host stops, or another owner took the run. Nothing is recorded.
    #[error("the run was interrupted: {0}")]
    Interrupted(String),
}

/// Answers a running component. The sandbox converts and checks grants; everything else is behind this.
pub trait HostCalls: Send {
    /// Makes one host call that takes an ordinal: answered from the journal or made for real.
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>>;

    /// Takes a log line of the plugin. While the run is replayed it is dropped.
    fn log(&mut self, line: LogLine);

    /// The time of the last thing the run was told.
    fn now(&self) -> Timestamp;
}
