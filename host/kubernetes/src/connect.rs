//! Real clusters behind the port.

mod cleanup;
mod facts;

use relhost_engine::port::cluster::{ApplyRequest, CleanupRequest, Cluster, SecretRequest, WaitRequest};
use relhost_engine::port::{BoxFuture, Progress, Secrets};
use relhost_model::call::{CallError, Deployed, Rollout};
use relhost_model::config::ClusterConnection;
use relhost_model::id::ClusterName;

use crate::client::Connection;
use crate::policy::Rules;
use crate::{apply, wait};

/// One connection to a real cluster, confined to one namespace.
pub struct KubeCluster {
    connection: Connection,
    cluster_kinds: Vec<String>,
}

impl KubeCluster {
    /// Opens a connection. Nothing is sent yet.
    ///
    /// # Errors
    /// If the credentials cannot be read, or want something that is not allowed here.
    pub async fn open(
        name: &ClusterName,
        connection: &ClusterConnection,
        secrets: &dyn Secrets,
    ) -> Result<Self, CallError> {
        let cluster_kinds = connection.cluster_kinds.clone();
        Ok(Self { connection: Connection::open(name, connection, secrets).await?, cluster_kinds })
    }
}

impl Cluster for KubeCluster {
    fn namespace(&self) -> &str {
        self.connection.namespace()
    }

    fn apply<'a>(
        &'a self,
        request: &'a ApplyRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Deployed, CallError>> {
        Box::pin(async move {
            let rules = Rules {
                namespace: self.connection.namespace(),
                kinds: &request.kinds,
                cluster_kinds: &self.cluster_kinds,
            };
            apply::run(&self.connection.for_effect(&request.key), rules, request, progress).await
        })
    }

    fn wait<'a>(
        &'a self,
        request: &'a WaitRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Rollout, CallError>> {
        Box::pin(
            async move { wait::rollout(&self.connection.for_effect(&request.key), request, progress).await },
        )
    }

    fn secret<'a>(
        &'a self,
        request: &'a SecretRequest,
    ) -> BoxFuture<'a, Result<relhost_model::call::AppliedObject, CallError>> {
        Box::pin(async move {
            apply::secret::keep(&self.connection.for_effect(&request.key).brief(), request).await
        })
    }

    fn cleanup<'a>(
        &'a self,
        request: &'a CleanupRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<String>, CallError>> {
        Box::pin(cleanup::run(&self.connection, request, progress))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, CallError>> {
        Box::pin(facts::collect(&self.connection))
    }
}
