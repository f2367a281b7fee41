//! Connections to real clusters.

use relhost_engine::port::Secrets;
use relhost_engine::port::cluster::{ApplyRequest, CleanupRequest, Cluster, SecretRequest, WaitRequest};
use relhost_engine::port::{BoxFuture, Progress};
use relhost_model::call::{CallError, Deployed, Rollout};
use relhost_model::config::ClusterConnection;
use relhost_model::id::ClusterName;

/// A real cluster. Not built yet: opening one says so.
pub enum KubeCluster {}

impl KubeCluster {
    /// Opens a connection.
    ///
    /// # Errors
    /// Always, for now.
    pub async fn open(
        name: &ClusterName,
        _connection: &ClusterConnection,
        _secrets: &dyn Secrets,
    ) -> Result<Self, CallError> {
        Err(CallError::permanent("not-supported", format!("cluster `{name}`: this version rehearses only")))
    }
}

impl Cluster for KubeCluster {
    fn namespace(&self) -> &str {
        match *self {}
    }

    fn apply<'a>(
        &'a self,
        _: &'a ApplyRequest,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Deployed, CallError>> {
        match *self {}
    }

    fn wait<'a>(
        &'a self,
        _: &'a WaitRequest,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Rollout, CallError>> {
        match *self {}
    }

    fn secret<'a>(&'a self, _: &'a SecretRequest) -> BoxFuture<'a, Result<(), CallError>> {
        match *self {}
    }

    fn cleanup<'a>(
        &'a self,
        _: &'a CleanupRequest,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<String>, CallError>> {
        match *self {}
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, CallError>> {
        match *self {}
    }
}
