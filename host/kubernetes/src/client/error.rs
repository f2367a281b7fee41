//! What goes wrong between us and an API server, and what a person is told.

use std::sync::Arc;

use kube::client::AuthError;
use relhost_model::call::CallError;
use relhost_model::id::ClusterName;
use serde_json::Value;

/// One detail of a refusal: a field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// For example `FieldManagerConflict` or `FieldValueInvalid`.
    pub reason: String,
    /// For example `.spec.replicas`.
    pub field: String,
    /// What the server says about it.
    pub message: String,
}

/// Why a request did not do what it should.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The server refused.
    #[error("{message}")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The machine-readable word: `Forbidden`, `Invalid`.
        reason: String,
        /// The server's sentence.
        message: String,
        /// Its details.
        causes: Vec<Cause>,
    },
    /// The server could not be reached.
    #[error("reach the API server {server}: {reason}")]
    Unreachable {
        /// Its address.
        server: Arc<str>,
        /// The end of the chain of causes.
        reason: String,
    },
    /// The server is not the one that the connection trusts.
    #[error("trust the API server {server}: {reason}")]
    Untrusted {
        /// Its address.
        server: Arc<str>,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// There are no credentials to send.
    #[error("get the credentials for the API server: {reason}")]
    Credentials {
        /// What failed, without what a credential plugin wrote.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer from the API server {server} within {seconds} seconds")]
    Deadline {
        /// Its address.
        server: Arc<str>,
        /// How long it was waited for.
        seconds: u64,
    },
    /// An answer that is not what the API promises.
    #[error("read the answer to {what}")]
    Unreadable {
        /// The path that was asked.
        what: String,
        /// What is wrong with it.
        source: Arc<serde_json::Error>,
    },
    /// An answer of which only a part was read.
    #[error("read the answer of the API server {server}, which is larger than {mib} MiB")]
    TooLarge {
        /// Its address.
        server: Arc<str>,
        /// How much is read.
        mib: usize,
    },
    /// The cluster does not serve a kind.
    #[error("the cluster serves no {kind} of {api_version}")]
    NotServed {
        /// For example `apps/v1`.
        api_version: String,
        /// For example `Deployment`.
        kind: String,
    },
}

/// How a server begins to say that an applied object does not fit the schema of its kind. It calls that an
/// internal error.
const UNTYPED: &str = "failed to create typed patch object";

impl ApiError {
    /// From an error of the transport. The innermost cause says most: `connection refused`.
    pub(super) fn transport(server: &Arc<str>, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut innermost = error;
        loop {
            if let Some(refusal) = innermost.downcast_ref::<AuthError>() {
                return Self::Credentials { reason: credentials(refusal) };
            }
            match innermost.source() {
                Some(source) => innermost = source,
                None => break,
            }
        }
        let (server, reason) = (Arc::clone(server), innermost.to_string());
        match reason.contains("certificate") {
            true => Self::Untrusted { server, reason },
            false => Self::Unreachable { server, reason },
        }
    }

    /// From a `Status` object, which every refusal of an API server is. Other bodies come from proxies.
    pub(super) fn status(code: u16, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = body["details"]["causes"].as_array().cloned().unwrap_or_default();
        let causes = causes.iter().map(|cause| Cause {
            reason: text(&cause["reason"]),
            field: text(&cause["field"]),
            message: without_dump(text(&cause["message"])),
        });
        let causes: Vec<Cause> = causes.collect();
        let message = match body["message"].as_str() {
            Some(message) => summed_up(message, &causes),
            None => format!("the server answered {code}"),
        };
        let (code, reason) = match code {
            // A field that the kind does not have: nothing is wrong with the server.
            500 if message.contains(UNTYPED) => (422, "Invalid".to_owned()),
            code => (code, text(&body["reason"])),
        };
        Self::Status { code, reason, message, causes }
    }

    /// Whether it is a refusal with this HTTP status.
    #[must_use]
    pub fn is(&self, status: u16) -> bool {
        matches!(self, Self::Status { code, .. } if *code == status)
    }

    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Unreachable { .. } | Self::Deadline { .. } => true,
            Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::NotServed { .. }
            | Self::Untrusted { .. }
            | Self::Credentials { .. } => false,
        }
    }

    /// As a person is told, with what was attempted in front.
    #[must_use]
    pub fn at(&self, cluster: &ClusterName, what: &str) -> CallError {
        let (code, help) = match self {
            Self::Status { code: 401, .. } => (
                "unauthorized",
                format!("the credentials of cluster connection `{cluster}` are not accepted: renew them"),
            ),
            Self::Status { code: 403, message, causes, .. } => forbidden(message, causes),
            Self::Status { code: 404, .. } => ("not-found", String::new()),
            Self::Status { code: 409, .. } => ("conflict", String::new()),
            Self::Status { code: 400 | 422, .. } => {
                ("invalid-object", "correct the manifest; nothing was changed by this object".to_owned())
            }
            Self::Unreachable { .. } | Self::Deadline { .. } => (
                "unreachable",
                format!("check the address and the network of cluster connection `{cluster}`"),
            ),
            Self::Untrusted { .. } => (
                "untrusted",
                format!("correct the certificate authority or the address of cluster connection `{cluster}`"),
            ),
            Self::Credentials { .. } => (
                "unauthorized",
                format!("run what the kubeconfig of cluster connection `{cluster}` names by hand"),
            ),
            Self::NotServed { .. } => (
                "kind-unknown",
                "correct `apiVersion` and `kind`, or install the definition first".to_owned(),
            ),
            Self::Status { .. } | Self::Unreadable { .. } | Self::TooLarge { .. } => {
                ("cluster-error", String::new())
            }
        };
        let message = format!("{what}: {self}");
        let passes = self.is_transient() || matches!(code, TERMINATING | "quota");
        let mut error = match passes {
            true => CallError::transient(code, message),
            false => CallError::permanent(code, message),
        };
        if let Self::Unreadable { source, .. } = self {
            error = error.with("reason", source.to_string());
        }
        if !help.is_empty() {
            error = error.with("help", help);
        }
        error.with("cluster", cluster.to_string())
    }

    /// As [`at`](Self::at) for a Secret: the server's sentence may quote its content, so only the fields
    /// are named (CVE-2025-23216 is what happens otherwise).
    #[must_use]
    pub fn at_secret(&self, cluster: &ClusterName, what: &str) -> CallError {
        let Self::Status { code, reason, causes, .. } = self else { return self.at(cluster, what) };
        let fields: Vec<&str> =
            causes.iter().map(|cause| cause.field.as_str()).filter(|field| !field.is_empty()).collect();
        let message = match (*code, fields.is_empty()) {
            (401 | 403, _) => return self.at(cluster, what),
            (_, true) => format!("the server answered {code} {reason}"),
            (_, false) => format!("the server answered {code} {reason} for {}", fields.join(", ")),
        };
        let discreet = Self::Status { code: *code, reason: reason.clone(), message, causes: Vec::new() };
        discreet.at(cluster, what)
    }
}

/// A value that is longer is a whole structure, which nobody reads, and which may hold what nobody should: the
/// template of a Job that cannot change is shown with all its variables.
const VALUE_CHARS: usize = 200;
/// A sentence of a server or a webhook that is longer is cut.
const MESSAGE_CHARS: usize = 4000;

/// A detail without the structure that it is about.
fn without_dump(message: String) -> String {
    const VALUE: &str = "Invalid value: ";
    let Some((before, rest)) = message.split_once(VALUE) else { return message };
    match rest.rsplit_once(": ") {
        Some((value, why)) if value.chars().count() > VALUE_CHARS => format!("{before}{VALUE}…: {why}"),
        _ => message,
    }
}

/// The sentence of a refusal on one line: made of its details where it repeats a whole structure.
fn summed_up(message: &str, causes: &[Cause]) -> String {
    let shortened = causes.iter().any(|cause| cause.message.contains("Invalid value: …"));
    let message = match message.split_once(" is invalid: ") {
        Some((what, _)) if shortened => {
            let details = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message));
            format!("{what} is invalid: {}", details.collect::<Vec<_>>().join(", "))
        }
        _ => message.to_owned(),
    };
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS).collect()
}

const TERMINATING: &str = "namespace-terminating";

/// Why a server forbids something, as code and help: rights are one reason of several.
fn forbidden(message: &str, causes: &[Cause]) -> (&'static str, String) {
    let (code, help) = if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") {
        (TERMINATING, "the namespace is being deleted: wait until it is gone, and make it again")
    } else if message.contains("exceeded quota") {
        ("quota", "ask for less, remove what is not used, or raise the quota of the namespace")
    } else if [" cannot ", "attempting to grant", "not authorized"].iter().any(|it| message.contains(it)) {
        ("forbidden", "give the connection's account the right that the message names")
    } else {
        ("admission-denied", "an admission rule of the cluster refuses the object: change the object")
    };
    (code, help.to_owned())
}

/// What is wrong with the credentials. What a credential plugin wrote may hold a token and is not told.
pub(super) fn credentials(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { cmd, out } => {
            let program = cmd.trim_matches('"').split(['"', ' ']).next().unwrap_or_default();
            format!("the credential plugin `{program}` failed: {}", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::AuthExec(_) | AuthError::ParseTokenKey(_) => {
            "the answer of the credential plugin cannot be read".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
