//! The real control plane, and the programs that apply to it: ours, kubectl and Helm.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use relhost_tests::workspace::component;
use serde_json::{Value, json};

use crate::peer::tool;
use crate::process::binary;

/// A control plane that runs.
pub struct ControlPlane {
    /// Where the API server listens.
    pub address: SocketAddr,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    /// What is told about it.
    said: Value,
}

impl ControlPlane {
    /// The one that the benchmarks were started with.
    ///
    /// # Errors
    /// If there is none.
    pub fn find() -> anyhow::Result<Self> {
        let path = tool("RELHOST_TEST_CLUSTER")?;
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let said: Value = serde_json::from_str(&text)?;
        let field =
            |name: &str| said[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing"));
        let server = field("server")?;
        let address = server.trim_start_matches("https://").parse().context("an address on loopback")?;
        let (kubeconfig, kubectl) = (field("kubeconfig")?.into(), field("kubectl")?.into());
        Ok(Self { address, kubeconfig, kubectl, said })
    }

    /// A program's version.
    pub fn version(&self, program: &str) -> String {
        self.said["versions"][program].as_str().unwrap_or("unknown").to_owned()
    }

    /// The administrator's file with another address of the server.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn kubeconfig_at(&self, address: SocketAddr, folder: &Path) -> anyhow::Result<PathBuf> {
        let text = std::fs::read_to_string(&self.kubeconfig)?;
        let moved = text.replace(&self.address.to_string(), &address.to_string());
        ensure!(address == self.address || moved != text, "the kubeconfig names the server's address");
        let path = folder.join(format!("kubeconfig-{}", address.port()));
        std::fs::write(&path, moved)?;
        Ok(path)
    }

    /// kubectl with a kubeconfig and a discovery cache of its own.
    pub fn kubectl(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(kubeconfig);
        command.arg("--cache-dir").arg(kubeconfig.with_extension("cache"));
        command
    }

    /// A new namespace.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn namespace(&self) -> anyhow::Result<Namespace<'_>> {
        let name = format!("bench-{}", &uuid::Uuid::new_v4().simple().to_string()[..10]);
        done(self.kubectl(&self.kubeconfig).args(["create", "namespace", &name]))?;
        let namespace = Namespace { plane: self, name };
        // Its controllers make these two; what is applied shall not compete with that.
        let account = ["wait", "--for=create", "serviceaccount/default", "--timeout=60s", "--namespace"];
        done(self.kubectl(&self.kubeconfig).args(account).arg(&namespace.name))?;
        let authority =
            ["wait", "--for=create", "configmap/kube-root-ca.crt", "--timeout=60s", "--namespace"];
        done(self.kubectl(&self.kubeconfig).args(authority).arg(&namespace.name))?;
        Ok(namespace)
    }
}

/// A namespace of one measurement. Dropped, it is deleted with all that is in it, and waited for: what is deleted in
/// the background would be measured with the next.
pub struct Namespace<'a> {
    plane: &'a ControlPlane,
    /// Its name.
    pub name: String,
}

impl Namespace<'_> {
    /// Waits until its controllers are done with what was applied.
    ///
    /// # Errors
    /// If they are not within two minutes.
    pub fn rest(&self) -> anyhow::Result<()> {
        let plane = self.plane;
        let available = ["wait", "--for=condition=available", "deployment", "--all", "--timeout=120s"];
        done(plane.kubectl(&plane.kubeconfig).args(available).args(["--namespace", &self.name])).map(drop)
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let mut delete = self.plane.kubectl(&self.plane.kubeconfig);
        delete.args(["delete", "namespace", &self.name, "--timeout=120s"]);
        let _gone = done(&mut delete);
    }
}

/// Runs a command to its end and returns what it printed to stdout.
///
/// # Errors
/// If it does not end well; with what it said.
pub fn done(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A folder in which `relhost run` applies everything of `app` and does nothing else, or waits for it too.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// With the plugin `five-steps` for an apply alone, or `rolling-deploy` to wait for it too.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn new(manifest: &str, waits: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        std::fs::create_dir(path.join("app"))?;
        std::fs::write(path.join("app/all.yaml"), manifest)?;
        let (plugin, with) = match waits {
            true => (component("bundled", "rolling-deploy"), "{ manifests: [all.yaml] }"),
            false => {
                (component("guests", "five-steps"), "{ power: deploy, steps: 1, manifests: [all.yaml] }")
            }
        };
        std::fs::copy(plugin, path.join("stage.wasm"))?;
        std::fs::write(
            path.join("pipeline.yaml"),
            format!(
                "pipeline: bench\n\
                 artifacts: [{{ alias: app, source: {{ directory: ./app }} }}]\n\
                 plugins: {{ stage: {{ path: stage.wasm }} }}\n\
                 stages:\n  - {{ name: Live, environment: live, uses: stage, with: {with} }}\n"
            ),
        )?;
        Ok(Self { folder })
    }

    /// The command that applies to a namespace.
    ///
    /// # Errors
    /// If the configuration cannot be written.
    pub fn run(&self, kubeconfig: &Path, namespace: &str, dry_run: bool) -> anyhow::Result<Command> {
        let path = self.folder.path();
        let config = json!({
            "state": "state",
            "people": { "ann": { "mail": "ann@example.com" } },
            "clusters": { "bench": {
                "kubeconfig": { "file": kubeconfig, "allow-exec": true },
                "namespace": namespace, "dry-run": dry_run,
            } },
            "environments": { "live": { "cluster": "bench" } },
            "grants": [{ "plugin": "stage", "stages": ["Live"], "allow": {
                "deploy": {}, "notify": {}, "create-secret": {},
            } }],
        });
        std::fs::write(path.join("relhost.yaml"), config.to_string())?;
        let mut command = Command::new(binary()?);
        command.args(["run", "pipeline.yaml", "--new", "--no-input"]).current_dir(path);
        Ok(command)
    }
}
