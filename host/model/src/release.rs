//! A release as it is frozen at creation, the plan of one deployment, and how things end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::approval::{Approver, Content, PolicyUse};
use crate::artifact::FrozenArtifact;
use crate::call::CallError;
use crate::digest::Digest;
use crate::id::{PluginName, RunId};
use crate::pipeline::Pipeline;
use crate::time::{Millis, Timestamp};

/// Real or rehearsed. Frozen at creation, and shown in every output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Against real clusters and a real mail server.
    Real,
    /// Against a simulated cluster and an outbox folder.
    Rehearsal,
}

/// Why a release was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked for it.
    Manual,
    /// A new build.
    ContinuousIntegration,
}

/// Which contract a component fulfils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// The logic of a stage.
    Stage,
    /// An approval policy.
    Policy,
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stage => "stage",
            Self::Policy => "policy",
        })
    }
}

/// A component as a release pinned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedComponent {
    /// SHA-256 of the component; the store keeps its bytes.
    pub digest: Digest,
    /// Stage or policy.
    pub kind: PluginKind,
    /// Where it came from, for people: `bundled`, or the path.
    pub origin: String,
}

/// A release, frozen. Creating one deploys nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The pipeline as it was.
    pub pipeline: Pipeline,
    /// The release's name, for example `Release-7`.
    pub name: String,
    /// The key that makes `run` idempotent.
    pub key: String,
    /// Real or rehearsed.
    pub mode: Mode,
    /// Why it was created.
    pub reason: Reason,
    /// Who asked for it.
    pub requester: Actor,
    /// For a triggered release also the identity behind the build, whose votes do not count either.
    pub requested_for: Option<Actor>,
    /// Its artifacts; the first is the primary one.
    pub artifacts: Vec<FrozenArtifact>,
    /// Its components by plugin name.
    pub components: BTreeMap<PluginName, PinnedComponent>,
    /// The components of policies that environments demand: the operator's, whatever the pipeline calls by
    /// the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub demanded: BTreeMap<PluginName, PinnedComponent>,
    /// Variables given on the command line; they win over every other.
    pub overrides: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Snapshot {
    /// The primary artifact.
    ///
    /// # Panics
    /// If there is none, which a checked pipeline excludes.
    #[must_use]
    pub fn primary(&self) -> &FrozenArtifact {
        self.artifacts.first().expect("a checked pipeline has at least one artifact")
    }
}

/// An approval with every reference resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPlan {
    /// The policies, pinned; all must approve.
    pub policies: Vec<PolicyUse>,
    /// Who is asked.
    pub approvers: Vec<Approver>,
    /// At least so many different people.
    pub approvals_min: u32,
    /// Whether the requester's own vote counts.
    pub requester_may_approve: bool,
    /// When it expires, counted from its opening.
    pub timeout: Millis,
    /// What to check.
    pub instructions: String,
    /// What is approved.
    pub content: Content,
}

/// Everything one deployment needs, resolved when it was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentPlan {
    /// The stage plugin.
    pub plugin: PluginName,
    /// Its component.
    pub component: Digest,
    /// The resolved `with:`.
    pub settings: serde_json::Value,
    /// Every variable, resolved, for the plugin's `variable` getter.
    pub variables: BTreeMap<String, String>,
    /// The cluster connection's name; in a rehearsal `rehearsal`.
    pub connection: String,
    /// The namespace.
    pub namespace: String,
    /// The artifacts; differs from the release's only if this attempt was given others.
    pub artifacts: Vec<FrozenArtifact>,
    /// The approval before the code, if any.
    pub before: Option<ApprovalPlan>,
    /// The approval after the code, if any.
    pub after: Option<ApprovalPlan>,
    /// The policies that the environment adds to an approval inside the code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demanded: Vec<PolicyUse>,
    /// Whether the requester's own vote counts in an approval inside the code.
    pub requester_may_approve: bool,
    /// What an approval inside the code is bound to, but for its policy and the journal.
    pub content: Content,
}

/// How a stage or an attempt of it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything was done.
    Succeeded,
    /// Done with something left out.
    PartiallySucceeded,
    /// It did not work.
    Failed,
    /// People said no. Not a failure.
    Rejected,
    /// People did not answer in time. Not a failure.
    Expired,
    /// Somebody stopped it.
    Canceled,
    /// A newer attempt took its place.
    Superseded,
    /// It did not start because an earlier stage did not succeed.
    Skipped,
}

impl Status {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::PartiallySucceeded => "partially succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Superseded => "superseded",
            Self::Skipped => "skipped",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a stage component returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageOutcome {
    /// How it ended: succeeded, partially succeeded, rejected or expired.
    pub status: Status,
    /// One sentence.
    pub summary: String,
    /// Named results.
    pub outputs: BTreeMap<String, String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// The component returned.
    Returned(StageOutcome),
    /// The component returned an error, trapped or broke a limit. A host fault never ends a run.
    Failed(CallError),
    /// An operator ended it without running its code.
    Aborted {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
}

/// What a run starts from. Fixed at creation; the first record of its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The run.
    pub run: RunId,
    /// Its public id.
    pub uuid: crate::id::RunUuid,
    /// The component.
    pub component: Digest,
    /// Seed of the run's random bytes, hexadecimal.
    pub seed: String,
    /// What the run's context getters answer from.
    pub context: RunContext,
}

/// What a stage may know about its run: the answers of the context's getters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunContext {
    /// The pipeline's name.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// The stage's name.
    pub stage: String,
    /// The environment's name.
    pub environment: String,
    /// The namespace.
    pub namespace: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// Whether nothing outside the state folder is touched.
    pub rehearsal: bool,
    /// On whose behalf.
    pub requester: Actor,
    /// Alias, digest and version of every artifact, the primary one first.
    pub artifacts: Vec<(String, Digest, String)>,
    /// Variables, resolved; keys in lower case.
    pub variables: BTreeMap<String, String>,
    /// The resolved `with:` as JSON text.
    pub settings: String,
    /// Outputs of earlier stages: stage, name, value.
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
}
