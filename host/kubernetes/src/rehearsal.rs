//! The rehearsal cluster: the same checks and the same answers as a cluster that works at once, and nothing
//! outside the state folder is touched. Its objects are files, so that a killed rehearsal goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relhost_engine::port::cluster::{
    ApplyRequest, CleanupRequest, Cluster, SecretContent, SecretRequest, WaitRequest,
};
use relhost_engine::port::{BoxFuture, Progress};
use relhost_model::call::{
    AppliedObject, CallError, Change, Deployed, LogLevel, LogLine, Rollout, RunningImage, ServiceAddress,
};
use relhost_model::digest::Digest;
use serde_json::{Value, json};

use crate::apply::{self, word};
use crate::object::Object;
use crate::policy::{self, Rules};

/// An image that holds this word cannot be pulled, so that a failure can be rehearsed.
const FAILING_IMAGE: &str = "rehearsal-fail";

/// A simulated namespace.
pub struct RehearsalCluster {
    folder: PathBuf,
    namespace: String,
    faults: Vec<String>,
    cluster_kinds: Vec<String>,
}

impl RehearsalCluster {
    /// A namespace whose objects lie in `folder`. Images that hold one of `faults` cannot be pulled.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path, namespace: String, faults: Vec<String>) -> Result<Self, CallError> {
        std::fs::create_dir_all(folder).map_err(|error| fault(folder, &error))?;
        Ok(Self { folder: folder.to_owned(), namespace, faults, cluster_kinds: Vec::new() })
    }

    /// Allows the cluster-scoped kinds that the real connection allows.
    #[must_use]
    pub fn allowing(mut self, cluster_kinds: &[String]) -> Self {
        self.cluster_kinds = cluster_kinds.to_vec();
        self
    }

    /// The file of an object. Two groups may have a kind of one name.
    fn path(&self, api_version: &str, kind: &str, name: &str) -> PathBuf {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let group = match policy::is_builtin(group, kind) {
            true => String::new(),
            // No group holds a `_`, and the first `.` ends the kind.
            false => format!("@{}", group.replace('.', "_")),
        };
        self.folder.join(format!("{kind}{group}.{name}.json"))
    }

    fn load(path: &Path) -> Option<Value> {
        let text = std::fs::read(path).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps an object and says what that changed.
    fn keep(&self, object: &Object) -> Result<Change, CallError> {
        let path = self.path(object.api_version(), object.kind(), object.name());
        let change = match Self::load(&path) {
            None => Change::Created,
            Some(old) if old == object.body => return Ok(Change::Unchanged),
            Some(_) => Change::Configured,
        };
        let temporary = path.with_extension("tmp");
        std::fs::write(&temporary, object.body.to_string())
            .and_then(|()| std::fs::rename(&temporary, &path))
            .map_err(|error| fault(&path, &error))?;
        Ok(change)
    }

    fn apply_all(&self, request: &ApplyRequest, progress: &dyn Progress) -> Result<Deployed, CallError> {
        let rules =
            Rules { namespace: &self.namespace, kinds: &request.kinds, cluster_kinds: &self.cluster_kinds };
        let objects = apply::prepare(request, rules)?;
        let mut applied = Vec::new();
        for object in &objects {
            let change = self.keep(object)?;
            say(progress, &format!("{} {}", object.title(), word(change)));
            let object = self.applied(object, change);
            progress.applied(&object);
            applied.push(object);
        }
        let warnings = vec!["rehearsal: no cluster was touched".to_owned()];
        Ok(Deployed { id: request.key.hex(), objects: applied, warnings })
    }

    fn applied(&self, object: &Object, change: Change) -> AppliedObject {
        AppliedObject {
            api_version: object.api_version().to_owned(),
            kind: object.kind().to_owned(),
            name: object.name().to_owned(),
            change,
            generation: None,
            uid: Some(uid(&self.namespace, object)),
        }
    }

    fn wait_all(&self, request: &WaitRequest, progress: &dyn Progress) -> Result<Rollout, CallError> {
        let mut rollout = Rollout::default();
        for applied in &request.objects {
            let path = self.path(&applied.api_version, &applied.kind, &applied.name);
            let body = Self::load(&path).ok_or_else(|| {
                let text = format!("{}/{} is gone", applied.kind, applied.name);
                CallError::permanent("not-found", text)
            })?;
            let mut object = Object { origin: String::new(), body };
            self.images_of(&mut object, &mut rollout)?;
            if object.kind() == "Service" && object.body["spec"]["type"] == "LoadBalancer" {
                let address = address(&self.namespace, object.name());
                say(progress, &format!("{} has the address {address}", object.title()));
                rollout.addresses.push(ServiceAddress { service: object.name().to_owned(), address });
            } else {
                say(progress, &format!("{} is ready", object.title()));
            }
        }
        Ok(rollout)
    }

    fn images_of(&self, object: &mut Object, rollout: &mut Rollout) -> Result<(), CallError> {
        let workload = object.title();
        let mut failing = None;
        object.pod_specs(&mut |spec| {
            let of = |list: &str| spec.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
            let first = of("initContainers").into_iter().map(|container| (container, false));
            for (container, runs) in first.chain(of("containers").into_iter().map(|it| (it, true))) {
                let image = container["image"].as_str().unwrap_or_default().to_owned();
                let name = container["name"].as_str().unwrap_or_default().to_owned();
                if image.contains(FAILING_IMAGE) || self.faults.iter().any(|fault| image.contains(fault)) {
                    failing.get_or_insert((name.clone(), image.clone()));
                }
                if !runs {
                    continue;
                }
                let digest = Some(Digest::of(image.as_bytes()).to_string());
                rollout.images.push(RunningImage {
                    workload: workload.clone(),
                    container: name,
                    image,
                    digest,
                });
            }
        });
        match failing {
            None => Ok(()),
            Some((container, image)) => {
                Err(CallError::permanent("image-not-found", format!("image not found: {image}"))
                    .with("object", workload)
                    .with("container", container)
                    .with("reason", "ImagePullBackOff")
                    .with("rehearsal", "simulated, because of the image's name"))
            }
        }
    }

    fn keep_secret(&self, request: &SecretRequest) -> Result<AppliedObject, CallError> {
        apply::secret::named(request)?;
        // Only the names of the keys are kept: a rehearsal has no use for the bytes.
        let (kind, keys) = match &request.content {
            SecretContent::DockerRegistry { server, .. } => (
                "kubernetes.io/dockerconfigjson",
                json!({ ".dockerconfigjson": format!("*** for {server}") }),
            ),
            SecretContent::Generic(entries) => {
                let keys: BTreeMap<&String, &str> = entries.iter().map(|(key, _)| (key, "***")).collect();
                ("Opaque", json!(keys))
            }
        };
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": request.name, "namespace": self.namespace },
            "type": kind,
            "data": keys,
        });
        let object = Object { origin: String::new(), body };
        let change = self.keep(&object)?;
        Ok(self.applied(&object, change))
    }

    fn remove(&self, request: &CleanupRequest, progress: &dyn Progress) -> Result<Vec<String>, CallError> {
        let mut removed = Vec::new();
        let named: Vec<(String, PathBuf)> = match request {
            CleanupRequest::Objects(objects) => objects
                .iter()
                .rev()
                .map(|object| {
                    let path = self.path(&object.api_version, &object.kind, &object.name);
                    (format!("{}/{}", object.kind, object.name), path)
                })
                .collect(),
            CleanupRequest::Namespace => {
                let files = std::fs::read_dir(&self.folder).map_err(|error| fault(&self.folder, &error))?;
                let title = |path: &Path| {
                    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                    let (kind, name) = stem.split_once('.').unwrap_or((&stem, ""));
                    format!("{}/{name}", kind.split('@').next().unwrap_or(kind))
                };
                files.filter_map(Result::ok).map(|file| (title(&file.path()), file.path())).collect()
            }
        };
        for (title, path) in named {
            match std::fs::remove_file(&path) {
                Ok(()) => {
                    say(progress, &format!("{title} removed"));
                    removed.push(title);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(fault(&path, &error)),
            }
        }
        Ok(removed)
    }
}

fn fault(path: &Path, error: &std::io::Error) -> CallError {
    CallError::transient("rehearsal-folder", format!("cannot use {}: {error}", path.display()))
}

fn say(progress: &dyn Progress, text: &str) {
    progress.line(LogLine {
        level: LogLevel::Info,
        source: "host".into(),
        message: format!("rehearsal: {text}"),
        fields: Vec::new(),
    });
}

fn uid(namespace: &str, object: &Object) -> String {
    Digest::of_parts([namespace.as_bytes(), object.title().as_bytes()]).short()
}

/// An address of the block that is reserved for documentation (RFC 5737); the same Service has the same one.
fn address(namespace: &str, service: &str) -> String {
    let digest = Digest::of_parts([namespace.as_bytes(), service.as_bytes()]);
    format!("203.0.113.{}", 1 + u16::from(digest.0[0]) % 254)
}

impl Cluster for RehearsalCluster {
    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn apply<'a>(
        &'a self,
        request: &'a ApplyRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Deployed, CallError>> {
        Box::pin(std::future::ready(self.apply_all(request, progress)))
    }

    fn wait<'a>(
        &'a self,
        request: &'a WaitRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Rollout, CallError>> {
        Box::pin(std::future::ready(self.wait_all(request, progress)))
    }

    fn secret<'a>(&'a self, request: &'a SecretRequest) -> BoxFuture<'a, Result<AppliedObject, CallError>> {
        Box::pin(std::future::ready(self.keep_secret(request)))
    }

    fn cleanup<'a>(
        &'a self,
        request: &'a CleanupRequest,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<String>, CallError>> {
        Box::pin(std::future::ready(self.remove(request, progress)))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, CallError>> {
        Box::pin(std::future::ready(Ok(vec![format!("rehearsal of namespace {}", self.namespace)])))
    }
}

#[cfg(test)]
mod tests;
