//! The cluster: apply, wait, secrets, cleanup. Implemented for real clusters and for the rehearsal cluster.

use relhost_model::call::{AppliedObject, CallError, Deployed, Rollout};
use relhost_model::digest::Digest;
use relhost_model::secret::SecretValue;
use relhost_model::time::Millis;

use super::{BoxFuture, Progress};

/// One manifest file of an artifact, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `alias/path`, for messages.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What to apply.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// The effect's key; travels in the User-Agent and names the deployment.
    pub key: Digest,
    /// The files, in order.
    pub manifests: Vec<Manifest>,
    /// Images to put in.
    pub images: Vec<String>,
    /// Names of pull secrets to add.
    pub pull_secrets: Vec<String>,
    /// Kinds that the grant allows; empty does not restrict.
    pub kinds: Vec<String>,
}

/// What to wait for.
#[derive(Debug, Clone)]
pub struct WaitRequest {
    /// The effect's key; travels in the User-Agent.
    pub key: Digest,
    /// The objects that an apply returned.
    pub objects: Vec<AppliedObject>,
    /// The whole wait.
    pub timeout: Millis,
}

/// The content of a Kubernetes secret.
#[derive(Debug, Clone)]
pub enum SecretContent {
    /// `kubernetes.io/dockerconfigjson` for one registry.
    DockerRegistry {
        /// The registry's server.
        server: String,
        /// User name.
        user: String,
        /// Password.
        password: SecretValue,
        /// Mail address.
        email: Option<String>,
    },
    /// `Opaque`: key and value.
    Generic(Vec<(String, SecretValue)>),
}

/// A secret to create or update.
#[derive(Debug, Clone)]
pub struct SecretRequest {
    /// The effect's key; travels in the User-Agent.
    pub key: Digest,
    /// The object's name.
    pub name: String,
    /// What it holds.
    pub content: SecretContent,
}

/// What to remove.
#[derive(Debug, Clone)]
pub enum CleanupRequest {
    /// These objects, as long as they still have the uid they were applied with.
    Objects(Vec<AppliedObject>),
    /// The connection's whole namespace.
    Namespace,
}

/// One connection to a cluster, confined to one namespace. A business failure is a [`CallError`] with its
/// cause first; its text never holds secret bytes.
pub trait Cluster: Send + Sync {
    /// The namespace it is confined to.
    fn namespace(&self) -> &str;

    /// Applies everything, or nothing if any object's dry run fails.
    fn apply<'a>(
        &'a self,
        request: &'a ApplyRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Deployed, CallError>>;

    /// Waits until the objects are ready, or until the cause of a failure is certain.
    fn wait<'a>(
        &'a self,
        request: &'a WaitRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Rollout, CallError>>;

    /// Creates or updates a secret in one step; returns the object that it is now.
    fn secret<'a>(&'a self, request: &'a SecretRequest) -> BoxFuture<'a, Result<AppliedObject, CallError>>;

    /// Removes objects; returns `Kind/name` of what it removed.
    fn cleanup<'a>(
        &'a self,
        request: &'a CleanupRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<String>, CallError>>;

    /// Checks that the cluster answers and what the connection may do: a list of facts for `doctor`.
    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, CallError>>;
}
