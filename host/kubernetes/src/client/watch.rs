//! Lists that say when they were true, and watches that go on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use http::Method;
use kube::core::params::WatchParams;
use kube::core::{Request, WatchEvent};
use relhost_model::time::Timestamp;
use serde_json::Value;

use super::{ApiError, Connection, Kind, List, PAGE};

/// A watch that is not there after this time is tried again: the server answers at once or not at all.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// How much smaller the pages of large objects are.
const SMALLER: usize = 8;
/// So many more pages are read for some objects than they would fill.
const PAGES_BESIDE: usize = 2;

/// Every object of a kind, at one point of the cluster's history.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The objects. They have neither `apiVersion` nor `kind`.
    pub items: Vec<Value>,
    /// Where a watch goes on.
    pub version: String,
    /// What time it was at the server.
    pub date: Option<Timestamp>,
}

/// A part of a list.
struct Page {
    items: Vec<Value>,
    next: Option<String>,
    version: String,
    date: Option<Timestamp>,
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum Change {
    /// The object is there, and is like this.
    Put(Value),
    /// The object is gone, and was like this.
    Gone(Value),
}

impl Connection {
    /// Reads every object of a kind in the namespace, and from where a watch goes on.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn snapshot(&self, kind: &Kind, what: &List<'_>) -> Result<Snapshot, ApiError> {
        let mut items = Vec::new();
        let (mut from, mut size) = (String::new(), PAGE);
        loop {
            let page = match self.page(kind, what, &from, size).await {
                // Large objects come a few at a time.
                Err(ApiError::TooLarge { .. }) if size > 1 => {
                    size = (size / SMALLER).max(1);
                    continue;
                }
                // The next page was asked for too late: the list begins again.
                Err(error) if error.is(410) && !from.is_empty() => {
                    items.clear();
                    from.clear();
                    continue;
                }
                answered => answered?,
            };
            items.extend(page.items);
            match page.next {
                Some(next) => from = next,
                None => return Ok(Snapshot { items, version: page.version, date: page.date }),
            }
        }
    }

    /// The objects of these names that are there. Of a kind that has many more, some may be left out: reading others
    /// costs as much.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn named(
        &self,
        kind: &Kind,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Value>, ApiError> {
        let mut found = BTreeMap::new();
        let mut from = String::new();
        for _ in 0..PAGES_BESIDE + names.len() / PAGE {
            let page = self.page(kind, &List::default(), &from, PAGE).await?;
            for object in page.items {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if names.contains(name) {
                    found.insert(name.to_owned(), object);
                }
            }
            match page.next {
                Some(next) if found.len() < names.len() => from = next,
                _ => break,
            }
        }
        Ok(found)
    }

    async fn page(&self, kind: &Kind, what: &List<'_>, from: &str, size: usize) -> Result<Page, ApiError> {
        let path = what.path(&self.path(kind, None), size, from);
        let response = self.send(Method::GET, &path, None).await?;
        let mut body = response.body;
        let items = match body["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        let text = |name: &str| body["metadata"][name].as_str().unwrap_or_default().to_owned();
        let next = Some(text("continue")).filter(|token| !token.is_empty());
        Ok(Page { items, next, version: text("resourceVersion"), date: response.date })
    }

    /// Tells what changes after a snapshot. The server ends it after `limit`; an error ends it too. The
    /// caller bounds how long it listens: a server that is gone says nothing.
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn watch(
        &self,
        kind: &Kind,
        what: &List<'_>,
        version: &str,
        limit: Duration,
    ) -> Result<BoxStream<'static, Result<Change, ApiError>>, ApiError> {
        let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
        let mut parameters = WatchParams::default().timeout(seconds);
        if !what.labels.is_empty() {
            parameters = parameters.labels(what.labels);
        }
        if !what.fields.is_empty() {
            parameters = parameters.fields(what.fields);
        }
        let request = Request::new(self.path(kind, None))
            .watch(&parameters, version)
            .map_err(|error| ApiError::transport(&self.server, &error))?;
        let opening = self.client.request_events::<Value>(request);
        let events = tokio::time::timeout(OPEN_DEADLINE, opening)
            .await
            .map_err(|_| ApiError::Deadline {
                server: Arc::clone(&self.server),
                seconds: OPEN_DEADLINE.as_secs(),
            })?
            .map_err(|error| refused(&self.server, error))?;
        let server = Arc::clone(&self.server);
        let changes = events.filter_map(move |event| {
            let change = match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Some(Ok(Change::Put(object))),
                Ok(WatchEvent::Deleted(object)) => Some(Ok(Change::Gone(object))),
                Ok(WatchEvent::Bookmark(_)) => None,
                Ok(WatchEvent::Error(status)) => Some(Err(refused(&server, kube::Error::Api(status)))),
                Err(error) => Some(Err(refused(&server, error))),
            };
            std::future::ready(change)
        });
        Ok(changes.boxed())
    }
}

fn refused(server: &Arc<str>, error: kube::Error) -> ApiError {
    match error {
        kube::Error::Api(status) => ApiError::Status {
            code: status.code,
            reason: status.reason,
            message: status.message,
            causes: Vec::new(),
        },
        other => ApiError::transport(server, &other),
    }
}
