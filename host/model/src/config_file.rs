//! The operator's configuration, `relhost.yaml`.
//!
//! Every path is joined with the file's folder, and every reference (environment to cluster, group to
//! person, grant to registry) is checked. A secret stands in the file by reference only: `{ env: X }` or
//! `{ file: P }`. Whoever writes one out is refused, and the message does not repeat it.

mod access;
mod connection;
mod grant;
mod people;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Config, Environment, Limits};
use crate::definition::{policies, sources};
use crate::id::{ClusterName, EnvironmentName};
use crate::time::Millis;
use crate::yaml::{Item, Problem, Problems, Shape, Text, Use, Warnings, check, parse};

/// The state folder of a configuration that names none.
pub const STATE_DEFAULT: &str = ".relhost";

const NOTHING_ALLOWED: &str = "a limit of 0 allows nothing at all";
const KEEP_LIMIT: &str = "leave it out to keep the built-in limit";

/// Reads and checks `relhost.yaml`. Relative paths in it are joined with `folder`; `file` names it in
/// messages.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, folder: &Path, file: &str) -> Result<(Config, Warnings), Problems> {
    static FILE: Shape = Shape::Object(&table::CONFIG);
    let (node, mut problems) = parse(text, file);
    let config = node.map(|node| {
        if !node.is_null() {
            check(&node, &FILE, Use::Whole, "", &mut problems);
        }
        let root = Item::root(&node);
        Reader { folder, declared: &Declared::of(&root), problems: &mut problems }.config(&root)
    });
    problems.finish(config)
}

/// The names that others refer to, also of what is wrong in itself: one mistake is one problem.
struct Declared {
    people: Vec<String>,
    groups: Vec<String>,
    clusters: Vec<String>,
    registries: Vec<String>,
    secrets: Vec<String>,
}

impl Declared {
    fn of(root: &Item<'_>) -> Self {
        let names = |key: &str| entries(root, key).into_iter().map(|(name, _)| name.value).collect();
        Self {
            people: names("people"),
            groups: names("groups"),
            clusters: names("clusters"),
            registries: names("registries"),
            secrets: names("secrets"),
        }
    }
}

/// Goes over a tree whose shape was checked.
struct Reader<'a> {
    folder: &'a Path,
    declared: &'a Declared,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn config(&mut self, root: &Item<'_>) -> Config {
        Config {
            folder: self.folder.to_path_buf(),
            state: self.path(root, "state").unwrap_or_else(|| self.folder.join(STATE_DEFAULT)),
            listen: self.listen(root),
            public_url: self.public_url(root),
            pipelines: self.paths(root, "pipelines"),
            people: self.people(root),
            groups: self.groups(root),
            mail: root.get("mail").and_then(|item| self.mail(&item)),
            clusters: self.clusters(root),
            registries: self.registries(root),
            secrets: self.secrets(root),
            environments: self.environments(root),
            plugins: sources(root.get("plugins").as_ref(), self.folder, self.problems),
            grants: self.grants(root),
            limits: self.limits(root),
        }
    }

    fn environments(&mut self, root: &Item<'_>) -> BTreeMap<EnvironmentName, Environment> {
        let mut environments = BTreeMap::new();
        for (name, item) in entries(root, "environments") {
            let environment = self.environment(&item);
            if let Some(name) = name.parse(self.problems) {
                environments.insert(name, environment);
            }
        }
        environments
    }

    fn environment(&mut self, item: &Item<'_>) -> Environment {
        let approvers = texts(item, "approvers");
        let approvals_min = item.get("approvals-min").and_then(|item| item.whole()).unwrap_or(0);
        if let Some(min) = item.get("approvals-min")
            && usize::try_from(approvals_min).is_ok_and(|min| min > self.declared.people.len())
        {
            let people = self.declared.people.len();
            let message = format!("{approvals_min} people must approve, and only {people} are known");
            let problem = Problem::warning("unreachable-minimum", Some(min.node.place), &min.path, message);
            self.problems.push(problem.help("nothing can be deployed here until there are enough"));
        }
        Environment {
            cluster: self.cluster_of(item),
            namespace: item.get("namespace").and_then(|item| self.namespace(&item)),
            approvals_min: u32::try_from(approvals_min).unwrap_or(u32::MAX),
            requester_may_approve: item
                .get("requester-may-approve")
                .and_then(|item| item.boolean())
                .unwrap_or(false),
            approvers: self.approvers(&approvers),
            policies: policies(item.get("policies").as_ref(), self.problems),
        }
    }

    fn cluster_of(&mut self, item: &Item<'_>) -> Option<ClusterName> {
        let text = item.get("cluster")?.text()?;
        if let Some(namespace) = item.get("namespace") {
            let message = "the namespace belongs to the cluster connection";
            let help = format!("remove it here; `clusters.{}.namespace` says it", text.value);
            self.problems.push(namespace.error("one-of", message).help(help));
        }
        let name: ClusterName = text.parse(self.problems)?;
        self.known(&text, "cluster connection", &self.declared.clusters);
        Some(name)
    }

    fn limits(&mut self, root: &Item<'_>) -> Limits {
        let Some(item) = root.get("limits") else { return Limits::default() };
        Limits {
            stage_memory_mib: self.limit(&item, "stage-memory-mib"),
            stage_cpu: self.span(&item, "stage-cpu"),
            journal_records: self.limit(&item, "journal-records"),
            artifact_mib: self.limit(&item, "artifact-mib"),
        }
    }

    fn limit(&mut self, item: &Item<'_>, key: &str) -> Option<u32> {
        let item = item.get(key)?;
        let number = u32::try_from(item.whole()?).ok()?;
        if number == 0 {
            self.problems.push(item.error("out-of-range", NOTHING_ALLOWED).help(KEEP_LIMIT));
        }
        Some(number)
    }

    fn span(&mut self, item: &Item<'_>, key: &str) -> Option<Millis> {
        let text = item.get(key)?.text()?;
        let span: Millis = text.parse(self.problems)?;
        if span == Millis(0) {
            self.problems.push(text.error("out-of-range", NOTHING_ALLOWED).help(KEEP_LIMIT));
        }
        Some(span)
    }

    fn path(&mut self, item: &Item<'_>, key: &str) -> Option<PathBuf> {
        let text = item.get(key)?.text()?;
        Some(self.joined(&text))
    }

    fn paths(&mut self, item: &Item<'_>, key: &str) -> Vec<PathBuf> {
        texts(item, key).iter().map(|text| self.joined(text)).collect()
    }

    fn joined(&mut self, text: &Text) -> PathBuf {
        if text.value.is_empty() {
            let problem = text.error("invalid-value", "the path is empty");
            self.problems.push(problem.help("name a file or a folder, relative to this file"));
        }
        self.folder.join(&text.value)
    }

    fn listen(&mut self, root: &Item<'_>) -> Option<String> {
        let text = root.get("listen")?.text()?;
        let port = text.value.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            let problem =
                text.error("invalid-value", format!("`{}` is not an address with a port", text.value));
            self.problems.push(problem.help("write for example `127.0.0.1:8080`"));
        }
        Some(text.value)
    }

    fn public_url(&mut self, root: &Item<'_>) -> Option<String> {
        let text = root.get("public-url")?.text()?;
        let host = ["https://", "http://"].iter().find_map(|scheme| text.value.strip_prefix(scheme));
        let odd = |c: char| c.is_whitespace() || c.is_control() || "?#\"'<>".contains(c);
        if host.is_none_or(|host| host.is_empty() || host.contains(odd)) {
            let message = format!("`{}` is not an address that a mail can link to", text.value);
            let problem = text.error("invalid-value", message);
            self.problems.push(problem.help("write for example `https://relhost.example`"));
        }
        Some(text.value.trim_end_matches('/').to_owned())
    }
}

/// The entries of a map below a key, with their names.
fn entries<'a>(item: &Item<'a>, key: &str) -> Vec<(Text, Item<'a>)> {
    item.get(key).map(|item| item.entries()).unwrap_or_default()
}

/// The texts of a list below a key.
fn texts(item: &Item<'_>, key: &str) -> Vec<Text> {
    item.get(key).map(|item| item.list().iter().filter_map(Item::text).collect()).unwrap_or_default()
}
