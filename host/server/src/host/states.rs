//! Releases as their events made them. Events only ever follow, so each is read and taken apart once: what is
//! known of a release is kept, and only its newer events are read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use relhost_engine::release::ReleaseState;
use relhost_model::id::ReleaseId;

/// How much is kept, in [`weight`]: some MiB. A mail looks at the last fifty releases of its pipeline; thirty-two runs
/// are driven at once.
const WEIGHT_MAX: usize = 32 * 1024;
/// Of one release that has no files: its plans, its variables, its pipeline.
const WEIGHT_OF_ONE: usize = 64;

/// The releases that were looked at last.
#[derive(Debug, Default)]
pub struct States(Mutex<VecDeque<Arc<ReleaseState>>>);

impl States {
    /// What is known of a release.
    #[must_use]
    pub fn get(&self, release: ReleaseId) -> Option<Arc<ReleaseState>> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = states.iter().position(|state| state.id == release)?;
        let state = states.remove(found)?;
        states.push_front(Arc::clone(&state));
        Some(state)
    }

    /// Keeps what a release is now, unless more is known of it already.
    pub fn put(&self, state: Arc<ReleaseState>) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = states.iter().position(|known| known.id == state.id) {
            if states[found].next > state.next {
                return;
            }
            states.remove(found);
        }
        states.push_front(state);
        let mut total: usize = states.iter().map(|state| weight(state)).sum();
        while total > WEIGHT_MAX
            && let Some(oldest) = states.pop_back()
        {
            total -= weight(&oldest);
        }
    }
}

/// Nearly all of a large release are the lists of the files of its artifacts, one in each of its plans.
fn weight(state: &ReleaseState) -> usize {
    let plans = state.deployments().iter().flat_map(|deployment| &deployment.plan.artifacts);
    let files: usize =
        state.snapshot.artifacts.iter().chain(plans).map(|artifact| artifact.files.len()).sum();
    WEIGHT_OF_ONE + files
}
