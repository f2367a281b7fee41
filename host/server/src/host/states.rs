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
pub struct States(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The one that was looked at last comes first.
    releases: VecDeque<Release>,
    weight: usize,
}

/// What is searched and added up lies beside each other, and not behind hundreds of pointers.
#[derive(Debug)]
struct Release {
    id: ReleaseId,
    weight: usize,
    state: Arc<ReleaseState>,
}

impl States {
    /// What is known of a release.
    #[must_use]
    pub fn get(&self, release: ReleaseId) -> Option<Arc<ReleaseState>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.take(release)?;
        let state = Arc::clone(&found.state);
        kept.put(found);
        Some(state)
    }

    /// Keeps what a release is now, unless more is known of it already. One that is too large is not kept.
    pub fn put(&self, state: Arc<ReleaseState>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.take(state.id);
        let new = Release { id: state.id, weight: weight(&state), state };
        match known {
            Some(known) if known.state.next > new.state.next => kept.put(known),
            _ if new.weight > WEIGHT_MAX => {}
            _ => kept.put(new),
        }
    }
}

impl Kept {
    fn take(&mut self, id: ReleaseId) -> Option<Release> {
        let found = self.releases.iter().position(|release| release.id == id)?;
        let release = self.releases.remove(found)?;
        self.weight -= release.weight;
        Some(release)
    }

    fn put(&mut self, release: Release) {
        self.weight += release.weight;
        self.releases.push_front(release);
        while self.weight > WEIGHT_MAX
            && let Some(oldest) = self.releases.pop_back()
        {
            self.weight -= oldest.weight;
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

#[cfg(test)]
mod tests {
    use relhost_model::digest::Digest;
    use serde_json::json;

    use super::*;

    fn release(id: u64, files: usize) -> ReleaseState {
        let (digest, file) =
            (Digest::of(b""), |n| json!({ "path": n, "size": 1, "digest": Digest::of(b"") }));
        let files: Vec<_> = (0..files).map(|n| file(n.to_string())).collect();
        let snapshot = json!({
            "pipeline": {
                "name": "p", "revision": digest, "release_name": "R", "artifacts": [], "variables": {},
                "legacy_variables": false, "plugins": {}, "stages": [],
            },
            "name": "R-1", "key": "k", "mode": "rehearsal", "reason": "manual", "requester": { "service": "s" },
            "requested_for": null, "components": {}, "overrides": {}, "created_at": 0,
            "artifacts": [{ "alias": "a", "digest": digest, "origin": "", "build": {}, "files": files }],
        });
        ReleaseState::new(ReleaseId(id), serde_json::from_value(snapshot).unwrap())
    }

    fn known(states: &States, ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
        ids.into_iter().filter(|id| states.get(ReleaseId(*id)).is_some()).collect()
    }

    #[test]
    fn what_was_not_looked_at_for_long_makes_room() {
        let states = States::default();
        let files = WEIGHT_MAX / 3 - WEIGHT_OF_ONE;
        for id in 1..=3 {
            states.put(Arc::new(release(id, files)));
        }
        assert_eq!(known(&states, [3, 2, 1]), [3, 2, 1], "three of them fit");
        states.put(Arc::new(release(4, files)));
        assert_eq!(known(&states, 1..=4), [1, 2, 4], "the third was looked at first");
        states.put(Arc::new(release(5, WEIGHT_MAX)));
        assert_eq!(known(&states, 1..=5), [1, 2, 4], "what is too large leaves the others where they are");
    }

    #[test]
    fn what_is_known_never_becomes_older() {
        let states = States::default();
        for next in [2, 1] {
            let mut state = release(1, 0);
            state.next = next;
            states.put(Arc::new(state));
        }
        assert_eq!(states.get(ReleaseId(1)).map(|state| state.next), Some(2));
    }
}
