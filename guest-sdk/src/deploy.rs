//! The power `deploy`: applies manifests to the stage's namespace and waits until they work.
//!
//! ```
//! use std::time::Duration;
//!
//! use relhost_sdk::mock::{self, MockHost};
//! use relhost_sdk::prelude::*;
//!
//! # fn main() -> Result<(), Failure> {
//! let host = MockHost::new()
//!     .deploy(mock::applied("d1", &["Deployment/web", "Service/web"]))
//!     .wait(mock::rollout().address("web", "10.0.0.7"));
//! let ctx = host.context();
//!
//! let deployment = ctx.deploy().manifest("kube/web.yml").image("registry.example/web:42").start()?;
//! let rollout = deployment.wait(Duration::from_secs(300))?;
//! assert_eq!(rollout.address("web"), Some("10.0.0.7"));
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use crate::host::record::{Applied, DeployCall};
use crate::host::{self, Active, Host};
use crate::outcome::Failure;
use crate::secrets::SecretRef;

pub use crate::host::record::{AppliedObject, Change, Rollout, RunningImage, ServiceAddress};

/// How long a wait takes at most if nothing else was agreed.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// A deployment that is being put together; from [`Context::deploy`](crate::context::Context::deploy).
#[must_use = "a deployment is applied by `start`"]
pub struct Deploy<'a> {
    host: &'a Active,
    call: DeployCall,
}

impl<'a> Deploy<'a> {
    pub(crate) fn new(host: &'a Active) -> Self {
        Self { host, call: DeployCall::default() }
    }

    /// Adds a manifest file of an artifact: `path` in the primary artifact, or `alias/path`. A folder means
    /// every `.yml`, `.yaml` and `.json` below it, in the order of their names.
    pub fn manifest(mut self, path: impl Into<String>) -> Self {
        self.call.manifests.push(path.into());
        self
    }

    /// Adds several manifests.
    pub fn manifests<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.call.manifests.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Replaces the image of every container whose repository is that of `image` (`repository:tag` or
    /// `repository@sha256:...`). An image that matches no container is an error.
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.call.images.push(image.into());
        self
    }

    /// Replaces several images.
    pub fn images<I: Into<String>>(mut self, images: impl IntoIterator<Item = I>) -> Self {
        self.call.images.extend(images.into_iter().map(Into::into));
        self
    }

    /// Adds a pull secret to every pod template, merged by name.
    pub fn pull_secret(mut self, secret: &SecretRef) -> Self {
        self.call.pull_secrets.push(secret.clone());
        self
    }

    /// Applies everything or, if the server-side dry run of any object fails, nothing.
    ///
    /// # Errors
    /// If the host refuses or the cluster does; nothing was changed then, except by a failure in the middle
    /// of the apply, which says so.
    pub fn start(self) -> Result<Deployment<'a>, Failure> {
        let applied = self.host.deploy(&self.call)?;
        Ok(Deployment { host: self.host, applied })
    }
}

/// A finished apply.
pub struct Deployment<'a> {
    host: &'a Active,
    applied: Applied,
}

impl Deployment<'_> {
    /// Every object, in the order of the apply.
    #[must_use]
    pub fn objects(&self) -> &[AppliedObject] {
        &self.applied.objects
    }

    /// Notes for a person: fields taken over, deprecations.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.applied.warnings
    }

    /// Whether the apply changed nothing.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.applied.objects.iter().all(|object| object.change == Change::Unchanged)
    }

    /// Waits until every object is ready. The timeout is rounded up to whole seconds; the host's limit is an
    /// hour.
    ///
    /// # Errors
    /// As soon as it is certain that it will not work, with the cause first and its evidence in the details;
    /// or when the time is up.
    pub fn wait(&self, timeout: Duration) -> Result<Rollout, Failure> {
        let seconds = u32::try_from(host::seconds(timeout)).unwrap_or(u32::MAX);
        self.host.wait(&self.applied.id, seconds)
    }
}

impl Rollout {
    /// The address of a Service of type LoadBalancer, if it has one.
    #[must_use]
    pub fn address(&self, service: &str) -> Option<&str> {
        self.addresses.iter().find(|found| found.service == service).map(|found| found.address.as_str())
    }

    /// What later stages may want to read, as names and values of outputs: `address.<service>` for each
    /// address, and `digest.<workload>.<container>` for each image whose digest a node reports, as in
    /// `digest.Deployment.web.nginx`.
    pub fn outputs(&self) -> impl Iterator<Item = (String, String)> {
        let addresses =
            self.addresses.iter().map(|found| (format!("address.{}", found.service), found.address.clone()));
        let digests = self.images.iter().filter_map(|image| {
            let name = format!("digest.{}.{}", image.workload.replace('/', "."), image.container);
            image.digest.clone().map(|digest| (name, digest))
        });
        addresses.chain(digests)
    }
}
