//! The Go modules that the programs come from, and what is pinned about them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Program;

/// A module that builds one or more programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    Etcd,
    Kubernetes,
    Kwok,
}

impl Module {
    pub const ALL: [Self; 3] = [Self::Etcd, Self::Kubernetes, Self::Kwok];

    /// Whether the program is built from this module.
    pub const fn has(self, program: Program) -> bool {
        matches!(
            (self, program),
            (Self::Etcd, Program::Etcd)
                | (Self::Kwok, Program::Kwok)
                | (
                    Self::Kubernetes,
                    Program::KubeApiserver
                        | Program::KubeControllerManager
                        | Program::KubeScheduler
                        | Program::Kubectl
                )
        )
    }

    /// Its folder below `tests/support/cluster/`, and its name in the cache.
    const fn folder(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Kubernetes => "kubernetes",
            Self::Kwok => "kwok",
        }
    }

    /// The module path whose version counts.
    const fn path(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::Kubernetes => "k8s.io/kubernetes",
            Self::Kwok => "sigs.k8s.io/kwok",
        }
    }

    /// The package of a program.
    fn package(self, program: Program) -> String {
        match self {
            // The server is the root package of its module.
            Self::Etcd => self.path().to_owned(),
            Self::Kubernetes | Self::Kwok => format!("{}/cmd/{}", self.path(), program.name()),
        }
    }

    /// What the linker writes into the programs. Clients ask Kubernetes for its version, and its own
    /// clients (kubectl too) send theirs as User-Agent, which is read from the audit log.
    fn link_flags(self, version: &str) -> String {
        let set = |package: &str, value: &str| format!(" -X {package}={value}");
        let mut flags = "-s -w".to_owned();
        match self {
            Self::Etcd => {}
            Self::Kwok => flags += &set("sigs.k8s.io/kwok/pkg/consts.Version", version),
            Self::Kubernetes => {
                let mut numbers = version.trim_start_matches('v').split('.');
                let base = "k8s.io/component-base/version";
                flags += &set(&format!("{base}.gitVersion"), version);
                flags += &set(&format!("{base}.gitMajor"), numbers.next().unwrap_or("0"));
                flags += &set(&format!("{base}.gitMinor"), numbers.next().unwrap_or("0"));
                flags += &set("k8s.io/client-go/pkg/version.gitVersion", version);
            }
        }
        flags
    }

    /// Reads what the wrapper module pins.
    ///
    /// # Errors
    /// If its `go.mod` cannot be read or names no version.
    pub fn source(self, data: &Path) -> Result<Source> {
        let folder = data.join(self.folder());
        let path = folder.join("go.mod");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let version = required_version(&text, self.path())
            .with_context(|| format!("{} does not require {}", path.display(), self.path()))?
            .to_owned();
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let pinned = fingerprint(format!("{text}{}", self.link_flags(&version)).as_bytes());
        let key = format!("{}-{version}-{pinned:016x}-{os}-{arch}", self.folder());
        Ok(Source { module: self, folder, version, key })
    }
}

/// A module at the version that its wrapper pins.
pub struct Source {
    module: Module,
    /// The wrapper's folder.
    pub folder: PathBuf,
    /// The version that counts.
    pub version: String,
    /// A folder name that differs whenever something that is pinned does.
    pub key: String,
}

impl Source {
    /// The module's name, for people.
    pub const fn name(&self) -> &'static str {
        self.module.folder()
    }

    /// The package of a program.
    pub fn package(&self, program: Program) -> String {
        self.module.package(program)
    }

    /// What the linker writes into the programs.
    pub fn link_flags(&self) -> String {
        self.module.link_flags(&self.version)
    }
}

/// The version in a `require` line, in either form. Lines of `replace` have an arrow.
fn required_version<'t>(go_mod: &'t str, module: &str) -> Option<&'t str> {
    go_mod.lines().filter(|line| !line.contains("=>")).find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(module)).then(|| words.next()).flatten()
    })
}

/// FNV-1a: the same on every machine and with every compiler, which is all that a cache key needs.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_from_either_form_of_require() {
        let text = "module x\n\nreplace k8s.io/api => k8s.io/api v0.37.2\n\nrequire k8s.io/kubernetes v1.37.2\n\
                    require (\n\tgo.etcd.io/etcd/server/v3 v3.7.3 // indirect\n\tk8s.io/api v0.37.0\n)\n";
        assert_eq!(required_version(text, "k8s.io/kubernetes"), Some("v1.37.2"));
        assert_eq!(required_version(text, "go.etcd.io/etcd/server/v3"), Some("v3.7.3"));
        assert_eq!(required_version(text, "k8s.io/api"), Some("v0.37.0"));
        assert_eq!(required_version(text, "sigs.k8s.io/kwok"), None);
    }

    #[test]
    fn tells_the_linker_the_version() {
        let flags = Module::Kubernetes.link_flags("v1.37.2");
        assert!(flags.contains("version.gitVersion=v1.37.2 "), "{flags}");
        assert!(flags.contains("version.gitMajor=1 "), "{flags}");
        assert!(flags.contains("version.gitMinor=37 "), "{flags}");
    }

    #[test]
    fn the_fingerprint_is_that_of_fnv() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
