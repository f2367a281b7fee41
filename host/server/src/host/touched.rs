//! Which environments may have become free or wanted.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use relhost_model::id::EnvironmentName;
use relhost_model::release::Mode;
use tokio::sync::Notify;

/// Environments whose queue is to be looked at: something was queued or ended there.
#[derive(Debug, Default)]
pub struct Touched {
    names: Mutex<BTreeSet<(EnvironmentName, bool)>>,
    wake: Notify,
}

impl Touched {
    /// Marks an environment.
    pub fn add(&self, environment: EnvironmentName, mode: Mode) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert((environment, mode == Mode::Rehearsal));
        self.wake.notify_one();
    }

    /// Waits until something is marked.
    pub async fn wait(&self) {
        self.wake.notified().await;
    }

    /// Everything that was marked since the last time.
    pub fn take(&self) -> BTreeSet<(EnvironmentName, bool)> {
        std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
