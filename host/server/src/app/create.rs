//! Creates a release: reads and freezes everything it depends on. Nothing is deployed by this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use relhost_connect::artifact::{self, ArtifactError, ArtifactLimits};
use relhost_engine::plan;
use relhost_engine::port::store::{Change, ReleaseRow, Sequence, Store as _, StoreError};
use relhost_engine::release::{Input, ReleaseState};
use relhost_model::actor::Actor;
use relhost_model::artifact::FrozenArtifact;
use relhost_model::digest::Digest;
use relhost_model::id::{Alias, PluginName, ReleaseId};
use relhost_model::pipeline::{ArtifactLocation, Pipeline};
use relhost_model::release::{PinnedComponent, Reason, Snapshot};
use relhost_store::kill;

use super::caller::Caller;
use super::configured;
use super::load;
use super::plugins::{self, Component};
use crate::dispatch::advance::{AdvanceError, Together, try_advance};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::Create;
use crate::supervise::Supervisor;

/// What came of it.
pub struct Created {
    /// The release.
    pub release: ReleaseRow,
    /// It was there before.
    pub existing: bool,
    /// Notes for a person.
    pub warnings: Vec<String>,
}

/// Who a release is made for, and why.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Who asked.
    pub requester: Actor,
    /// The identity behind the build, for a triggered release.
    pub requested_for: Option<Actor>,
    /// Why.
    pub reason: Reason,
}

/// Creates a release for a caller, or finds the one with the same key.
///
/// # Errors
/// If anything it is made of is missing or invalid. Nothing is changed then.
pub async fn create(host: &Arc<Host>, caller: &Caller, request: Create) -> Result<Created, Failure> {
    let (requester, _) = caller.acting(request.mode, &host.config)?;
    create_for(host, Origin { requester, requested_for: None, reason: Reason::Manual }, request).await
}

/// Creates a release for a trigger or a caller.
///
/// # Errors
/// As [`create`].
pub async fn create_for(host: &Arc<Host>, origin: Origin, request: Create) -> Result<Created, Failure> {
    let reader = Arc::clone(host);
    let (request, parts) = Supervisor::blocking(move || {
        let parts = read(&reader, &request);
        (request, parts)
    })
    .await;
    let parts = parts?;
    let key = request.key.clone().unwrap_or_else(|| key(&parts, &request));
    let existing = host.store.read().release_by_key(key.clone(), request.mode).await?;
    if let (Some(existing), false) = (existing, request.new) {
        return found(host, existing, parts.warnings).await;
    }
    let key = match existing {
        Some(_) => format!("{key}+{}", uuid::Uuid::new_v4().simple()),
        None => key,
    };
    let warnings = parts.warnings.clone();
    match commit(host, origin, &request, parts, key).await {
        Ok(id) => Ok(Created { existing: false, ..found(host, id, warnings).await? }),
        Err(AdvanceError::Store(StoreError::KeyExists { existing })) => found(host, existing, warnings).await,
        Err(error) => Err(error.into()),
    }
}

async fn found(host: &Host, id: ReleaseId, warnings: Vec<String>) -> Result<Created, Failure> {
    let row = host.store.read().release(id).await?;
    let release = row.ok_or_else(|| Failure::from(AdvanceError::Unknown(id)))?;
    Ok(Created { release, existing: true, warnings })
}

/// Everything that is frozen, read.
struct Parts {
    pipeline: Pipeline,
    artifacts: Vec<FrozenArtifact>,
    pinned: BTreeMap<PluginName, PinnedComponent>,
    demanded: BTreeMap<PluginName, PinnedComponent>,
    components: Vec<Component>,
    warnings: Vec<String>,
}

fn read(host: &Host, request: &Create) -> Result<Parts, Failure> {
    let loaded = load::pipeline(&request.pipeline)?;
    let pipeline = loaded.value;
    configured::check(&pipeline, &host.config)?;
    let folder = request.pipeline.parent().unwrap_or(Path::new(".")).to_owned();
    let own = plugins::collect(&pipeline, &host.config, &request.plugins)?;
    let pinned = plugins::pin(&host.sandbox, &host.config, &pipeline, &own)?;
    let operators = plugins::demanded(&pipeline, &host.config)?;
    let demanded = plugins::pin_demanded(&host.sandbox, &host.config, &pipeline, &operators)?;
    let artifacts = artifacts(host, &pipeline, &folder, &request.artifacts)?;
    let components = own.into_values().chain(operators.into_values()).collect();
    Ok(Parts { pipeline, artifacts, pinned, demanded, components, warnings: loaded.warnings })
}

/// Copies the artifacts into the state folder: the ones given, else where the pipeline says they are.
fn artifacts(
    host: &Host,
    pipeline: &Pipeline,
    folder: &Path,
    given: &[(Option<String>, PathBuf)],
) -> Result<Vec<FrozenArtifact>, Failure> {
    let mut by_alias = named(pipeline, given)?;
    let mut frozen = Vec::new();
    for spec in &pipeline.artifacts {
        let path = match (by_alias.remove(&spec.alias), &spec.source) {
            (Some(path), _) => path,
            (None, Some(ArtifactLocation::Directory(path) | ArtifactLocation::File(path))) => {
                folder.join(path)
            }
            (None, None) => {
                return Err(Failure::new(
                    Exit::Invalid,
                    "no-artifact",
                    format!("artifact `{}` was not given", spec.alias),
                )
                .help(format!("add `--artifact {}=PATH`, or a `source:` to the pipeline", spec.alias)));
            }
        };
        frozen.push(import(host, &spec.alias, &path)?);
    }
    Ok(frozen)
}

/// Sorts given paths by the alias they are for.
///
/// # Errors
/// If an alias is unknown or given twice.
pub fn named(
    pipeline: &Pipeline,
    given: &[(Option<String>, PathBuf)],
) -> Result<BTreeMap<Alias, PathBuf>, Failure> {
    let mut by_alias = BTreeMap::new();
    for (alias, path) in given {
        let spec = match alias {
            None => pipeline.artifacts.first(),
            Some(alias) => pipeline.artifacts.iter().find(|spec| spec.alias.as_str() == alias),
        };
        let spec = spec.ok_or_else(|| {
            let known: Vec<&str> = pipeline.artifacts.iter().map(|spec| spec.alias.as_str()).collect();
            let alias = alias.as_deref().unwrap_or_default();
            Failure::new(Exit::Invalid, "unknown-artifact", format!("the pipeline has no artifact `{alias}`"))
                .help(format!("its artifacts are: {}", known.join(", ")))
        })?;
        if by_alias.insert(spec.alias.clone(), path.clone()).is_some() {
            return Err(Failure::new(
                Exit::Invalid,
                "artifact-twice",
                format!("artifact `{}` was given twice", spec.alias),
            ));
        }
    }
    Ok(by_alias)
}

/// Copies one artifact into the state folder.
///
/// # Errors
/// If it is missing, breaks a rule of extraction, or is too large.
pub fn import(host: &Host, alias: &Alias, path: &Path) -> Result<FrozenArtifact, Failure> {
    let fault = |error: ArtifactError| {
        let mut failure = Failure::chain(Exit::Invalid, "artifact", &error);
        failure.message = format!("artifact `{alias}`: {}", failure.message);
        failure.help(
            "an artifact is a folder, a tar or a zip file: `--artifact PATH`, or `source:` in the pipeline",
        )
    };
    let limits = ArtifactLimits::from_config(&host.config.limits);
    let opened = artifact::open(path, &limits).map_err(fault)?;
    artifact::import(opened, alias, &host.artifacts()).map_err(fault)
}

/// The key that makes the same request find the same release.
fn key(parts: &Parts, request: &Create) -> String {
    let artifacts: BTreeMap<&Alias, Digest> = parts.artifacts.iter().map(|a| (&a.alias, a.digest)).collect();
    let components: BTreeMap<&PluginName, Digest> =
        parts.pinned.iter().map(|(name, c)| (name, c.digest)).collect();
    Digest::of_value(&(parts.pipeline.revision, artifacts, components, &request.variables, request.mode))
        .hex()
}

async fn commit(
    host: &Host,
    origin: Origin,
    request: &Create,
    parts: Parts,
    key: String,
) -> Result<ReleaseId, AdvanceError> {
    let _one_at_a_time = host.creating.lock().await;
    let counter = host.store.read().counter(parts.pipeline.name.clone()).await? + 1;
    let mut snapshot = Snapshot {
        name: String::new(),
        key,
        mode: request.mode,
        reason: origin.reason,
        requester: origin.requester.clone(),
        requested_for: origin.requested_for,
        artifacts: parts.artifacts,
        components: parts.pinned,
        demanded: parts.demanded,
        overrides: request.variables.clone(),
        created_at: host.now(),
        pipeline: parts.pipeline,
    };
    let id = ReleaseId(host.store.allocate(Sequence::Release));
    snapshot.name = plan::release_name(id, &snapshot, counter)?;
    let state = ReleaseState::new(id, snapshot.clone());
    plan::check_all(&state, &host.config)?;
    let mut changes: Vec<Change> =
        parts.components.into_iter().map(|component| Change::PutBlob(component.bytes)).collect();
    changes.push(Change::CreateRelease { id, snapshot: Box::new(snapshot), counter });
    let input = Input::Create { by: origin.requester };
    kill::point!("create.before-commit");
    try_advance(host, state, input, Together { frame: None, changes }).await?;
    kill::point!("create.after-commit");
    Ok(id)
}
