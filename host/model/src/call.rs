//! Host calls that take an ordinal, their answers, and log lines: what the sandbox, the journal and the
//! adapters exchange. Getters, builders and logs are not here, because they are not journaled.

use serde::{Deserialize, Serialize};

use crate::approval::{Approver, Decision};
use crate::digest::{Digest, canonical};
use crate::id::{PluginName, RegistryName, SecretName};
use crate::time::Millis;

/// A host call with its arguments, as the journal keeps it. Secrets are names here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostCall {
    /// `relhost:deploy/deploy#deploy`
    Deploy(DeployCall),
    /// `relhost:deploy/deploy#wait`
    Wait(WaitCall),
    /// `relhost:secrets/create-secret#docker-registry`
    DockerRegistrySecret(DockerRegistryCall),
    /// `relhost:secrets/create-secret#generic`
    GenericSecret(GenericSecretCall),
    /// `relhost:approval/await-approval#await-approval`
    AwaitApproval(ApprovalCall),
    /// `relhost:notify/notify#send`
    Notify(NotifyCall),
}

/// Arguments of `deploy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployCall {
    /// Manifest paths as the plugin gave them.
    pub manifests: Vec<String>,
    /// Images as the plugin gave them.
    pub images: Vec<String>,
    /// Names of pull secrets.
    pub pull_secrets: Vec<String>,
}

/// Arguments of `wait`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitCall {
    /// The id that `deploy` returned.
    pub deployment: String,
    /// 0 means the default.
    pub timeout_seconds: u32,
}

/// The timeout of `wait` if the plugin gives none (the contract says so).
const WAIT_DEFAULT: Millis = Millis::from_secs(600);
/// The longest `wait` (the contract says so). Longer waits are approvals, which cost nothing.
const WAIT_MAX: Millis = Millis::from_secs(3600);

impl WaitCall {
    /// How long it waits at most.
    #[must_use]
    pub fn timeout(&self) -> Millis {
        match self.timeout_seconds {
            0 => WAIT_DEFAULT,
            seconds => Millis::from_secs(u64::from(seconds)).min(WAIT_MAX),
        }
    }
}

/// Arguments of `docker-registry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerRegistryCall {
    /// The Kubernetes secret's name.
    pub name: String,
    /// The registry connection.
    pub registry: RegistryName,
}

/// Arguments of `generic`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenericSecretCall {
    /// The Kubernetes secret's name.
    pub name: String,
    /// Key in the Kubernetes secret and name of the secret it is filled from.
    pub entries: Vec<(String, SecretName)>,
}

/// Arguments of `await-approval`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalCall {
    /// What to check.
    pub instructions: String,
    /// The policy; `None` means `any-one`.
    pub policy: Option<PluginName>,
    /// The policy's settings.
    pub policy_settings: serde_json::Value,
    /// Who is asked.
    pub approvers: Vec<Approver>,
    /// `None` means the default.
    pub timeout_seconds: Option<u64>,
}

/// Arguments of `send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyCall {
    /// `ann`, `group:qa-leads` or `requester`.
    pub channel: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// What to do with a call whose intent is recorded and whose outcome is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectClass {
    /// Do it again under the same key, then read back.
    Idempotent,
    /// It changes nothing: run it again freely.
    Observe,
    /// It lies in the database only: intent and outcome share a commit, so it is never in doubt.
    Internal,
}

impl HostCall {
    /// Every operation, as package, interface and function; the major version stands in `operation`.
    pub const OPERATIONS: [&'static str; 6] = [
        "relhost:deploy/deploy@0#deploy",
        "relhost:deploy/deploy@0#wait",
        "relhost:secrets/create-secret@0#docker-registry",
        "relhost:secrets/create-secret@0#generic",
        "relhost:approval/await-approval@0#await-approval",
        "relhost:notify/notify@0#send",
    ];

    /// The operation as `package/interface@major#function`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        Self::OPERATIONS[match self {
            Self::Deploy(_) => 0,
            Self::Wait(_) => 1,
            Self::DockerRegistrySecret(_) => 2,
            Self::GenericSecret(_) => 3,
            Self::AwaitApproval(_) => 4,
            Self::Notify(_) => 5,
        }]
    }

    /// The interface's grant name: `deploy`, `create-secret`, `await-approval` or `notify`.
    #[must_use]
    pub fn interface(&self) -> &'static str {
        match self {
            Self::Deploy(_) | Self::Wait(_) => "deploy",
            Self::DockerRegistrySecret(_) | Self::GenericSecret(_) => "create-secret",
            Self::AwaitApproval(_) => "await-approval",
            Self::Notify(_) => "notify",
        }
    }

    /// What is compared on replay: SHA-256 over the operation, a zero byte and the canonical arguments. It
    /// depends on the program and its inputs only, never on configuration, secrets or retries.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut bytes = self.operation().as_bytes().to_vec();
        bytes.push(0);
        bytes.extend(canonical(self));
        Digest::of(&bytes)
    }

    /// What to do if the host died between intent and outcome.
    #[must_use]
    pub fn class(&self) -> EffectClass {
        match self {
            Self::Deploy(_) | Self::DockerRegistrySecret(_) | Self::GenericSecret(_) => {
                EffectClass::Idempotent
            }
            Self::Wait(_) => EffectClass::Observe,
            Self::AwaitApproval(_) | Self::Notify(_) => EffectClass::Internal,
        }
    }
}

/// The stable key of one effect of one run: SHA-256 over run, branch and ordinal. It survives retries,
/// crashes and restarts.
#[must_use]
pub fn effect_key(run: crate::id::RunUuid, branch: u32, ordinal: u32) -> Digest {
    Digest::of_parts([run.0.as_bytes().as_slice(), &branch.to_be_bytes(), &ordinal.to_be_bytes()])
}

/// What an apply did to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It did not exist before.
    Created,
    /// It was changed.
    Configured,
    /// Nothing was changed.
    Unchanged,
}

/// One object that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedObject {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What happened.
    pub change: Change,
    /// The object's generation after the apply, if it has one: readiness counts from here.
    pub generation: Option<i64>,
    /// The object's uid, so that cleanup deletes this object and no other of the same name.
    pub uid: Option<String>,
}

/// A finished apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Names this apply in `wait`: the effect key, hexadecimal.
    pub id: String,
    /// Every object, in the order of the apply.
    pub objects: Vec<AppliedObject>,
    /// Notes for a person.
    pub warnings: Vec<String>,
}

/// The address of a Service of type LoadBalancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAddress {
    /// The Service's name.
    pub service: String,
    /// IP address or host name.
    pub address: String,
}

/// An image that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningImage {
    /// For example `Deployment/web`.
    pub workload: String,
    /// The container.
    pub container: String,
    /// As the manifest names it.
    pub image: String,
    /// What the node pulled, where a pod reports it.
    pub digest: Option<String>,
}

/// What is known once everything is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// One per Service of type LoadBalancer that has an address.
    pub addresses: Vec<ServiceAddress>,
    /// The images of every workload.
    pub images: Vec<RunningImage>,
    /// Notes for a person.
    pub warnings: Vec<String>,
}

/// A refusal or failure that the plugin sees, and that a person reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// A stable word: `image-not-found`, `denied`, `invalid-manifest`.
    pub code: String,
    /// One sentence. Never holds secret bytes.
    pub message: String,
    /// True if the same call may succeed later without a change.
    pub retryable: bool,
    /// Further facts as name and value, in order of weight.
    pub details: Vec<(String, String)>,
}

impl CallError {
    /// A failure that stays as it is until something is changed.
    #[must_use]
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retryable: false, details: Vec::new() }
    }

    /// A failure that may pass by itself.
    #[must_use]
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::permanent(code, message) }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }
}

/// A host call's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To `deploy`.
    Deployed(Deployed),
    /// To `wait`.
    Rollout(Rollout),
    /// To the two secret functions: the secret's name.
    Secret(String),
    /// To `await-approval`.
    Decision(Decision),
    /// To `send`: the Message-ID.
    Message(String),
    /// To any of them: refused or failed.
    Refused(CallError),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// For anybody who follows the release.
    Info,
    /// Worth a look.
    Warn,
    /// Something could not be done.
    Error,
}

/// One log line of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// Who wrote it: `plugin`, `stdout`, `stderr`, `panic` or `host`.
    pub source: String,
    /// The text; terminal control characters are removed where it enters.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}
