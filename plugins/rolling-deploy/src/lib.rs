//! A stage: creates the pull secret, applies manifests, waits until they work, and tells people.

use relhost_sdk::deploy::DEFAULT_TIMEOUT;
use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What to deploy, and whom to tell.
#[relhost_sdk::settings]
pub struct Settings {
    /// A secret for pulling images from a registry; created first and added to every pod.
    pull_secret: Option<PullSecret>,
    /// Manifest files or folders of the artifact: `path` in the primary one, or `alias/path`.
    manifests: Vec<String>,
    /// Images that replace those of the same repository in the manifests: `repository:tag` or
    /// `repository@sha256:...`.
    #[serde(default)]
    images: Vec<String>,
    /// How long everything may take to become ready, as in `10m`; 10 minutes without, an hour at most.
    timeout: Option<Span>,
    /// Services that have to have an address; without one the stage is only partially succeeded.
    #[serde(default)]
    require_address: Vec<String>,
    /// Who is told: people (`ann`), groups (`group:qa-leads`) or `requester`.
    #[serde(default)]
    notify: Vec<String>,
}

/// A Kubernetes secret with the credentials of a registry.
#[relhost_sdk::settings]
pub struct PullSecret {
    /// The name of the Kubernetes secret.
    name: String,
    /// The registry connection of the operator's configuration.
    registry: String,
}

/// Creates the pull secret, applies manifests, waits until they work, and tells people.
pub struct RollingDeploy;

/// Creates the pull secret, applies manifests, waits until they work, and tells people.
#[relhost_sdk::stage(readme = "README.md")]
impl Stage for RollingDeploy {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        if settings.manifests.is_empty() {
            return Err(Failure::invalid_settings("manifests", "name at least one manifest"));
        }
        let rollout = deploy(ctx, &settings)?;
        let outcome = outcome(ctx, &settings, &rollout).outputs_from(rollout.outputs());
        tell(ctx, &settings.notify, &outcome);
        Ok(outcome)
    }
}

/// The host says what becomes of each object, and names the cause of a failure: nothing is said twice.
fn deploy(ctx: &Context, settings: &Settings) -> Result<Rollout, Failure> {
    let mut deploy = ctx.deploy().manifests(&settings.manifests).images(&settings.images);
    if let Some(PullSecret { name, registry }) = &settings.pull_secret {
        let secret = ctx.secrets().docker_registry(name, registry).context("creating the pull secret")?;
        info!("the pull secret {name} is there"; registry = registry);
        deploy = deploy.pull_secret(&secret);
    }
    let deployment = deploy.start().context("applying the manifests")?;
    let timeout = settings.timeout.map_or(DEFAULT_TIMEOUT, Duration::from);
    info!("waiting until everything is ready, at most {}", Span::from(timeout));
    deployment.wait(timeout)
}

/// Everything is ready; what may be missing is an address, which a cloud can take minutes to assign.
fn outcome(ctx: &Context, settings: &Settings, rollout: &Rollout) -> Outcome {
    let artifact = ctx.artifact();
    let done = format!("{} {} runs in {}", artifact.alias, artifact.version, ctx.environment());
    let required = settings.require_address.iter();
    let missing: Vec<_> = required.filter(|service| rollout.address(service).is_none()).cloned().collect();
    if !missing.is_empty() {
        return Outcome::partially_succeeded(format!(
            "{done}, but without an address: {}",
            missing.join(", ")
        ));
    }
    let addresses = rollout.addresses.iter().map(|found| format!("{} at {}", found.service, found.address));
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() {
        return Outcome::succeeded(done);
    }
    Outcome::succeeded(format!("{done}: {}", addresses.join(", ")))
}

/// What runs is not undone because nobody could be told.
fn tell(ctx: &Context, channels: &[String], outcome: &Outcome) {
    let subject = format!("{}: {} is done", ctx.release(), ctx.stage());
    for channel in channels {
        if let Err(failure) = ctx.notify(channel).subject(&subject).send(outcome.summary()) {
            warn!("{channel} was not told: {}", failure.message(); code = failure.code());
        }
    }
}
