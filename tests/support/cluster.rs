//! The real control plane, and namespaces in it. Objects are read with the control plane's own kubectl, so
//! that nothing of ours vouches for itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Where `cargo xtask test` says what the control plane is.
const VARIABLE: &str = "RELHOST_TEST_CLUSTER";

/// A control plane that runs.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    /// Its URL.
    pub server: String,
    /// The certificate of its authority.
    pub ca: PathBuf,
    /// One line per request that it answered.
    pub audit_log: PathBuf,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    cache: PathBuf,
}

impl ControlPlane {
    /// The one that the tests were started with.
    ///
    /// # Panics
    /// If there is none: a test that needs it fails.
    #[must_use]
    pub fn find() -> Self {
        let path = std::env::var_os(VARIABLE).map(PathBuf::from);
        let path = path.unwrap_or_else(|| panic!("{VARIABLE} is not set: cargo xtask test sets it"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: cargo xtask cluster up", path.display()));
        let said: Value = serde_json::from_str(&text).expect("cluster.json is JSON");
        let field = |name: &str| said[name].as_str().expect("cluster.json is complete").to_owned();
        Self {
            server: field("server"),
            ca: field("ca").into(),
            audit_log: field("audit_log").into(),
            kubeconfig: field("kubeconfig").into(),
            kubectl: field("kubectl").into(),
            cache: path.with_file_name("discovery"),
        }
    }

    /// What kubectl prints, as the cluster's administrator.
    ///
    /// # Panics
    /// If it fails; shows what it said.
    #[must_use]
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    /// The same with something to read on standard input.
    ///
    /// # Panics
    /// If it fails; shows what it said.
    #[track_caller]
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.output(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The administrator's kubeconfig with everything in it, keys too.
    ///
    /// # Panics
    /// If kubectl fails.
    #[must_use]
    pub fn flat_kubeconfig(&self) -> String {
        self.kubectl(&["config", "view", "--raw", "--flatten"])
    }

    /// The key of the administrator's certificate, PEM.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn client_key(&self) -> String {
        let path = "jsonpath={.users[0].user.client-key-data}";
        let encoded = self.kubectl(&["config", "view", "--raw", "--flatten", "-o", path]);
        let key = STANDARD.decode(encoded.trim()).expect("a key is in base64");
        String::from_utf8(key).expect("a key is PEM")
    }

    fn output(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(&self.cache);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start kubectl");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // One that does not read its input has closed it.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("wait for kubectl")
    }
}

/// A namespace of one test. Dropped, it is deleted with all that is in it.
#[derive(Debug)]
pub struct Namespace {
    plane: ControlPlane,
    name: String,
}

impl Namespace {
    /// Makes one whose name begins with a word and is used by nobody else.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(plane: &ControlPlane, word: &str) -> Self {
        let name = format!("{word}-{}", &uuid::Uuid::new_v4().simple().to_string()[..10]);
        let _created = plane.kubectl(&["create", "namespace", &name]);
        Self { plane: plane.clone(), name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The control plane that it is in.
    #[must_use]
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// What kubectl prints, as administrator, with this namespace as the current one.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        self.plane.kubectl_with(&[&["--namespace", &self.name], arguments].concat(), input)
    }

    /// An object with its managed fields, or `None` if it is not there.
    ///
    /// # Panics
    /// If the control plane does not answer.
    #[must_use]
    #[track_caller]
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let arguments = ["get", kind, name, "--ignore-not-found", "--show-managed-fields", "-o", "json"];
        let text = self.kubectl(&arguments, "");
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).expect("kubectl prints JSON"))
    }

    /// An object that is there.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    #[track_caller]
    pub fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("{kind}/{name} is not in {}", self.name))
    }

    /// The names of all objects of a kind.
    ///
    /// # Panics
    /// If the control plane does not answer.
    #[must_use]
    #[track_caller]
    pub fn names(&self, kind: &str) -> Vec<String> {
        let text = self.kubectl(&["get", kind, "-o", "jsonpath={.items[*].metadata.name}"], "");
        text.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let arguments = ["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"];
        let _gone = self.plane.output(&arguments, "");
    }
}
