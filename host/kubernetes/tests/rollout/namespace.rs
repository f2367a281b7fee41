//! A namespace for one test, and the connection to it.

use std::process::{Command, Output};
use std::sync::Mutex;

use relhost_engine::port::cluster::{ApplyRequest, Cluster as _, Manifest, WaitRequest};
use relhost_engine::port::{Progress, Secrets};
use relhost_kubernetes::KubeCluster;
use relhost_model::call::{AppliedObject, CallError, Deployed, LogLine, Rollout};
use relhost_model::config::{ClusterAccess, ClusterConnection};
use relhost_model::digest::Digest;
use relhost_model::secret::{SecretError, SecretSource, SecretValue};
use relhost_model::time::Millis;
use serde_json::Value;

/// Removed when it is dropped.
pub struct Namespace {
    pub name: String,
    pub cluster: KubeCluster,
    /// Names the effects of this namespace in the audit log.
    pub key: Digest,
    plane: Value,
}

impl Namespace {
    /// Makes a namespace whose name begins with `purpose`, with an administrator's connection to it.
    pub async fn new(purpose: &str) -> Self {
        let plane = plane();
        let name = format!("wait-{purpose}-{}", std::process::id());
        let access = ClusterAccess::Kubeconfig {
            source: SecretSource::File(plane["kubeconfig"].as_str().unwrap().to_owned()),
            context: None,
            allow_exec_and_files: true,
        };
        let cluster = open(&name, access, (&[], true)).await;
        let key = Digest::of(name.as_bytes());
        let namespace = Self { name, cluster, key, plane };
        namespace.kubectl(&["create", "namespace", &namespace.name], None);
        namespace
    }

    /// Where the API server listens.
    pub fn server(&self) -> &str {
        self.plane["server"].as_str().unwrap()
    }

    /// A connection of a service account that exists there, to the API server at `server`.
    pub async fn as_account(&self, account: &str, server: &str) -> KubeCluster {
        let token = self.kubectl(&["create", "token", account, "--namespace", &self.name], None);
        let access = ClusterAccess::Token {
            server: server.to_owned(),
            ca: SecretSource::File(self.plane["ca"].as_str().unwrap().to_owned()),
            // In the tests the name of a variable is its value.
            token: SecretSource::Env(String::from_utf8(token.stdout).unwrap().trim().to_owned()),
        };
        open(&self.name, access, (&[], true)).await
    }

    /// An administrator's connection to any namespace, which may apply these cluster-scoped kinds.
    pub async fn administrator(&self, namespace: &str, cluster_kinds: &[&str]) -> KubeCluster {
        let access = ClusterAccess::Kubeconfig {
            source: SecretSource::File(self.plane["kubeconfig"].as_str().unwrap().to_owned()),
            context: None,
            allow_exec_and_files: true,
        };
        open(namespace, access, (cluster_kinds, true)).await
    }

    /// A connection to this namespace that applies without a dry run.
    pub async fn without_dry_run(&self) -> KubeCluster {
        let access = ClusterAccess::Kubeconfig {
            source: SecretSource::File(self.plane["kubeconfig"].as_str().unwrap().to_owned()),
            context: None,
            allow_exec_and_files: true,
        };
        open(&self.name, access, (&[], false)).await
    }

    /// Reads an object as administrator; `None` if it is not there.
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.kubectl(
            &[
                "get",
                kind,
                name,
                "--namespace",
                &self.name,
                "--ignore-not-found",
                "--output",
                "json",
                "--show-managed-fields",
            ],
            None,
        );
        serde_json::from_slice(&found.stdout).ok()
    }

    /// Runs the real kubectl as administrator.
    pub fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Output {
        let output = self.output(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
        output
    }

    fn output(&self, arguments: &[&str], input: Option<&str>) -> Output {
        use std::io::Write as _;

        let mut command = Command::new(self.plane["kubectl"].as_str().unwrap());
        command.arg("--kubeconfig").arg(self.plane["kubeconfig"].as_str().unwrap()).args(arguments);
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that does not read its input has closed it.
        let _unread = child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Applies what somebody else would, as administrator.
    pub fn prepare(&self, manifest: &str) {
        self.kubectl(&["apply", "--namespace", &self.name, "--filename", "-"], Some(manifest));
    }

    /// Applies a manifest through the product.
    pub async fn apply(&self, manifest: &str) -> Vec<AppliedObject> {
        self.try_apply(&self.cluster, manifest, &[]).await.unwrap().objects
    }

    /// Applies a manifest through a connection of the product.
    pub async fn try_apply(
        &self,
        cluster: &KubeCluster,
        manifest: &str,
        pull_secrets: &[&str],
    ) -> Result<Deployed, CallError> {
        let request = ApplyRequest {
            key: self.key,
            manifests: vec![Manifest { path: "app/web.yaml".into(), text: manifest.into() }],
            images: Vec::new(),
            pull_secrets: pull_secrets.iter().map(|&name| name.to_owned()).collect(),
            kinds: Vec::new(),
        };
        cluster.apply(&request, &Lines::default()).await
    }

    /// Applies a manifest and waits for it.
    pub async fn roll_out(
        &self,
        manifest: &str,
        timeout: Millis,
    ) -> (Result<Rollout, CallError>, Vec<String>) {
        let objects = self.apply(manifest).await;
        self.wait(&self.cluster, objects, timeout).await
    }

    /// Waits for objects; returns what was said meanwhile too.
    pub async fn wait(
        &self,
        cluster: &KubeCluster,
        objects: Vec<AppliedObject>,
        timeout: Millis,
    ) -> (Result<Rollout, CallError>, Vec<String>) {
        let lines = Lines::default();
        let request = WaitRequest { key: self.key, objects, timeout };
        let result = cluster.wait(&request, &lines).await;
        (result, lines.0.into_inner().unwrap())
    }

    /// What the audit log tells of the requests of this namespace's effects.
    pub fn audited(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.plane["audit_log"].as_str().unwrap()).unwrap();
        let effect = format!("effect {}", self.key.hex());
        log.lines()
            .filter(|line| line.contains(&effect))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A test that fails has to say so itself: a panic here would end the program of all tests.
        let arguments = ["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"];
        let _gone = self.output(&arguments, None);
    }
}

fn plane() -> Value {
    let path = std::env::var("RELHOST_TEST_CLUSTER").expect("RELHOST_TEST_CLUSTER: cargo xtask test sets it");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

async fn open(
    namespace: &str,
    access: ClusterAccess,
    (cluster_kinds, dry_run): (&[&str], bool),
) -> KubeCluster {
    let cluster_kinds = cluster_kinds.iter().map(|&kind| kind.to_owned()).collect();
    let connection = ClusterConnection { access, namespace: namespace.to_owned(), cluster_kinds, dry_run };
    KubeCluster::open(&"test".parse().unwrap(), &connection, &Files).await.unwrap()
}

struct Files;

impl Secrets for Files {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        Ok(SecretValue::new(match source {
            SecretSource::File(path) => std::fs::read(path).unwrap(),
            SecretSource::Env(value) => value.clone().into_bytes(),
        }))
    }
}

/// What was said.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl Progress for Lines {
    fn line(&self, line: LogLine) {
        self.0.lock().unwrap().push(line.message);
    }
}

/// A Deployment `web` of one container whose pods behave as asked.
pub fn deployment(replicas: u32, behaviour: &str, container: &str) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }}, annotations: {{ relhost.test/behaviour: {behaviour} }} }}
    spec: {{ containers: [{{ name: web, image: "registry.example/web:1"{container} }}] }}
"#
    )
}

/// A Job `migrate` whose pod behaves as asked.
pub fn job(behaviour: &str, spec: &str) -> String {
    format!(
        r"
apiVersion: batch/v1
kind: Job
metadata: {{ name: migrate }}
spec:
  backoffLimit: 0
{spec}
  template:
    metadata: {{ annotations: {{ relhost.test/behaviour: {behaviour} }} }}
    spec: {{ restartPolicy: Never, containers: [{{ name: migrate, image: registry.example/migrate:1 }}] }}
"
    )
}

/// The details of one name.
pub fn details<'a>(error: &'a CallError, name: &str) -> Vec<&'a str> {
    error.details.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}
