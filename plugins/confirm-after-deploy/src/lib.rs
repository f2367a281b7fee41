//! A stage: deploys, waits, and then asks people whether it is well, from inside its code.

use relhost_sdk::deploy::DEFAULT_TIMEOUT;
use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What the approvers read if the settings say nothing.
const INSTRUCTIONS: &str = "Look at what was deployed. Is it well?";

/// The contract's limit, in characters. What no longer fits is among the outputs.
const INSTRUCTIONS_MAX: usize = 4000;

/// What to deploy, whom to ask, and whom to tell.
#[relhost_sdk::settings]
pub struct Settings {
    /// A secret for pulling images from a registry; created first and added to every pod.
    pull_secret: Option<PullSecret>,
    /// Manifest files or folders of the artifact: `path` in the primary one, or `alias/path`.
    manifests: Vec<String>,
    /// Images that replace those of the same repository in the manifests.
    #[serde(default)]
    images: Vec<String>,
    /// How long everything may take to become ready, as in `10m`; 10 minutes without, an hour at most.
    rollout_timeout: Option<Span>,
    /// Who is asked afterwards: people (`ann`) and groups (`group:qa-leads`).
    approvers: Vec<String>,
    /// What they should check. The addresses of what was deployed are added.
    instructions: Option<String>,
    /// The policy that decides: a plugin name of the pipeline; `any-one` without.
    policy: Option<String>,
    /// The policy's own settings.
    policy_settings: Option<Value>,
    /// When the question expires, as in `7d`; 30 days without, 365 days at most.
    timeout: Option<Span>,
    /// Who is told how it ended: people, groups or `requester`.
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

/// Deploys, waits, and then asks people whether it is well.
pub struct ConfirmAfterDeploy;

/// Deploys, waits, and then asks people whether it is well.
#[relhost_sdk::stage(readme = "README.md")]
impl Stage for ConfirmAfterDeploy {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        for (field, list) in [("manifests", &settings.manifests), ("approvers", &settings.approvers)] {
            if list.is_empty() {
                return Err(Failure::invalid_settings(field, "name at least one"));
            }
        }
        let rollout = deploy(ctx, &settings)?;
        let outcome = match ask(ctx, &settings, &rollout)?.require() {
            Ok(decision) => Outcome::succeeded(decision.reason),
            // What was deployed stays; only the stage ends otherwise. People are told before it does.
            Err(refused) => refused.into_outcome()?,
        };
        let outcome = outcome.outputs_from(rollout.outputs());
        tell(ctx, &settings.notify, &outcome);
        Ok(outcome)
    }
}

fn deploy(ctx: &Context, settings: &Settings) -> Result<Rollout, Failure> {
    let mut deploy = ctx.deploy().manifests(&settings.manifests).images(&settings.images);
    if let Some(PullSecret { name, registry }) = &settings.pull_secret {
        let secret = ctx.secrets().docker_registry(name, registry).context("creating the pull secret")?;
        deploy = deploy.pull_secret(&secret);
    }
    let deployment = deploy.start().context("applying the manifests")?;
    let timeout = settings.rollout_timeout.map_or(DEFAULT_TIMEOUT, Duration::from);
    deployment.wait(timeout)
}

fn ask(ctx: &Context, settings: &Settings, rollout: &Rollout) -> Result<Decision, Failure> {
    let mut instructions = settings.instructions.clone().unwrap_or_else(|| INSTRUCTIONS.to_owned());
    for found in &rollout.addresses {
        let line = format!("\n{} answers at {}", found.service, found.address);
        if instructions.chars().count() + line.chars().count() <= INSTRUCTIONS_MAX {
            instructions.push_str(&line);
        }
    }
    let mut question = ctx.approval(instructions).approvers(&settings.approvers);
    if let Some(policy) = &settings.policy {
        question = question.policy(policy);
    }
    if let Some(policy_settings) = &settings.policy_settings {
        question = question.policy_settings(policy_settings)?;
    }
    if let Some(timeout) = settings.timeout {
        question = question.timeout(timeout.into());
    }
    question.ask().context("asking for the confirmation")
}

fn tell(ctx: &Context, channels: &[String], outcome: &Outcome) {
    let how = match outcome.status() {
        Status::Succeeded | Status::PartiallySucceeded => "confirmed",
        Status::Rejected => "rejected",
        Status::Expired => "expired without an answer",
    };
    let subject = format!("{}: {} is {how}", ctx.release(), ctx.stage());
    for channel in channels {
        if let Err(failure) = ctx.notify(channel).subject(&subject).send(outcome.summary()) {
            warn!("{channel} was not told: {}", failure.message(); code = failure.code());
        }
    }
}
