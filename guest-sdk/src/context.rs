//! What a stage may know about its run, and the way to its powers.
//!
//! ```
//! use relhost_sdk::mock::MockHost;
//!
//! let host = MockHost::new()
//!     .stage("QA")
//!     .variable("Replicas", "3")
//!     .previous_output("Dev", "address.web", "10.0.0.7");
//! let ctx = host.context();
//! assert_eq!(ctx.stage(), "QA");
//! assert_eq!(ctx.variable("replicas").as_deref(), Some("3"));
//! assert_eq!(ctx.previous_output("Dev", "address.web").as_deref(), Some("10.0.0.7"));
//! assert_eq!(ctx.random(4).len(), 4);
//! ```

use crate::approval::Approval;
use crate::deploy::Deploy;
use crate::host::{Active, Host};
use crate::log::Log;
use crate::notify::Notify;
use crate::secrets::Secrets;
use crate::time::Timestamp;

pub use crate::host::record::{Actor, ActorKind, ArtifactRef};

/// One run of one stage. Every getter answers the same when the run is replayed.
pub struct Context {
    host: Active,
}

impl Context {
    pub(crate) const fn new(host: Active) -> Self {
        Self { host }
    }

    /// The name of the pipeline.
    #[must_use]
    pub fn pipeline(&self) -> String {
        self.host.pipeline()
    }

    /// The release's name, for example `Release-7`.
    #[must_use]
    pub fn release(&self) -> String {
        self.host.release()
    }

    /// The stage's name, for example `QA`.
    #[must_use]
    pub fn stage(&self) -> String {
        self.host.stage()
    }

    /// The environment's name in the operator's configuration.
    #[must_use]
    pub fn environment(&self) -> String {
        self.host.environment()
    }

    /// The namespace that this stage is confined to.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.host.namespace()
    }

    /// The number of this attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.host.attempt()
    }

    /// Whether nothing outside the state folder is touched.
    #[must_use]
    pub fn rehearsal(&self) -> bool {
        self.host.rehearsal()
    }

    /// The person or service on whose behalf the release runs.
    #[must_use]
    pub fn requester(&self) -> Actor {
        self.host.requester()
    }

    /// The release's primary artifact.
    #[must_use]
    pub fn artifact(&self) -> ArtifactRef {
        self.host.artifact()
    }

    /// Every artifact of the release, the primary one first.
    #[must_use]
    pub fn artifacts(&self) -> Vec<ArtifactRef> {
        self.host.artifacts()
    }

    /// The value of a variable, if it is defined. Names are not case-sensitive. A secret variable is never
    /// here.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.host.variable(name)
    }

    /// The stage's `with:` as JSON. It has been read into the stage's settings already.
    #[must_use]
    pub fn settings_json(&self) -> String {
        self.host.settings_json()
    }

    /// An output of an earlier stage of this release, if that stage has succeeded and has it.
    #[must_use]
    pub fn previous_output(&self, stage: &str, name: &str) -> Option<String> {
        self.host.previous_output(stage, name)
    }

    /// The time of the last thing this run was told. It moves only when a host call returns, and a replay
    /// sees the same values.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Random bytes from the run's own seed, at most 1,024; the same in a replay.
    #[must_use]
    pub fn random(&self, len: u32) -> Vec<u8> {
        self.host.random(len)
    }

    /// Begins a log line.
    pub fn log(&self) -> Log {
        Log::new()
    }

    /// Begins a deployment. Power: `deploy`.
    pub fn deploy(&self) -> Deploy<'_> {
        Deploy::new(&self.host)
    }

    /// Creates secrets. Power: `create-secret`.
    #[must_use]
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets::new(&self.host)
    }

    /// Begins a question to people: what they should check. Power: `await-approval`.
    pub fn approval(&self, instructions: impl Into<String>) -> Approval<'_> {
        Approval::new(&self.host, instructions.into())
    }

    /// Begins a message to a person (`ann`), a group (`group:qa-leads`) or `requester`. Power: `notify`.
    pub fn notify(&self, channel: impl Into<String>) -> Notify<'_> {
        Notify::new(&self.host, channel.into())
    }
}
