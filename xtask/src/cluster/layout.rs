//! The files of one cluster, all of them in one folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::place::{create_dir, lock, remove_dir, remove_file};

/// The folder of a cluster.
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// The layout in an absolute folder, which need not exist.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether a cluster was ever started here.
    pub fn exists(&self) -> bool {
        self.dir.is_dir()
    }

    /// What tests read. It exists only while the cluster is complete.
    pub fn summary(&self) -> PathBuf {
        self.dir.join("cluster.json")
    }

    /// Which processes were started.
    pub fn processes(&self) -> PathBuf {
        self.dir.join("processes.json")
    }

    /// Every request that reached the API server.
    pub fn audit_log(&self) -> PathBuf {
        self.dir.join("audit.log")
    }

    /// What KWOK is configured with.
    pub fn stages(&self) -> PathBuf {
        self.dir.join("kwok.yaml")
    }

    /// Certificates and keys.
    pub fn certificates(&self) -> PathBuf {
        self.dir.join("certificates")
    }

    /// A certificate or key.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.certificates().join(name)
    }

    /// What etcd keeps.
    pub fn etcd(&self) -> PathBuf {
        self.dir.join("etcd")
    }

    /// What kubectl remembers of the API.
    pub fn discovery_cache(&self) -> PathBuf {
        self.dir.join("discovery")
    }

    /// The file that makes somebody a client.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.dir.join(format!("{user}.kubeconfig"))
    }

    /// What a program prints.
    pub fn log(&self, program: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{program}.log"))
    }

    /// Keeps others from starting or stopping this cluster for as long as the value lives.
    ///
    /// # Errors
    /// If the lock file cannot be made or locked.
    pub fn lock(&self) -> Result<File> {
        create_dir(&self.dir)?;
        lock(&self.dir.join("lock"), "it starts or stops this cluster")
    }

    /// Removes what an earlier cluster left. Only what is named here: the folder may be anybody's.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn clear(&self) -> Result<()> {
        for file in [self.summary(), self.processes(), self.audit_log(), self.stages()] {
            remove_file(&file)?;
        }
        for dir in [self.certificates(), self.etcd(), self.discovery_cache(), self.dir.join("logs")] {
            remove_dir(&dir)?;
        }
        create_dir(&self.dir.join("logs"))?;
        create_dir(&self.certificates())
    }
}
