//! The continuous-deployment trigger: a new build in an artifact's folder makes a new release.
//!
//! A watched folder holds a build once its `build.yaml`, written last, is there and two looks two seconds
//! apart see the same files. Builds are told apart by (pipeline, artifact digest), so a restart does not
//! release an old build again, and a rebuilt folder with the same files is not new. What comes of a build is
//! said once: neither a wrong one nor a wrong pipeline file is reported every two seconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use relhost_connect::artifact;
use relhost_engine::port::store::Store as _;
use relhost_model::actor::Actor;
use relhost_model::digest::Digest;
use relhost_model::id::PersonId;
use relhost_model::pipeline::{ArtifactLocation, Pipeline};
use relhost_model::release::{Mode, Reason};
use relhost_model::{build_file, yaml};

use crate::app::create::{self, Origin};
use crate::app::load;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::Create;
use crate::supervise::Supervisor;

/// Between two looks at a folder. Two equal ones mean that a build is no longer being written.
const LOOK: Duration = Duration::from_secs(2);

/// One folder that is watched for one pipeline.
struct Watched {
    pipeline: PathBuf,
    folder: PathBuf,
    seen: Option<Digest>,
    /// The build that something came of, and the revision of the pipeline then: a mended pipeline may take
    /// what the one before refused.
    tried: Option<(Digest, Digest)>,
    /// The build that made no release, and why, as it was said last.
    failed: Option<(Option<Digest>, String)>,
}

impl Watched {
    /// Says why a build makes no release, once. What the build is to blame for is not tried again until it
    /// changes; a full disk or the like may pass.
    fn failed(&mut self, failure: &Failure, host: &Host) {
        if failure.exit == Exit::Unexpected {
            self.tried = None;
        }
        let failed = (self.seen, host.redact(&failure.text()));
        if self.failed.as_ref() != Some(&failed) {
            let (folder, failure) = (self.folder.display(), &failed.1);
            tracing::error!(%folder, %failure, "a new build makes no release");
            self.failed = Some(failed);
        }
    }
}

/// What is remembered from one look to the next.
#[derive(Default)]
struct Watch {
    folders: BTreeMap<(PathBuf, PathBuf), Watched>,
    /// Why a pipeline file cannot be read, as it was said last.
    unreadable: BTreeMap<PathBuf, String>,
}

/// Watches the folders of every pipeline of the configuration until the host stops.
pub async fn run(host: Arc<Host>, mode: Mode) {
    let mut stop = host.supervisor.stop();
    let mut watch = Watch::default();
    while !stop.given() {
        for (place, revision) in watched(&host, &mut watch.unreadable) {
            let watched = watch.folders.entry(place).or_insert_with_key(|(pipeline, folder)| Watched {
                pipeline: pipeline.clone(),
                folder: folder.clone(),
                seen: None,
                tried: None,
                failed: None,
            });
            if let Err(failure) = look(&host, watched, revision, mode).await {
                watched.failed(&failure, &host);
            }
        }
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The pipelines and the folders that their triggers name now, with the pipeline's revision: a pipeline file
/// may change while the host runs. One that cannot be read is said, and watched again when it can.
fn watched(host: &Host, unreadable: &mut BTreeMap<PathBuf, String>) -> Vec<((PathBuf, PathBuf), Digest)> {
    let mut folders = Vec::new();
    for path in &host.config.pipelines {
        match load::pipeline(path) {
            Ok(loaded) => {
                unreadable.remove(path);
                let revision = loaded.value.revision;
                folders.extend(sources(path, &loaded.value).into_iter().map(|place| (place, revision)));
            }
            Err(failure) => {
                let text = failure.text();
                if unreadable.insert(path.clone(), text.clone()).as_ref() != Some(&text) {
                    tracing::warn!(pipeline = %path.display(), failure = text, "not watched");
                }
            }
        }
    }
    folders
}

fn sources(path: &Path, pipeline: &Pipeline) -> Vec<(PathBuf, PathBuf)> {
    let beside = path.parent().unwrap_or(Path::new("."));
    let triggered = pipeline.artifacts.iter().filter(|spec| spec.trigger.is_some());
    triggered
        .filter_map(|spec| match &spec.source {
            Some(ArtifactLocation::Directory(folder)) => Some((path.to_owned(), beside.join(folder))),
            _ => None,
        })
        .collect()
}

async fn look(host: &Arc<Host>, watched: &mut Watched, revision: Digest, mode: Mode) -> Result<(), Failure> {
    let folder = watched.folder.clone();
    let now = Supervisor::blocking(move || artifact::fingerprint(&folder)).await;
    let settled = now.filter(|now| Some(*now) == watched.seen);
    watched.seen = now;
    let Some(build) = settled.map(|build| (build, revision)).filter(|build| Some(*build) != watched.tried)
    else {
        return Ok(());
    };
    watched.tried = Some(build);
    release(host, watched, mode).await?;
    watched.failed = None;
    Ok(())
}

async fn release(host: &Arc<Host>, watched: &Watched, mode: Mode) -> Result<(), Failure> {
    let pipeline = load::pipeline(&watched.pipeline)?.value;
    let beside = watched.pipeline.parent().unwrap_or(Path::new("."));
    let spec = pipeline.artifacts.iter().find(|spec| {
        matches!(&spec.source, Some(ArtifactLocation::Directory(folder)) if beside.join(folder) == watched.folder)
    });
    let Some((spec, trigger)) = spec.and_then(|spec| Some((spec, spec.trigger.as_ref()?))) else {
        return Ok(());
    };
    let build_path = watched.folder.join(artifact::BUILD_FILE);
    let text = load::text(&build_path, "build")?;
    let build = build_file::read(&text, &build_path.display().to_string())
        .map_err(|problems: yaml::Problems| load::invalid(&problems))?;
    if !trigger.admits(build.branch.as_deref()) {
        tracing::info!(pipeline = %pipeline.name, branch = build.branch, "the trigger does not want this branch");
        return Ok(());
    }
    let imported = {
        let (reader, alias, folder) = (Arc::clone(host), spec.alias.clone(), watched.folder.clone());
        Supervisor::blocking(move || create::import(&reader, &alias, &folder)).await?
    };
    let key = format!("trigger:{}:{}", pipeline.name, imported.digest.hex());
    if let Some(release) = host.store.read().release_by_key(key.clone(), mode).await? {
        tracing::info!(%release, pipeline = %pipeline.name, "this build was released before");
        return Ok(());
    }
    let request = Create {
        pipeline: watched.pipeline.clone(),
        artifacts: vec![(Some(spec.alias.to_string()), watched.folder.clone())],
        plugins: Vec::new(),
        variables: BTreeMap::new(),
        mode,
        key: Some(key),
        new: false,
    };
    let created = create::create_for(host, origin(host, build.requested_for.as_deref()), request).await?;
    tracing::info!(release = created.release.name, pipeline = %created.release.pipeline, "a new build made a release");
    Ok(())
}

/// The requester of a triggered release: the identity behind the build, else the trigger itself.
fn origin(host: &Host, requested_for: Option<&str>) -> Origin {
    let person = requested_for.and_then(|name| person(host, name));
    let requester = person.clone().map_or_else(|| Actor::Service("trigger".into()), Actor::Person);
    Origin { requester, requested_for: person.map(Actor::Person), reason: Reason::ContinuousIntegration }
}

/// A person by id or by mail address: builds usually name the latter.
fn person(host: &Host, name: &str) -> Option<PersonId> {
    let by_mail = || {
        let mut people = host.config.people.iter();
        // Whoever is written with a capital letter is still the one who must not approve.
        let same = |mail: &str| mail.eq_ignore_ascii_case(name);
        people.find(|(_, person)| person.mail.as_deref().is_some_and(same)).map(|(id, _)| id.clone())
    };
    let by_id = PersonId::new(name).ok().filter(|id| host.config.people.contains_key(id));
    by_id.or_else(by_mail)
}
