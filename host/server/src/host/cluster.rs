//! Cluster connections, opened when they are first used and kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use relhost_engine::port::Secrets;
use relhost_engine::port::cluster::Cluster;
use relhost_kubernetes::{KubeCluster, RehearsalCluster};
use relhost_model::call::CallError;
use relhost_model::config::{ClusterConnection, Config};
use relhost_model::id::{ClusterName, EnvironmentName};
use relhost_model::release::Mode;
use tokio::sync::Mutex;

use crate::supervise::Supervisor;

/// The connections of one host.
pub struct Clusters {
    rehearsal: PathBuf,
    open: Mutex<BTreeMap<ClusterName, Arc<dyn Cluster>>>,
}

impl Clusters {
    /// No connection yet. Rehearsed objects lie in the given folder.
    #[must_use]
    pub fn new(rehearsal: PathBuf) -> Self {
        Self { rehearsal, open: Mutex::default() }
    }

    /// The cluster of an environment in a mode.
    ///
    /// # Errors
    /// If the configuration names none, or it cannot be opened.
    pub async fn get(
        &self,
        environment: &EnvironmentName,
        mode: Mode,
        config: &Config,
        secrets: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn Cluster>, CallError> {
        let configured = config.environments.get(environment);
        let name = configured.and_then(|environment| environment.cluster.as_ref());
        let connection = name.and_then(|name| config.clusters.get_key_value(name));
        match mode {
            Mode::Rehearsal => {
                let namespace = configured
                    .and_then(|environment| environment.namespace.clone())
                    .or_else(|| connection.map(|(_, connection)| connection.namespace.clone()))
                    .unwrap_or_else(|| environment.to_string());
                let folder = self.rehearsal.join(environment.as_str());
                let cluster_kinds = connection.map(|(_, connection)| connection.cluster_kinds.as_slice());
                let cluster = RehearsalCluster::open(&folder, namespace, Vec::new())?;
                Ok(Arc::new(cluster.allowing(cluster_kinds.unwrap_or_default())))
            }
            Mode::Real => {
                let (name, connection) = connection.ok_or_else(|| {
                    CallError::permanent(
                        "no-connection",
                        format!("environment `{environment}` has no cluster connection"),
                    )
                    .with("help", "add `cluster:` to it in relhost.yaml, or run with --rehearse")
                })?;
                if let Some(cluster) = self.open.lock().await.get(name) {
                    return Ok(Arc::clone(cluster));
                }
                // The lock is not held meanwhile: nobody waits for a cluster that is not theirs.
                let opened = open(name.clone(), connection.clone(), Arc::clone(secrets)).await?;
                Ok(Arc::clone(self.open.lock().await.entry(name.clone()).or_insert(opened)))
            }
        }
    }

    /// Forgets the connection of an environment, so that its credentials are read again when it is next used.
    pub async fn forget(&self, environment: &EnvironmentName, config: &Config) {
        if let Some(name) = config.environments.get(environment).and_then(|it| it.cluster.as_ref()) {
            self.open.lock().await.remove(name);
        }
    }
}

/// On a thread that may block: a connection may be told to run a program for its credentials, and that program
/// may hang.
async fn open(
    name: ClusterName,
    connection: ClusterConnection,
    secrets: Arc<dyn Secrets>,
) -> Result<Arc<dyn Cluster>, CallError> {
    let runtime = tokio::runtime::Handle::current();
    let opening = move || {
        let opened = runtime.block_on(KubeCluster::open(&name, &connection, secrets.as_ref()));
        opened.map(|cluster| Arc::new(cluster) as Arc<dyn Cluster>)
    };
    Supervisor::blocking(opening).await
}
