//! The smallest real release: one stage, one environment, one namespace of the control plane, and a service
//! account that may work there and nowhere else.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::account::{Account, deployer};
use crate::audit::Audit;
use crate::cluster::{ControlPlane, Namespace};
use crate::program::{Ended, Place, binary};

/// A release of one stage on a busy machine. What waits for its own timeout instead of for the cause of a
/// failure does not end within it: stages are given ten minutes.
pub const RUN: Duration = Duration::from_secs(150);

/// How the connection of an environment is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A kubeconfig and a context in it.
    Kubeconfig,
    /// Server, authority and token.
    Token,
    /// A kubeconfig with the key of the administrator's certificate.
    Certificate,
}

/// A namespace with its account: where one environment's releases go.
#[derive(Debug)]
pub struct Target {
    /// The environment's name.
    pub environment: String,
    /// Where it is.
    pub namespace: Namespace,
    /// Who works there.
    pub account: Account,
}

impl Target {
    /// Makes a namespace and an account with these rules in it.
    #[must_use]
    pub fn new(plane: &ControlPlane, environment: &str, rules: &Value) -> Self {
        let namespace = Namespace::new(plane, environment);
        let account = Account::new(&namespace, "relhost", rules);
        Self { environment: environment.to_owned(), namespace, account }
    }

    /// Writes what the connection needs into the folder, and returns its entry under `clusters:`.
    #[must_use]
    pub fn connection(&self, place: &Place, access: Access) -> String {
        let (name, namespace) = (&self.environment, self.namespace.name());
        match access {
            Access::Kubeconfig => {
                let file = format!("keys/{name}.kubeconfig");
                let _path = place.write(&file, &self.account.kubeconfig(name));
                format!(
                    "{name}: {{ kubeconfig: {{ file: {file}, context: {name} }}, namespace: {namespace} }}"
                )
            }
            Access::Certificate => {
                let file = format!("keys/{name}.kubeconfig");
                let _path = place.write(&file, &self.namespace.plane().flat_kubeconfig());
                format!("{name}: {{ kubeconfig: {{ file: {file} }}, namespace: {namespace} }}")
            }
            Access::Token => {
                let _token = place.write(&format!("keys/{name}.token"), &self.account.token);
                let _ca = place.write("keys/ca.pem", self.account.ca());
                let server = &self.namespace.plane().server;
                format!(
                    "{name}: {{ server: \"{server}\", ca: {{ file: keys/ca.pem }}, \
                     token: {{ file: keys/{name}.token }}, namespace: {namespace} }}"
                )
            }
        }
    }
}

/// What differs from the ordinary. Every text is YAML.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The program.
    pub binary: PathBuf,
    /// What the account may do.
    pub rules: Value,
    /// How it is reached.
    pub access: Access,
    /// The stage's plugin.
    pub plugin: &'a str,
    /// Its settings.
    pub with: &'a str,
    /// Further keys of the stage.
    pub stage: &'a str,
    /// Further keys of the environment.
    pub environment: &'a str,
    /// How mail leaves.
    pub mail: &'a str,
    /// Further keys of the operator's file.
    pub operator: &'a str,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            binary: binary(),
            rules: deployer(),
            access: Access::Kubeconfig,
            plugin: "{ bundled: rolling-deploy }",
            with: "{ manifests: [manifests], timeout: 10m }",
            stage: "",
            environment: "",
            mail: "{ from: relhost@example.com, outbox: outbox }",
            operator: "",
        }
    }
}

/// The release's folder and its target.
pub struct Shop {
    /// Where the binary runs.
    pub place: Place,
    /// Where it deploys to.
    pub dev: Target,
    /// What the control plane was asked since before the binary ran.
    pub audit: Audit,
}

impl Shop {
    /// An ordinary one with these manifests.
    #[must_use]
    pub fn new(manifests: &str) -> Self {
        Self::planned(manifests, &Plan::default())
    }

    /// One that differs from the ordinary.
    #[must_use]
    pub fn planned(manifests: &str, plan: &Plan<'_>) -> Self {
        let plane = ControlPlane::find();
        let dev = Target::new(&plane, "dev", &plan.rules);
        let place = Place::with(plan.binary.clone());
        let _manifests = place.write("app/manifests/all.yaml", manifests);
        let _build = place.write("app/build.yaml", &build(1));
        let _pipeline = place.write("pipeline.yaml", &pipeline(plan));
        let connection = dev.connection(&place, plan.access);
        let _operator = place.write("relhost.yaml", &operator(plan, &connection));
        let audit = Audit::from_now(&plane);
        Self { place, dev, audit }
    }

    /// Runs a release to its end.
    #[must_use]
    pub fn run(&self) -> Ended {
        self.ends(&["run", "pipeline.yaml"])
    }

    /// Goes on with the release that is active.
    #[must_use]
    pub fn resume(&self) -> Ended {
        self.ends(&["resume"])
    }

    /// Runs the binary to its end, which must come soon.
    #[must_use]
    pub fn ends(&self, arguments: &[&str]) -> Ended {
        let ended = self.place.start(arguments, &[]).end(RUN);
        Ended { arguments: arguments.join(" "), ..ended }
    }

    /// Makes a new build of other manifests.
    pub fn build(&self, number: u32, manifests: &str) {
        let _manifests = self.place.write("app/manifests/all.yaml", manifests);
        let _build = self.place.write("app/build.yaml", &build(number));
    }
}

/// What a build leaves behind about itself.
#[must_use]
pub fn build(number: u32) -> String {
    format!("id: \"{number}\"\nnumber: \"1.{number}\"\nbranch: main\ncommit: {number:0>40}\n")
}

/// The person of the operator's file who is whoever runs the tests.
pub const TESTER: &str = "tester";

/// People and groups: the tester is in both groups, and has colleagues in each.
#[must_use]
pub fn people() -> String {
    format!(
        "people:
  {TESTER}: {{ mail: tester@example.com, os-user: \"{}\" }}
  bob: {{ mail: bob@example.com }}
  carol: {{ mail: carol@example.com }}
groups:
  qa-leads: [{TESTER}, bob]
  ops: [{TESTER}, carol]
",
        os_user()
    )
}

/// The user that runs the tests, by the name that the binary knows them by.
///
/// # Panics
/// If there is no program `id`.
#[must_use]
pub fn os_user() -> String {
    let asked = |flag: &str| {
        let output = Command::new("id").arg(flag).output().expect("start id");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    asked("-un").unwrap_or_else(|| format!("uid-{}", asked("-u").expect("everybody has a number")))
}

fn pipeline(plan: &Plan<'_>) -> String {
    let Plan { plugin, with, stage, .. } = plan;
    format!(
        "pipeline: shop
artifacts:
  - alias: app
    source: {{ directory: ./app }}
plugins:
  deployer: {plugin}
  any-one: {{ bundled: any-one }}
stages:
  - name: Dev
    environment: dev
    after: release
    uses: deployer
    with: {with}
    {stage}
"
    )
}

fn operator(plan: &Plan<'_>, connection: &str) -> String {
    let Plan { environment, mail, operator, .. } = plan;
    format!(
        "{}mail: {mail}
clusters:
  {connection}
environments:
  dev: {{ cluster: dev{environment} }}
grants:
  - plugin: deployer
    stages: [\"*\"]
    allow: {{ deploy: {{}}, create-secret: {{}}, await-approval: {{}}, notify: {{}} }}
{operator}
",
        people()
    )
}
