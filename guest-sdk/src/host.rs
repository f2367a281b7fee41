//! The seam between the SDK and whatever answers it: the host through generated bindings, or a script in a
//! test.
//!
//! Calls go through the one type [`Active`], never through a trait object: the linker then drops what a
//! plugin does not call, and a component's import list is its list of permissions.

use std::time::Duration;

use crate::outcome::Failure;
use crate::time::Timestamp;

pub mod record;
#[cfg(not(target_arch = "wasm32"))]
pub mod script;
#[cfg(target_arch = "wasm32")]
pub mod wasm;

use record::{
    Actor, Applied, ApprovalCall, ArtifactRef, Decision, DeployCall, LogLine, Rollout, SecretEntry, SecretRef,
};

/// What answers in this build.
#[cfg(not(target_arch = "wasm32"))]
pub use script::Script as Active;
#[cfg(target_arch = "wasm32")]
pub use wasm::Bindings as Active;

/// Everything that a host does for a plugin, in the words of the contract.
pub trait Host {
    fn pipeline(&self) -> String;
    fn release(&self) -> String;
    fn stage(&self) -> String;
    fn environment(&self) -> String;
    fn namespace(&self) -> String;
    fn attempt(&self) -> u32;
    fn rehearsal(&self) -> bool;
    fn requester(&self) -> Actor;
    fn artifact(&self) -> ArtifactRef;
    fn artifacts(&self) -> Vec<ArtifactRef>;
    fn variable(&self, name: &str) -> Option<String>;
    fn settings_json(&self) -> String;
    fn previous_output(&self, stage: &str, name: &str) -> Option<String>;
    fn now(&self) -> Timestamp;
    fn random(&self, len: u32) -> Vec<u8>;

    fn docker_registry(&self, name: &str, registry: &str) -> Result<SecretRef, Failure>;
    fn generic(&self, name: &str, entries: &[SecretEntry]) -> Result<SecretRef, Failure>;
    fn deploy(&self, call: &DeployCall) -> Result<Applied, Failure>;
    fn wait(&self, deployment: &str, timeout_seconds: u32) -> Result<Rollout, Failure>;
    fn await_approval(&self, call: &ApprovalCall) -> Result<Decision, Failure>;
    fn notify(&self, channel: &str, subject: &str, body: &str) -> Result<String, Failure>;

    /// Needs no run: policies log too.
    fn log(line: &LogLine);
}

/// Whole seconds, rounded up, and at least one: the contract reads 0 as "the default".
pub fn seconds(span: Duration) -> u64 {
    let whole = span.as_secs();
    let up = if span.subsec_nanos() > 0 { whole.saturating_add(1) } else { whole };
    up.max(1)
}
