//! What a test has prepared.

use std::collections::{BTreeMap, VecDeque};

use super::Reply;
use crate::host::record::{Actor, Applied, ArtifactRef, Decision, Rollout};
use crate::time::Timestamp;

/// What a run may know about itself.
pub struct Facts {
    pub pipeline: String,
    pub release: String,
    pub stage: String,
    pub environment: String,
    pub namespace: String,
    pub attempt: u32,
    pub rehearsal: bool,
    pub requester: Actor,
    pub artifacts: Vec<ArtifactRef>,
    /// By name in lower case: names are not case-sensitive.
    pub variables: BTreeMap<String, String>,
    pub outputs: BTreeMap<(String, String), String>,
    pub settings_json: String,
    pub seed: u64,
    pub started_at: Timestamp,
}

/// The answers that a test has ready, in order, for each function.
#[derive(Default)]
pub struct Replies {
    pub docker_registry: VecDeque<Reply<()>>,
    pub generic: VecDeque<Reply<()>>,
    pub deploy: VecDeque<Reply<Applied>>,
    pub wait: VecDeque<Reply<Rollout>>,
    pub await_approval: VecDeque<Reply<Decision>>,
    pub notify: VecDeque<Reply<()>>,
}

impl Replies {
    /// What is left over, as function and number.
    pub fn left(&self) -> Vec<(&'static str, usize)> {
        let counts = [
            ("docker_registry", self.docker_registry.len()),
            ("generic", self.generic.len()),
            ("deploy", self.deploy.len()),
            ("wait", self.wait.len()),
            ("await_approval", self.await_approval.len()),
            ("notify", self.notify.len()),
        ];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
