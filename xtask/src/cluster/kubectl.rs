//! The kubectl of the control plane.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::certificates::ADMIN;
use super::layout::Layout;
use super::programs::{Program, Programs};
use crate::command::output;

/// kubectl as admin.
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// That of a cluster.
    pub fn new(programs: &Programs, layout: &Layout) -> Self {
        Self {
            program: programs.path(Program::Kubectl).to_owned(),
            kubeconfig: layout.kubeconfig(ADMIN.user),
            cache: layout.discovery_cache(),
        }
    }

    /// Runs it and returns what it printed.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        output(self.command().args(arguments))
    }

    /// Creates the objects of a file.
    ///
    /// # Errors
    /// If one of them is refused.
    pub fn create(&self, file: &Path) -> Result<String> {
        output(self.command().args(["create", "-f"]).arg(file))
    }

    /// Whether the API server says that it is ready.
    pub fn ready(&self) -> bool {
        self.run(&["get", "--raw", "/readyz"]).is_ok()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(&self.cache);
        command.arg("--request-timeout=5s");
        command
    }
}
