//! The calls that reach outside: each turns a journaled call into a request to an adapter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relhost_connect::artifact;
use relhost_engine::plan;
use relhost_engine::port::Progress;
use relhost_engine::port::cluster::{
    ApplyRequest, Cluster, Manifest, SecretContent, SecretRequest, WaitRequest,
};
use relhost_engine::port::store::{Change, Commit, Store as _};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::call::{
    Answer, AppliedObject, CallError, DeployCall, Deployed, DockerRegistryCall, GenericSecretCall, HostCall,
    LogLine,
};
use relhost_model::config::{Allow, Config};
use relhost_model::digest::Digest;
use relhost_model::id::{EnvironmentName, ReleaseId, StageName};
use relhost_model::release::Mode;
use relhost_model::secret::{SecretSource, SecretValue};
use relhost_store::kill;

use crate::host::Host;

/// An apply of a thousand objects over a slow line takes a minute; ten are a hung server.
const DEPLOY_CAP: Duration = Duration::from_secs(600);
/// Any other call that is one or two requests.
const CALL_CAP: Duration = Duration::from_secs(30);
/// A wait ends by its own deadline; this much later it is cut.
const WAIT_SLACK: Duration = Duration::from_secs(15);

/// What a cluster says of credentials that it does not accept.
const UNAUTHORIZED: &str = "unauthorized";

/// The copy of an artifact in the state folder is gone or changed: no fault of the component that asked.
pub const ARTIFACT_DAMAGED: &str = "artifact-damaged";

/// Where an effect goes, and what it may touch there.
#[derive(Clone)]
pub struct Target {
    /// The release.
    pub release: ReleaseId,
    /// The stage, for live lines.
    pub stage: StageName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The connection and the namespace that were planned and approved.
    pub planned: (String, String),
    /// Real or rehearsed.
    pub mode: Mode,
    /// The artifacts of this attempt.
    pub artifacts: Vec<FrozenArtifact>,
    /// What the plugin may do here.
    pub allow: Allow,
}

/// Shows what an effect does at once, and keeps it for the journal.
pub struct Lines {
    host: Arc<Host>,
    release: ReleaseId,
    stage: StageName,
    kept: Mutex<Vec<LogLine>>,
    applied: Mutex<Vec<AppliedObject>>,
}

impl Lines {
    /// Nothing yet.
    #[must_use]
    pub fn new(host: Arc<Host>, target: &Target) -> Self {
        Self {
            host,
            release: target.release,
            stage: target.stage.clone(),
            kept: Mutex::default(),
            applied: Mutex::default(),
        }
    }

    /// What was said since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<LogLine> {
        taken(&self.kept)
    }
}

fn taken<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Progress for Lines {
    fn applied(&self, object: &AppliedObject) {
        kill::point!("effect.object-applied");
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).push(object.clone());
    }

    fn line(&self, line: LogLine) {
        let line = self.host.redacted_line(line);
        self.host.board.show(self.release, &self.stage, line.clone());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Makes a call for real. A business failure is an answer; what the deployments so far returned is given
/// for `wait`.
pub async fn perform(
    host: &Host,
    target: &Target,
    key: Digest,
    call: &HostCall,
    lines: &Lines,
    deployed: Option<&Deployed>,
) -> Answer {
    let (cap, limit) = match call {
        HostCall::Deploy(_) => (DEPLOY_CAP, "10 minutes"),
        HostCall::Wait(call) => (call.timeout().to_std() + WAIT_SLACK, "its timeout"),
        _ => (CALL_CAP, "30 seconds"),
    };
    let making = async {
        match make(host, target, key, call, lines, deployed).await {
            // A token may have been renewed where it is kept since the connection was opened.
            Err(error) if error.code == UNAUTHORIZED => {
                host.clusters.forget(&target.environment, &host.config).await;
                make(host, target, key, call, lines, deployed).await
            }
            made => made,
        }
    };
    let made = tokio::time::timeout(cap, making).await;
    kill::point!("effect.answered");
    let answer = made.unwrap_or_else(|_| {
        let operation = call.operation();
        Err(CallError::transient("timeout", format!("`{operation}` did not end within {limit}")))
    });
    answer.unwrap_or_else(|error| Answer::Refused(host.redacted_error(error)))
}

async fn make(
    host: &Host,
    target: &Target,
    key: Digest,
    call: &HostCall,
    lines: &Lines,
    deployed: Option<&Deployed>,
) -> Result<Answer, CallError> {
    unmoved(&host.config, target)?;
    let cluster = host.clusters.get(&target.environment, target.mode, &host.config, &host.secrets).await?;
    kill::effect!(key, call.operation());
    match call {
        HostCall::Deploy(call) => {
            deploy(host, target, key, call, lines, cluster.as_ref()).await.map(Answer::Deployed)
        }
        HostCall::Wait(call) => {
            let deployed = deployed.ok_or_else(|| {
                CallError::permanent(
                    "unknown-deployment",
                    format!("there is no deployment `{}` in this run", call.deployment),
                )
            })?;
            let request = WaitRequest { key, objects: deployed.objects.clone(), timeout: call.timeout() };
            cluster.wait(&request, lines).await.map(Answer::Rollout)
        }
        HostCall::DockerRegistrySecret(call) => {
            let content = registry_content(host, target.mode, call)?;
            secret(lines, SecretRequest { key, name: call.name.clone(), content }, cluster.as_ref()).await
        }
        HostCall::GenericSecret(call) => {
            let content = generic_content(host, target.mode, call)?;
            secret(lines, SecretRequest { key, name: call.name.clone(), content }, cluster.as_ref()).await
        }
        HostCall::AwaitApproval(_) | HostCall::Notify(_) => {
            Err(CallError::permanent("internal", "this call lies in the database only and is not made here"))
        }
    }
}

/// Whether the environment still leads where the deployment was planned to go. The configuration may have
/// changed while the run waited or nobody ran it.
fn unmoved(config: &Config, target: &Target) -> Result<(), CallError> {
    let now = plan::target(config, &target.environment, target.mode)?;
    if now == target.planned {
        return Ok(());
    }
    let shown = |(connection, namespace): &(String, String)| format!("{connection} / {namespace}");
    let (environment, planned) = (&target.environment, shown(&target.planned));
    let text = format!("environment `{environment}` is {} now; this was planned for {planned}", shown(&now));
    let help = "`relhost release redeploy` plans it for where the environment is now";
    Err(CallError::permanent("target-changed", text).with("help", help))
}

async fn deploy(
    host: &Host,
    target: &Target,
    key: Digest,
    call: &DeployCall,
    lines: &Lines,
    cluster: &dyn Cluster,
) -> Result<Deployed, CallError> {
    let mut manifests = Vec::new();
    for path in &call.manifests {
        manifests.extend(read_manifests(host, &target.artifacts, path)?);
    }
    let kinds = target.allow.deploy.as_ref().map(|rule| rule.kinds.clone()).unwrap_or_default();
    let request = ApplyRequest {
        key,
        manifests,
        images: call.images.clone(),
        pull_secrets: call.pull_secrets.clone(),
        kinds,
    };
    cluster.apply(&request, lines).await
}

/// Finds the artifact that a path names: `alias/path` or an `alias`, else a path of the primary one.
fn read_manifests(host: &Host, artifacts: &[FrozenArtifact], path: &str) -> Result<Vec<Manifest>, CallError> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let named = artifacts.iter().find_map(|artifact| {
        let rest = path.strip_prefix(artifact.alias.as_str())?;
        let rest = if rest.is_empty() { "." } else { rest.strip_prefix('/')? };
        Some((artifact, rest))
    });
    let primary = || artifacts.first().map(|artifact| (artifact, path));
    let (artifact, path) = named
        .or_else(primary)
        .ok_or_else(|| CallError::permanent("no-artifact", "this release has no artifact"))?;
    let fault = |error: artifact::ArtifactError| {
        let code = match error {
            artifact::ArtifactError::Damaged { .. } => ARTIFACT_DAMAGED,
            _ => "artifact",
        };
        CallError::permanent(
            code,
            crate::exit::Failure::chain(crate::exit::Exit::Unexpected, "", &error).message,
        )
    };
    let mut manifests = Vec::new();
    for file in artifact::manifests(artifact, path).map_err(fault)? {
        let bytes = artifact::read_file(&host.artifacts(), artifact, &file).map_err(fault)?;
        let name = format!("{}/{file}", artifact.alias);
        let text = String::from_utf8(bytes)
            .map_err(|_| CallError::permanent("invalid-manifest", format!("{name} is not UTF-8 text")))?;
        manifests.push(Manifest { path: name, text });
    }
    Ok(manifests)
}

fn registry_content(host: &Host, mode: Mode, call: &DockerRegistryCall) -> Result<SecretContent, CallError> {
    let registry = host.config.registries.get(&call.registry).ok_or_else(|| {
        CallError::permanent("unknown-registry", format!("there is no registry connection `{}`", call.registry))
            .with("help", format!("add it to relhost.yaml: `registries: {{ {}: {{ server: ..., user: ..., password: {{ env: ... }} }} }}`", call.registry))
    })?;
    Ok(SecretContent::DockerRegistry {
        server: registry.server.clone(),
        user: registry.user.clone(),
        password: read_secret(host, mode, &registry.password)?,
        email: registry.email.clone(),
    })
}

fn generic_content(host: &Host, mode: Mode, call: &GenericSecretCall) -> Result<SecretContent, CallError> {
    let mut entries = Vec::new();
    for (key, name) in &call.entries {
        let source = host.config.secrets.get(name).ok_or_else(|| {
            CallError::permanent("unknown-secret", format!("there is no secret `{name}`"))
                .with("help", format!("add it to relhost.yaml: `secrets: {{ {name}: {{ file: ... }} }}`"))
        })?;
        entries.push((key.clone(), read_secret(host, mode, source)?));
    }
    Ok(SecretContent::Generic(entries))
}

/// A rehearsal has no use for the bytes of a secret, and must work where there are none.
fn read_secret(host: &Host, mode: Mode, source: &SecretSource) -> Result<SecretValue, CallError> {
    if mode == Mode::Rehearsal {
        return Ok(SecretValue::new(b"rehearsal".to_vec()));
    }
    host.secrets.read(source).map_err(|error| CallError::permanent("secret-unreadable", error.to_string()))
}

async fn secret(lines: &Lines, request: SecretRequest, cluster: &dyn Cluster) -> Result<Answer, CallError> {
    lines.applied(&cluster.secret(&request).await?);
    Ok(Answer::Secret(request.name))
}

/// What calls have applied, to be kept for `env cleanup`: also what a failed or a cut one applied is there and has to
/// be found again.
pub fn applied(target: &Target, lines: &Lines) -> Option<Change> {
    let objects = taken(&lines.applied);
    (!objects.is_empty()).then(|| Change::PutApplied {
        environment: target.environment.clone(),
        mode: target.mode,
        release: target.release,
        objects,
    })
}

/// Keeps what was applied by calls whose outcome is not recorded. If it is lost to a crash the repeated call keeps it
/// again.
pub async fn keep(host: &Host, applied: Vec<Change>) {
    if applied.is_empty() {
        return;
    }
    if let Err(error) = host.store.commit(Commit { changes: applied, ..Commit::default() }).await {
        tracing::error!(error = %error, "keep what was applied");
    }
}
