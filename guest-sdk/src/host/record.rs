//! The contract's records as plain Rust. The modules of the capabilities export them.

use crate::time::Timestamp;

/// What kind of actor did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A person of the operator's configuration.
    Person,
    /// The host itself or a trigger.
    Service,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The stable id: a key of `people` in the operator's configuration, or the name of a service.
    pub id: String,
    /// Person or service.
    pub kind: ActorKind,
}

impl Actor {
    /// A person.
    #[must_use]
    pub fn person(id: impl Into<String>) -> Self {
        Self { id: id.into(), kind: ActorKind::Person }
    }

    /// A service.
    #[must_use]
    pub fn service(id: impl Into<String>) -> Self {
        Self { id: id.into(), kind: ActorKind::Service }
    }
}

/// An artifact as this release froze it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactRef {
    /// The alias that the pipeline gives it.
    pub alias: String,
    /// SHA-256 over its files, as `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// What people call this build: its build number, or the first twelve digits of the digest.
    pub version: String,
}

/// A Kubernetes secret by name. It never holds bytes of the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    name: String,
}

impl SecretRef {
    /// A secret that is in the stage's namespace already.
    #[must_use]
    pub fn existing(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The object's name in the stage's namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One key of a generic secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretEntry {
    /// The key in the Kubernetes secret.
    pub key: String,
    /// The name of a secret in the operator's configuration.
    pub secret: String,
}

/// What to apply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeployCall {
    /// Files and folders of artifacts.
    pub manifests: Vec<String>,
    /// `repository:tag` or `repository@sha256:...`.
    pub images: Vec<String>,
    /// Pull secrets for every pod template.
    pub pull_secrets: Vec<SecretRef>,
}

/// What an apply did to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It did not exist before.
    Created,
    /// It was changed.
    Configured,
    /// Nothing was changed.
    Unchanged,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        })
    }
}

/// One object that was applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppliedObject {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// What happened to it.
    pub change: Change,
}

impl std::fmt::Display for AppliedObject {
    /// `Deployment/web configured`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} {}", self.kind, self.name, self.change)
    }
}

/// A finished apply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Names this apply when it is waited for.
    pub id: String,
    /// Every object, in the order of the apply.
    pub objects: Vec<AppliedObject>,
    /// Notes for a person: fields taken over, deprecations.
    pub warnings: Vec<String>,
}

/// The address of a Service of type LoadBalancer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAddress {
    /// The Service's name.
    pub service: String,
    /// Its IP address or host name.
    pub address: String,
}

/// An image that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunningImage {
    /// The workload, for example `Deployment/web`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The image as the manifest names it.
    pub image: String,
    /// The digest that the node pulled; `None` where no pod reports one.
    pub digest: Option<String>,
}

/// What is known once everything is ready.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// One per Service of type LoadBalancer that has an address.
    pub addresses: Vec<ServiceAddress>,
    /// The images of every workload.
    pub images: Vec<RunningImage>,
    /// Notes for a person: a LoadBalancer without an address yet.
    pub warnings: Vec<String>,
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalCall {
    /// What the approvers check.
    pub instructions: String,
    /// The plugin that decides; the host's default without.
    pub policy: Option<String>,
    /// The policy's settings as JSON.
    pub policy_settings: Option<String>,
    /// People and groups.
    pub approvers: Vec<String>,
    /// When it expires; the host's default without.
    pub timeout_seconds: Option<u64>,
}

/// How an approval ended. Rejected and expired are answers, not failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// The policy, the floor of the host and the environment's minimum are satisfied.
    Approved,
    /// One person rejected it, or a policy did.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The release was canceled.
    Canceled,
    /// A newer attempt took its place.
    Superseded,
}

/// One person's vote on an approval inside a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub voter: Actor,
    /// True for approve, false for reject.
    pub approve: bool,
    /// What they wrote; may be empty.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// The end of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How it ended.
    pub resolution: Resolution,
    /// Why, for a person.
    pub reason: String,
    /// Every vote, in the order they were given.
    pub votes: Vec<Vote>,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// For anybody who follows the release.
    Info,
    /// Worth a look.
    Warn,
    /// The plugin could not do what it was asked.
    Error,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Facts as name and value.
    pub fields: Vec<(String, String)>,
}
