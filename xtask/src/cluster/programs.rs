//! The programs of a control plane: from `KUBEBUILDER_ASSETS`, else from the cache, else built into it.
//!
//! Nothing is downloaded but sources, through the Go module proxy, at the versions and hashes that the
//! wrapper modules in `tests/support/cluster/` pin. A build is slow (Kubernetes takes ten minutes on two
//! cores), so it happens once for each version: under a lock, in a folder of its own, and each program is
//! moved to its place only when it is complete.

mod build;
mod module;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::output;
use crate::place::{Place, cache};
use module::Module;

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
    Kubectl,
    Kwok,
}

impl Program {
    const ALL: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
    ];

    /// Its file name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
        }
    }

    /// What prints its version.
    const fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kubectl => &["version", "--client"],
            _ => &["--version"],
        }
    }
}

/// Where every program is.
pub struct Programs(BTreeMap<Program, Found>);

struct Found {
    path: PathBuf,
    version: String,
}

impl Programs {
    /// Finds every program, and builds those that are nowhere.
    ///
    /// # Errors
    /// If a program is nowhere and cannot be built.
    pub fn find(place: &Place) -> Result<Self> {
        let mut found = BTreeMap::new();
        if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) {
            for program in Program::ALL {
                if let Some(asset) = from_assets(&assets, program)? {
                    found.insert(program, asset);
                }
            }
        }
        let cache = cache()?.join("programs");
        for module in Module::ALL {
            let source = module.source(&place.cluster_data())?;
            let home = cache.join(&source.key);
            let wanted: Vec<Program> =
                Program::ALL.into_iter().filter(|p| module.has(*p) && !found.contains_key(p)).collect();
            build::missing(&source, &home, &wanted)?;
            for program in wanted {
                let path = home.join(program.name());
                found.insert(program, Found { path, version: source.version.clone() });
            }
        }
        Ok(Self(found))
    }

    /// The path of a program.
    pub fn path(&self, program: Program) -> &Path {
        &self.0[&program].path
    }

    /// Each program's name and version.
    pub fn versions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(program, found)| (program.name(), found.version.as_str()))
    }
}

fn from_assets(assets: &Path, program: Program) -> Result<Option<Found>> {
    let path = assets.join(program.name());
    if !path.is_file() {
        return Ok(None);
    }
    let said = output(Command::new(&path).args(program.version_arguments()))
        .with_context(|| format!("{} of KUBEBUILDER_ASSETS does not say its version", program.name()))?;
    let version = version_in(&said).unwrap_or("unknown").to_owned();
    Ok(Some(Found { path, version }))
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| {
        let digits = word.strip_prefix('v').unwrap_or(word);
        digits.contains('.') && digits.starts_with(|first: char| first.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_version_in_what_a_program_says() {
        assert_eq!(version_in("Kubernetes v1.37.2"), Some("v1.37.2"));
        assert_eq!(version_in("etcd Version: 3.7.3\nGit SHA: Not provided"), Some("3.7.3"));
        assert_eq!(version_in("Client Version: v1.37.2\nKustomize Version: v5.8.1"), Some("v1.37.2"));
        assert_eq!(version_in("no such flag"), None);
    }

    #[test]
    fn every_program_has_exactly_one_module() {
        for program in Program::ALL {
            assert_eq!(Module::ALL.iter().filter(|module| module.has(program)).count(), 1, "{program:?}");
        }
    }
}
