//! What a plugin asked, and what a test answers.

use std::fmt;
use std::time::Duration;

use crate::host::record::{ApprovalCall, DeployCall, SecretEntry};
use crate::outcome::Failure;

/// A host call that a plugin made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `create-secret.docker-registry`.
    DockerRegistry {
        /// The secret's name.
        name: String,
        /// The registry connection.
        registry: String,
    },
    /// `create-secret.generic`.
    Generic {
        /// The secret's name.
        name: String,
        /// Its keys. They name secrets; nothing here holds the bytes of one.
        entries: Vec<SecretEntry>,
    },
    /// `deploy.deploy`.
    Deploy(DeployCall),
    /// `deploy.wait`.
    Wait {
        /// The deployment's id.
        deployment: String,
        /// How long.
        timeout: Duration,
    },
    /// `await-approval.await-approval`.
    AwaitApproval(ApprovalCall),
    /// `notify.send`.
    Notify {
        /// Who.
        channel: String,
        /// The first line.
        subject: String,
        /// The rest.
        body: String,
    },
}

impl Call {
    /// The method of the mock host that scripts an answer.
    pub(super) const fn script(&self) -> &'static str {
        match self {
            Self::DockerRegistry { .. } => "docker_registry",
            Self::Generic { .. } => "generic",
            Self::Deploy(_) => "deploy",
            Self::Wait { .. } => "wait",
            Self::AwaitApproval(_) => "await_approval",
            Self::Notify { .. } => "notify",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerRegistry { name, registry } => write!(f, "docker-registry({name:?}, {registry:?})"),
            Self::Generic { name, entries } => {
                let entry = |entry: &SecretEntry| format!("{}={}", entry.key, entry.secret);
                let entries: Vec<_> = entries.iter().map(entry).collect();
                write!(f, "generic({name:?}, {entries:?})")
            }
            Self::Deploy(DeployCall { manifests, images, pull_secrets }) => {
                let secrets: Vec<_> = pull_secrets.iter().map(|secret| secret.name()).collect();
                write!(f, "deploy(manifests {manifests:?}, images {images:?}, pull secrets {secrets:?})")
            }
            Self::Wait { deployment, timeout } => write!(f, "wait({deployment:?}, {timeout:?})"),
            Self::AwaitApproval(ApprovalCall { instructions, policy, approvers, .. }) => {
                let policy = policy.as_deref().unwrap_or("the default policy");
                write!(f, "await-approval({instructions:?}, approvers {approvers:?}, {policy})")
            }
            Self::Notify { channel, subject, .. } => write!(f, "notify({channel:?}, {subject:?})"),
        }
    }
}

/// What a scripted call returns, and how long it took.
///
/// Made from the value that is returned; [`Reply::failed`] for a failure.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    pub(super) result: Result<T, Failure>,
    pub(super) after: Duration,
}

impl<T> Reply<T> {
    /// A call that succeeds.
    pub fn ok(value: T) -> Self {
        Self { result: Ok(value), after: Duration::ZERO }
    }

    /// A call that is refused or fails.
    pub fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), after: Duration::ZERO }
    }

    /// The run's time moves on by this much when the call returns.
    #[must_use]
    pub fn after(mut self, span: Duration) -> Self {
        self.after = span;
        self
    }
}

impl<T> From<T> for Reply<T> {
    fn from(value: T) -> Self {
        Self::ok(value)
    }
}
