//! The audit log of the control plane: who asked for what, and with which User-Agent. It is the evidence of
//! what happened, because nothing of ours writes it.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

use crate::cluster::ControlPlane;

/// The log from some moment on.
#[derive(Debug, Clone)]
pub struct Audit {
    path: PathBuf,
    start: u64,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub user: String,
    /// How they named themselves.
    pub agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Where; empty for what has no namespace.
    pub namespace: String,
    /// For example `deployments`.
    pub resource: String,
    /// For example `scale`.
    pub subresource: String,
    /// Which; empty for a list.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// The status of the answer.
    pub code: u64,
}

impl Audit {
    /// The log from now on.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn from_now(plane: &ControlPlane) -> Self {
        let path = plane.audit_log.clone();
        let start = std::fs::metadata(&path).expect("the control plane writes an audit log").len();
        Self { path, start }
    }

    /// What a user has asked for, in order.
    ///
    /// # Panics
    /// If the log cannot be read or is not what the control plane writes.
    #[must_use]
    pub fn of(&self, user: &str) -> Vec<Request> {
        let mut file = std::fs::File::open(&self.path).expect("open the audit log");
        file.seek(SeekFrom::Start(self.start)).expect("find the place in the audit log");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("read the audit log");
        let text = String::from_utf8_lossy(&bytes);
        // The last line may be half written; the one who waits for its answer looks again.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let quoted = Value::from(user).to_string();
        let lines = whole.lines().filter(|line| line.contains(&quoted));
        lines.filter_map(Request::parse).filter(|request| request.user == user).collect()
    }

    /// What a user has changed: every write that was accepted and was no dry run.
    #[must_use]
    pub fn effects_of(&self, user: &str) -> Vec<Request> {
        self.of(user).into_iter().filter(Request::is_effect).collect()
    }
}

impl Request {
    fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).expect("a line of the audit log is JSON");
        if event["stage"] != "ResponseComplete" {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        Some(Self {
            user: text(&event["user"]["username"]),
            agent: text(&event["userAgent"]),
            verb: text(&event["verb"]),
            namespace: text(&object["namespace"]),
            resource: text(&object["resource"]),
            subresource: text(&object["subresource"]),
            name: text(&object["name"]),
            uri: text(&event["requestURI"]),
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        })
    }

    /// Whether it asks what the asker may do: such a question is a `create` that creates nothing.
    #[must_use]
    pub fn is_review(&self) -> bool {
        self.resource.starts_with("selfsubject")
    }

    /// Whether it was to change something, as opposed to showing what a change would do.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        writes.contains(&self.verb.as_str()) && !self.uri.contains("dryRun=") && !self.is_review()
    }

    /// Whether it did change something.
    #[must_use]
    pub fn is_effect(&self) -> bool {
        self.is_write() && (200..300).contains(&self.code)
    }

    /// `deployments/web`, with the subresource behind it if there is one.
    #[must_use]
    pub fn object(&self) -> String {
        let Self { resource, name, subresource, .. } = self;
        if subresource.is_empty() {
            format!("{resource}/{name}")
        } else {
            format!("{resource}/{name}/{subresource}")
        }
    }
}
