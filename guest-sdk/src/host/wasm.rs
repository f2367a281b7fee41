//! The host, through generated bindings.

use crate::host::Host;
use crate::host::record::{
    Actor, ActorKind, Applied, ApprovalCall, ArtifactRef, Decision, DeployCall, Level, LogLine, Rollout,
    SecretEntry, SecretRef,
};
use crate::outcome::Failure;
use crate::time::Timestamp;

pub mod bindings;
mod convert;

use bindings::stage_plugin::relhost::approval::await_approval as approval;
use bindings::stage_plugin::relhost::context::run_context as context;
use bindings::stage_plugin::relhost::deploy::deploy;
use bindings::stage_plugin::relhost::log::log;
use bindings::stage_plugin::relhost::notify::notify;
use bindings::stage_plugin::relhost::secrets::create_secret as secrets;
use bindings::stage_plugin::relhost::types::types;
use convert::refused;

/// The host of the running component.
pub struct Bindings {
    context: context::RunContext,
}

impl Bindings {
    /// Takes over the run context that a stage was called with.
    pub fn new(context: &context::RunContext) -> Self {
        Self { context: bindings::take(context) }
    }
}

fn secret_refs(secrets: &[SecretRef]) -> impl Iterator<Item = types::SecretRef> {
    secrets.iter().map(|secret| types::SecretRef { name: secret.name().to_owned() })
}

impl Host for Bindings {
    fn pipeline(&self) -> String {
        self.context.pipeline()
    }

    fn release(&self) -> String {
        self.context.release()
    }

    fn stage(&self) -> String {
        self.context.stage()
    }

    fn environment(&self) -> String {
        self.context.environment()
    }

    fn namespace(&self) -> String {
        self.context.namespace()
    }

    fn attempt(&self) -> u32 {
        self.context.attempt()
    }

    fn rehearsal(&self) -> bool {
        self.context.rehearsal()
    }

    fn requester(&self) -> Actor {
        self.context.requester().into()
    }

    fn artifact(&self) -> ArtifactRef {
        self.context.artifact().into()
    }

    fn artifacts(&self) -> Vec<ArtifactRef> {
        self.context.artifacts().into_iter().map(Into::into).collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.context.variable(name)
    }

    fn settings_json(&self) -> String {
        self.context.settings_json()
    }

    fn previous_output(&self, stage: &str, name: &str) -> Option<String> {
        self.context.previous_output(stage, name)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.context.now())
    }

    fn random(&self, len: u32) -> Vec<u8> {
        self.context.random(len)
    }

    fn docker_registry(&self, name: &str, registry: &str) -> Result<SecretRef, Failure> {
        secrets::docker_registry(name, registry).map(Into::into).map_err(refused)
    }

    fn generic(&self, name: &str, entries: &[SecretEntry]) -> Result<SecretRef, Failure> {
        let entry =
            |entry: &SecretEntry| secrets::Entry { key: entry.key.clone(), secret: entry.secret.clone() };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        secrets::generic(name, &entries).map(Into::into).map_err(refused)
    }

    fn deploy(&self, call: &DeployCall) -> Result<Applied, Failure> {
        let request = deploy::DeploymentRequest::new();
        call.manifests.iter().for_each(|path| request.add_manifest(path));
        call.images.iter().for_each(|image| request.add_image(image));
        secret_refs(&call.pull_secrets).for_each(|secret| request.add_pull_secret(&secret));
        deploy::deploy(request).map(Into::into).map_err(refused)
    }

    fn wait(&self, deployment: &str, timeout_seconds: u32) -> Result<Rollout, Failure> {
        deploy::wait(deployment, timeout_seconds).map(Into::into).map_err(refused)
    }

    fn await_approval(&self, call: &ApprovalCall) -> Result<Decision, Failure> {
        let request = approval::ApprovalRequest::new(&call.instructions);
        call.approvers.iter().for_each(|who| request.add_approver(who));
        if let Some(policy) = &call.policy {
            request.set_policy(policy);
        }
        if let Some(settings) = &call.policy_settings {
            request.set_policy_settings(settings);
        }
        if let Some(seconds) = call.timeout_seconds {
            request.set_timeout_seconds(seconds);
        }
        approval::await_approval(request).map(Into::into).map_err(refused)
    }

    fn notify(&self, channel: &str, subject: &str, body: &str) -> Result<String, Failure> {
        let message = notify::Message { subject: subject.to_owned(), body: body.to_owned() };
        notify::send(channel, &message).map_err(refused)
    }

    fn log(line: &LogLine) {
        let level = match line.level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::log(level, &line.message, &line.fields);
    }
}

impl From<types::Actor> for Actor {
    fn from(actor: types::Actor) -> Self {
        let kind = match actor.kind {
            types::ActorKind::Person => ActorKind::Person,
            types::ActorKind::Service => ActorKind::Service,
        };
        Self { id: actor.id, kind }
    }
}

/// Hands the text of a panic to the host before the component traps.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log::report_panic(&panic.to_string())));
}
