//! The power `create-secret`: Kubernetes secrets from what the operator has named. No byte of a secret is
//! ever in the plugin.
//!
//! ```
//! use relhost_sdk::mock::{Call, MockHost};
//! use relhost_sdk::prelude::*;
//!
//! # fn main() -> Result<(), Failure> {
//! let host = MockHost::new().docker_registry(()).generic(());
//! let ctx = host.context();
//!
//! let pull = ctx.secrets().docker_registry("web-pull", "company-registry")?;
//! let database = ctx.secrets().generic("database").entry("password", "db-password").create()?;
//!
//! assert_eq!((pull.name(), database.name()), ("web-pull", "database"));
//! assert_eq!(
//!     host.calls()[0],
//!     Call::DockerRegistry { name: "web-pull".into(), registry: "company-registry".into() }
//! );
//! # Ok(())
//! # }
//! ```

use crate::host::{Active, Host};
use crate::outcome::Failure;

pub use crate::host::record::{SecretEntry, SecretRef};

/// Creates secrets; from [`Context::secrets`](crate::context::Context::secrets).
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    host: &'a Active,
}

impl<'a> Secrets<'a> {
    pub(crate) const fn new(host: &'a Active) -> Self {
        Self { host }
    }

    /// Creates or updates a pull secret for a registry connection of the operator's configuration.
    ///
    /// # Errors
    /// If the host refuses: the name or the registry is not granted, or the cluster says no.
    pub fn docker_registry(
        self,
        name: impl AsRef<str>,
        registry: impl AsRef<str>,
    ) -> Result<SecretRef, Failure> {
        self.host.docker_registry(name.as_ref(), registry.as_ref())
    }

    /// Begins an `Opaque` secret.
    pub fn generic(self, name: impl Into<String>) -> GenericSecret<'a> {
        GenericSecret { host: self.host, name: name.into(), entries: Vec::new() }
    }
}

/// An `Opaque` secret that is being put together.
#[must_use = "a secret is created by `create`"]
pub struct GenericSecret<'a> {
    host: &'a Active,
    name: String,
    entries: Vec<SecretEntry>,
}

impl GenericSecret<'_> {
    /// Adds a key: `secret` names a secret of the operator's configuration.
    pub fn entry(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.entries.push(SecretEntry { key: key.into(), secret: secret.into() });
        self
    }

    /// Creates or updates it with exactly these keys, in one step.
    ///
    /// # Errors
    /// If the host refuses: a name is not granted or not known, or the cluster says no.
    pub fn create(self) -> Result<SecretRef, Failure> {
        self.host.generic(&self.name, &self.entries)
    }
}
