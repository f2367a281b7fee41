//! The operator's configuration (`relhost.yaml`) as plain structs. The file is read and checked in one
//! place; everything here is already well-formed and every reference in it exists.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::approval::Approver;
use crate::id::{ClusterName, EnvironmentName, GroupName, PersonId, PluginName, RegistryName, SecretName};
use crate::pipeline::{PluginSource, PolicySpec};
use crate::secret::SecretSource;
use crate::time::Millis;

/// The operator's configuration. Every path is already joined with the folder of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// Where the decide page listens, for example `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// What mails link to; without it the address the page really listens on.
    pub public_url: Option<String>,
    /// The pipelines that `serve` watches.
    pub pipelines: Vec<PathBuf>,
    /// People by id.
    pub people: BTreeMap<PersonId, Person>,
    /// Groups by name.
    pub groups: BTreeMap<GroupName, Vec<PersonId>>,
    /// How mail leaves.
    pub mail: Option<Mail>,
    /// Cluster connections.
    pub clusters: BTreeMap<ClusterName, ClusterConnection>,
    /// Registry connections.
    pub registries: BTreeMap<RegistryName, Registry>,
    /// Named secrets for generic Kubernetes secrets.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// Environments.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// Where the policies that environments demand come from; one without an entry is the bundled one of its
    /// name. A pipeline has no say in it.
    pub plugins: BTreeMap<PluginName, PluginSource>,
    /// What plugins may do.
    pub grants: Vec<Grant>,
    /// Limits that differ from the built-in ones.
    pub limits: Limits,
}

/// A person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Where mail goes.
    pub mail: Option<String>,
    /// The operating-system user who is this person on the socket.
    pub os_user: Option<String>,
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender's address.
    pub from: String,
    /// To where.
    pub transport: MailTransport,
}

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTransport {
    /// A mail server.
    Smtp(Smtp),
    /// A folder: one `.eml` file per message.
    Outbox(PathBuf),
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User name for AUTH.
    pub user: Option<String>,
    /// Password for AUTH.
    pub password: Option<SecretSource>,
    /// PEM file of a certificate authority that is trusted besides the system's.
    pub ca: Option<PathBuf>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS is required.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: for a relay on the same machine. AUTH is refused then.
    None,
}

/// A cluster connection, confined to one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConnection {
    /// How to reach the cluster.
    pub access: ClusterAccess,
    /// The only namespace it may touch.
    pub namespace: String,
    /// `group/Kind` of cluster-scoped kinds that are allowed all the same, for example `Namespace`.
    pub cluster_kinds: Vec<String>,
    /// Ask the server what an apply of every object would do, before the first is applied.
    pub dry_run: bool,
}

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterAccess {
    /// A kubeconfig file and a context in it.
    Kubeconfig {
        /// The kubeconfig itself is a secret: it is read when used.
        source: SecretSource,
        /// The context; `None` means the file's current one.
        context: Option<String>,
        /// Allow `exec` credential plugins and file references in it.
        allow_exec_and_files: bool,
    },
    /// A service account's token.
    Token {
        /// The API server's URL.
        server: String,
        /// The certificate authority, PEM.
        ca: SecretSource,
        /// The token.
        token: SecretSource,
    },
    /// The service account of the pod that the host runs in.
    InCluster,
}

/// A registry connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The registry's server, for example `example.azurecr.io`.
    pub server: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: SecretSource,
    /// Mail address, which old registries want.
    pub email: Option<String>,
}

/// An environment: a target with its demands, which no pipeline can lower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The cluster connection; may be missing if the environment is only rehearsed.
    pub cluster: Option<ClusterName>,
    /// The namespace of a rehearsal where there is no cluster connection.
    pub namespace: Option<String>,
    /// At least so many different people must approve before a stage's code starts.
    pub approvals_min: u32,
    /// Whether the requester's own vote counts.
    pub requester_may_approve: bool,
    /// Asked if the pipeline names nobody although `approvals_min` wants somebody.
    pub approvers: Vec<Approver>,
    /// Policies that are added to the pipeline's.
    pub policies: Vec<PolicySpec>,
}

/// What one plugin may do in some stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The plugin's name; `*` at the end matches any rest.
    pub plugin: String,
    /// Stage names; `*` at the end matches any rest.
    pub stages: Vec<String>,
    /// The interfaces with their rules.
    pub allow: Allow,
}

/// Interfaces with their parameter rules. `None` is not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// `deploy` and `wait`.
    pub deploy: Option<DeployRule>,
    /// Both functions of `create-secret`.
    pub create_secret: Option<SecretRule>,
    /// `await-approval`.
    pub await_approval: Option<ApprovalRule>,
    /// `notify`.
    pub notify: Option<NotifyRule>,
}

/// Rules for `deploy`. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployRule {
    /// Kinds that may be applied.
    pub kinds: Vec<String>,
}

/// Rules for `create-secret`. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretRule {
    /// Names of Kubernetes secrets; one `*` matches any part.
    pub names: Vec<String>,
    /// Registry connections.
    pub registries: Vec<String>,
    /// Named secrets.
    pub secrets: Vec<String>,
}

/// Rules for `await-approval`. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalRule {
    /// Who may be asked.
    pub approvers: Vec<String>,
}

/// Rules for `notify`. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyRule {
    /// Channels: `requester`, `ann`, `group:*`.
    pub channels: Vec<String>,
}

/// Limits that the operator sets; `None` keeps the built-in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of a stage, in MiB.
    pub stage_memory_mib: Option<u32>,
    /// CPU time of one activation of a stage.
    pub stage_cpu: Option<Millis>,
    /// Records in one run's journal.
    pub journal_records: Option<u32>,
    /// Total size of an artifact's files, in MiB.
    pub artifact_mib: Option<u32>,
}

impl Environment {
    /// Whether a stage here is approved before its code starts, whatever the pipeline says.
    #[must_use]
    pub fn demands_approval(&self) -> bool {
        self.approvals_min > 0 || !self.policies.is_empty()
    }
}

impl Config {
    /// The members of an approver entry, as they are now. An unknown name has none.
    #[must_use]
    pub fn members(&self, approver: &Approver) -> Vec<PersonId> {
        match approver {
            Approver::Person(person) if self.people.contains_key(person) => vec![person.clone()],
            Approver::Person(_) => Vec::new(),
            Approver::Group(group) => self.groups.get(group).cloned().unwrap_or_default(),
        }
    }

    /// Every secret that the configuration refers to.
    #[must_use]
    pub fn secret_sources(&self) -> Vec<&SecretSource> {
        let mut sources: Vec<&SecretSource> = self.secrets.values().collect();
        sources.extend(self.registries.values().map(|registry| &registry.password));
        if let Some(Mail { transport: MailTransport::Smtp(smtp), .. }) = &self.mail {
            sources.extend(&smtp.password);
        }
        for connection in self.clusters.values() {
            match &connection.access {
                ClusterAccess::Kubeconfig { source, .. } => sources.push(source),
                // The certificate of an authority is public.
                ClusterAccess::Token { token, .. } => sources.push(token),
                ClusterAccess::InCluster => {}
            }
        }
        sources
    }

    /// What a plugin may do in a stage: every grant that names both, together. Two grants of the same
    /// interface are an error of the configuration, so nothing has to be merged.
    #[must_use]
    pub fn allowed(&self, plugin: &PluginName, stage: &crate::id::StageName) -> Allow {
        let mut allow = Allow::default();
        for grant in &self.grants {
            let named = matches_pattern(&grant.plugin, plugin.as_str())
                && grant.stages.iter().any(|pattern| matches_pattern(pattern, stage.as_str()));
            if named {
                allow.deploy = allow.deploy.or_else(|| grant.allow.deploy.clone());
                allow.create_secret = allow.create_secret.or_else(|| grant.allow.create_secret.clone());
                allow.await_approval = allow.await_approval.or_else(|| grant.allow.await_approval.clone());
                allow.notify = allow.notify.or_else(|| grant.allow.notify.clone());
            }
        }
        allow
    }
}

/// Whether a text matches a pattern in which one `*` stands for any part.
#[must_use]
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
        None => pattern == text,
    }
}
