//! How a cluster is reached.

use super::Reader;
use crate::config::ClusterAccess;
use crate::yaml::{Item, Problem};

impl Reader<'_> {
    /// One of the three ways. The table has reported it if there is none, or more than one.
    pub(super) fn access(&mut self, item: &Item<'_>) -> Option<ClusterAccess> {
        self.check_keys(item);
        if let Some(kubeconfig) = item.get("kubeconfig") {
            return Some(ClusterAccess::Kubeconfig {
                source: self.secret_source(&kubeconfig)?,
                context: kubeconfig.get("context").and_then(|item| item.text()).map(|text| text.value),
                allow_exec_and_files: kubeconfig
                    .get("allow-exec")
                    .and_then(|item| item.boolean())
                    .unwrap_or(false),
            });
        }
        if item.get("server").is_some() {
            return self.token_access(item);
        }
        let flag = item.get("in-cluster")?;
        if flag.boolean() == Some(false) {
            let problem = flag.error("invalid-value", "`in-cluster: false` reaches no cluster");
            self.problems.push(problem.help("give `kubeconfig`, or `server` with `ca` and `token`"));
        }
        Some(ClusterAccess::InCluster)
    }

    fn token_access(&mut self, item: &Item<'_>) -> Option<ClusterAccess> {
        let server = item.get("server")?.text()?;
        if !server.value.starts_with("https://") {
            let message = format!("`{}` is not an https address", server.value);
            let help = "a token is only sent over TLS; write for example `https://10.0.0.1:6443`";
            self.problems.push(server.error("invalid-value", message).help(help));
        }
        let (ca, token) = (self.secret(item, "ca"), self.secret(item, "token"));
        Some(ClusterAccess::Token { server: server.value, ca: ca?, token: token? })
    }

    /// `ca` and `token` belong to `server`, and to nothing else.
    fn check_keys(&mut self, item: &Item<'_>) {
        for key in ["ca", "token"] {
            match (item.get("server"), item.get(key)) {
                (Some(server), None) => {
                    let message = format!("`server` needs `{key}`");
                    let place = Some(server.node.place);
                    let help = format!("add `{key}: {{ file: PATH }}` or `{key}: {{ env: NAME }}`");
                    self.problems.push(Problem::error("missing-key", place, &item.path, message).help(help));
                }
                (None, Some(given)) => {
                    let problem = given.error("one-of", format!("`{key}` belongs to `server`"));
                    self.problems.push(problem.help("remove it, or give `server` instead"));
                }
                _ => {}
            }
        }
    }
}
