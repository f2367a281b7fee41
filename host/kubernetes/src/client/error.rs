//! What goes wrong between us and an API server, and what a person is told.

use std::sync::Arc;

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
    #[error("reach the API server: {reason}")]
    Unreachable {
        /// The end of the chain of causes.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer from the API server within {seconds} seconds")]
    Deadline {
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
    /// The cluster does not serve a kind.
    #[error("the cluster serves no {kind} of {api_version}")]
    NotServed {
        /// For example `apps/v1`.
        api_version: String,
        /// For example `Deployment`.
        kind: String,
    },
}

impl ApiError {
    /// From a `Status` object, which every refusal of an API server is. Other bodies come from proxies.
    pub(super) fn status(code: u16, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = body["details"]["causes"].as_array().cloned().unwrap_or_default();
        let causes = causes.iter().map(|cause| Cause {
            reason: text(&cause["reason"]),
            field: text(&cause["field"]),
            message: text(&cause["message"]),
        });
        let message = match body["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("the server answered {code}"),
        };
        Self::Status { code, reason: text(&body["reason"]), message, causes: causes.collect() }
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
            Self::Unreadable { .. } | Self::NotServed { .. } => false,
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
            Self::Status { code: 403, .. } => {
                ("forbidden", "give the connection's account the right that the message names".to_owned())
            }
            Self::Status { code: 404, .. } => ("not-found", String::new()),
            Self::Status { code: 409, .. } => ("conflict", String::new()),
            Self::Status { code: 400 | 422, .. } => {
                ("invalid-object", "correct the manifest; nothing was changed by this object".to_owned())
            }
            Self::Unreachable { .. } | Self::Deadline { .. } => (
                "unreachable",
                format!("check the address and the network of cluster connection `{cluster}`"),
            ),
            Self::NotServed { .. } => (
                "kind-unknown",
                "correct `apiVersion` and `kind`, or install the definition first".to_owned(),
            ),
            Self::Status { .. } | Self::Unreadable { .. } => ("cluster-error", String::new()),
        };
        let message = format!("{what}: {self}");
        let mut error = match self.is_transient() {
            true => CallError::transient(code, message),
            false => CallError::permanent(code, message),
        };
        if let Self::Unreadable { source, .. } = self {
            error = error.with("reason", source.to_string());
        }
        if !help.is_empty() {
            error = error.with("help", help);
        }
        error
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(code: u16) -> ApiError {
        let body = json!({
            "kind": "Status", "reason": "Invalid", "message": "Secret \"s\" is invalid: data[a]: \"hunter2\"",
            "details": { "causes": [{ "reason": "FieldValueInvalid", "field": "data[a]", "message": "hunter2" }] },
        });
        ApiError::status(code, &body)
    }

    #[test]
    fn a_refused_secret_shows_fields_and_no_values() {
        let cluster: ClusterName = "dev".parse().unwrap();
        let error = refusal(422).at_secret(&cluster, "apply Secret/s");
        assert_eq!(error.message, "apply Secret/s: the server answered 422 Invalid for data[a]");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(refusal(422).at(&cluster, "apply").message.contains("hunter2"));
    }

    #[test]
    fn a_body_that_is_no_status_still_has_a_message() {
        let error = ApiError::status(502, &Value::Null);
        assert_eq!(error.to_string(), "the server answered 502");
        assert!(error.is_transient());
    }
}
