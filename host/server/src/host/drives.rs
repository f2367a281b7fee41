//! Which releases this process drives: `serve` all of them, `run` and `resume` the one they were asked for
//! and those that others move through its socket. What an earlier process left is not started by accident.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use relhost_model::id::ReleaseId;

/// The releases that are driven; `None` inside is every one.
#[derive(Debug)]
pub struct Drives(Mutex<Option<BTreeSet<ReleaseId>>>);

impl Default for Drives {
    /// None yet.
    fn default() -> Self {
        Self(Mutex::new(Some(BTreeSet::new())))
    }
}

impl Drives {
    /// Drives every release from now on.
    pub fn all(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Drives a release from now on; says whether that is new.
    pub fn add(&self, release: ReleaseId) -> bool {
        let mut only = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        only.as_mut().is_some_and(|only| only.insert(release))
    }

    /// The releases that are driven; `None` for every one.
    #[must_use]
    pub fn only(&self) -> Option<BTreeSet<ReleaseId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
