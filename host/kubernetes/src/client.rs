//! One connection to one cluster: what is asked of it, with a deadline and retries for every request.
//!
//! Everything is JSON here. kube brings the transport and the credentials; its own retries are off, because
//! they stay silent for minutes, and its typed calls are not used, because they log whole bodies and hide
//! the server's warnings.

mod access;
mod error;
mod identity;
mod kind;
mod request;
mod send;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use relhost_engine::port::Secrets;
use relhost_model::call::CallError;
use relhost_model::config::ClusterConnection;
use relhost_model::digest::Digest;
use relhost_model::id::ClusterName;
use serde_json::Value;

pub use error::{ApiError, Cause};
pub use kind::Kind;
pub use request::{Apply, List, Log, MANAGER};
pub use send::Response;
pub use watch::{Change, Snapshot};

/// Objects in one page of a list, as kubectl asks for.
const PAGE: usize = 500;

/// Groups that are asked for at once. A set of manifests seldom has more.
const GROUPS_AT_ONCE: usize = 8;

/// What a server says of an object that is another one than the precondition names. Other conflicts are not
/// about that: a namespace that is being deleted already, for example.
const OTHER_UID: [&str; 2] = ["UID in the precondition", "UID in precondition"];

/// A connection, confined to one namespace. Cloning is cheap.
#[derive(Clone)]
pub struct Connection {
    cluster: ClusterName,
    namespace: Arc<str>,
    /// The address of the API server.
    server: Arc<str>,
    /// Whether everything is dry-run before anything is applied.
    asks_first: bool,
    /// The longest time for one try of a request.
    patience: Duration,
    client: kube::Client,
    /// What `group/version` serves, once asked: it does not change while a release runs, except when a
    /// definition is applied, and then it is forgotten.
    served: Arc<Mutex<BTreeMap<String, Arc<Vec<Kind>>>>>,
}

impl Connection {
    /// Reads the credentials and prepares a client. Nothing is sent yet.
    ///
    /// # Errors
    /// `connection-refused` if a rule forbids what the access wants, `connection-invalid` if it makes no
    /// client, `secret-unreadable` if a secret cannot be read.
    pub async fn open(
        name: &ClusterName,
        connection: &ClusterConnection,
        secrets: &dyn Secrets,
    ) -> Result<Self, CallError> {
        let config = access::config(name, connection, secrets).await?;
        let server = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).map_err(|error| {
            // A credential plugin runs here for the first time.
            let reason = match &error {
                kube::Error::Auth(refusal) => error::credentials(refusal),
                other => other.to_string(),
            };
            CallError::permanent("connection-invalid", format!("cluster `{name}`: {reason}"))
        })?;
        let over = Self::over(name.clone(), server.trim_end_matches('/'), &connection.namespace, client);
        Ok(Self { asks_first: connection.dry_run, ..over })
    }

    /// A connection over a client that is there.
    pub(crate) fn over(cluster: ClusterName, server: &str, namespace: &str, client: kube::Client) -> Self {
        Self {
            cluster,
            namespace: Arc::from(namespace),
            server: Arc::from(server),
            asks_first: true,
            patience: Duration::MAX,
            client: identity::agent(client, namespace, None),
            served: Arc::default(),
        }
    }

    /// The same connection for a call that the host cuts off after 30 s: a request that hangs is given up
    /// before that, so that its cause is told.
    #[must_use]
    pub fn brief(self) -> Self {
        Self { patience: send::RETRY_SPAN, ..self }
    }

    /// The same connection, whose requests carry the key of an effect in their User-Agent: the API server's
    /// audit log then tells which effect made which request.
    #[must_use]
    pub fn for_effect(&self, key: &Digest) -> Self {
        let client = identity::agent(self.client.clone(), &self.namespace, Some(key));
        Self { client, ..self.clone() }
    }

    /// Whether the operator wants everything dry-run before anything is applied.
    #[must_use]
    pub fn asks_first(&self) -> bool {
        self.asks_first
    }

    /// The connection's name in the configuration.
    #[must_use]
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The namespace it is confined to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the cluster serves as this kind.
    ///
    /// # Errors
    /// [`ApiError::NotServed`] if it serves none.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Kind, ApiError> {
        let find = |kinds: &[Kind]| kinds.iter().find(|served| served.kind == kind).cloned();
        let known = self.served.lock().unwrap_or_else(PoisonError::into_inner).get(api_version).cloned();
        if let Some(found) = known.and_then(|kinds| find(&kinds)) {
            return Ok(found);
        }
        // What was not served a while ago may be by now: a connection lives longer than a release.
        find(&self.discover(api_version).await?)
            .ok_or_else(|| ApiError::NotServed { api_version: api_version.to_owned(), kind: kind.to_owned() })
    }

    /// Finds out what the cluster serves of these groups and versions, all at once.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn learn_kinds(&self, api_versions: BTreeSet<&str>) -> Result<(), ApiError> {
        let known = self.served.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unknown = api_versions.into_iter().filter(|version| !known.contains_key(*version));
        let asked: Vec<_> = unknown.map(|version| self.discover(version).boxed()).collect();
        let mut answers = stream::iter(asked).buffer_unordered(GROUPS_AT_ONCE);
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    }

    /// Forgets what the cluster serves: a definition was applied.
    pub fn forget_kinds(&self) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn discover(&self, api_version: &str) -> Result<Arc<Vec<Kind>>, ApiError> {
        let path = match api_version.contains('/') {
            true => format!("/apis/{api_version}"),
            false => format!("/api/{api_version}"),
        };
        let found = match self.send(Method::GET, &path, None).await {
            Ok(response) => response.body,
            // An unknown group is not remembered: its definition may be applied in a moment.
            Err(ApiError::Status { code: 404, .. }) => return Ok(Arc::default()),
            Err(error) => return Err(error),
        };
        let list: APIResourceList = serde_json::from_value(found)
            .map_err(|source| ApiError::Unreadable { what: path.clone(), source: Arc::new(source) })?;
        let kinds: Arc<Vec<Kind>> =
            Arc::new(list.resources.iter().filter_map(|it| Kind::served(api_version, it)).collect());
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.insert(api_version.to_owned(), Arc::clone(&kinds));
        Ok(kinds)
    }

    /// Reads one object; `None` if it is not there.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Value>, ApiError> {
        match self.send(Method::GET, &self.path(kind, Some(name)), None).await {
            Ok(response) => Ok(Some(response.body)),
            Err(ApiError::Status { code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Applies one object by server-side apply, or asks what an apply would do.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached; a conflict over fields is [`ApiError::Status`] with code
    /// 409 and a cause for each field.
    pub async fn apply(&self, kind: &Kind, object: &Value, how: Apply) -> Result<Response, ApiError> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let path = how.path(&self.path(kind, Some(name)));
        self.send(Method::PATCH, &path, Some((request::APPLY, object.to_string()))).await
    }

    /// Changes one object by a JSON patch.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn patch(&self, kind: &Kind, name: &str, patch: &Value) -> Result<Response, ApiError> {
        let path = format!("{}?fieldManager={MANAGER}", self.path(kind, Some(name)));
        self.send(Method::PATCH, &path, Some((request::JSON_PATCH, patch.to_string()))).await
    }

    /// Deletes one object with what it owns, if it still has the uid. `false` if it is not there, or is
    /// another object of that name.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn delete(&self, kind: &Kind, name: &str, uid: Option<&str>) -> Result<bool, ApiError> {
        let mut options = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        if let Some(uid) = uid {
            options["preconditions"] = serde_json::json!({ "uid": uid });
        }
        let body = Some((request::JSON, options.to_string()));
        match self.send(Method::DELETE, &self.path(kind, Some(name)), body).await {
            Ok(_) => Ok(true),
            Err(ApiError::Status { code: 404, .. }) => Ok(false),
            Err(ApiError::Status { code: 409, message, .. }) if says(&message, &OTHER_UID) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks the server a question that is an object: an access or identity review.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn review(&self, path: &str, question: &Value) -> Result<Value, ApiError> {
        let body = Some((request::JSON, question.to_string()));
        Ok(self.send(Method::POST, path, body).await?.body)
    }

    /// Reads a path of the API that is no object, such as `/version`.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn read(&self, path: &str) -> Result<Value, ApiError> {
        Ok(self.send(Method::GET, path, None).await?.body)
    }

    /// The last lines of a container's log, or of the container before it. `None` if there is none.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn log(&self, pod: &str, what: &Log<'_>) -> Result<Option<String>, ApiError> {
        let path = what.path(&format!("/api/v1/namespaces/{}/pods/{pod}/log", self.namespace));
        match self.text(&path).await {
            Ok(text) => Ok(Some(text)),
            Err(ApiError::Status { code: 400 | 404 | 500, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, kind: &Kind, name: Option<&str>) -> String {
        kind.path(&self.namespace, name)
    }
}

fn says(message: &str, words: &[&str]) -> bool {
    words.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests;
