//! What goes on with one kind: a list, then what changes, and a list again after at most half a minute. A
//! watch makes things quick; that nothing is missed is due to the lists.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use relhost_model::call::AppliedObject;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::client::{ApiError, Change, Connection, Kind, List, Snapshot};
use crate::status::has_no_status;

/// How long a watch is believed. A watch that lost events, for whatever reason, is found out after this.
const LIST_EVERY: Duration = Duration::from_secs(30);
/// How often is listed where watching is not allowed.
const POLL_EVERY: Duration = Duration::from_secs(3);
/// After a list that failed, and between two lists where watches end early.
const PAUSE: Duration = Duration::from_secs(1);
/// A server may end a watch a little late.
const MARGIN: Duration = Duration::from_secs(5);

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) api_version: String,
    pub(crate) kind: String,
}

impl Source {
    pub(crate) fn new(api_version: &str, kind: &str) -> Self {
        Self { api_version: api_version.to_owned(), kind: kind.to_owned() }
    }

    pub(super) fn of(object: &AppliedObject) -> Self {
        Self::new(&object.api_version, &object.kind)
    }

    /// For messages.
    pub(super) fn title(&self) -> String {
        format!("{} of {}", self.kind, self.api_version)
    }
}

/// Something that was read.
#[derive(Debug)]
pub(super) enum Update {
    /// Everything of a kind.
    Listed(Source, Snapshot),
    /// One object.
    Changed(Source, Change),
    /// Watching is not allowed; it is listed more often instead.
    Unwatched(Source, ApiError),
    /// It cannot be read now; it is tried again.
    Failed(Source, ApiError),
}

/// The kinds of which something has to be read, with a selector for one name where one is enough: a right to
/// one object suffices then, and nothing else is transferred.
pub(super) fn sources(objects: &[AppliedObject]) -> BTreeMap<Source, String> {
    let mut sources: BTreeMap<Source, String> = BTreeMap::new();
    for object in objects.iter().filter(|object| !has_no_status(object)) {
        let one = format!("metadata.name={}", object.name);
        sources.entry(Source::of(object)).and_modify(String::clear).or_insert(one);
    }
    for around in around(sources.keys()) {
        sources.insert(around, String::new());
    }
    sources
}

/// What has to be known to explain a failure of these kinds: kinds that Kubernetes itself brings.
pub(crate) fn around<'a>(kinds: impl Iterator<Item = &'a Source>) -> Vec<Source> {
    let mut around = Vec::new();
    for source in kinds {
        around.push(Source::new("v1", "Event"));
        let group = source.api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, source.kind.as_str()) {
            ("apps", "Deployment") => {
                around.extend([Source::new("apps/v1", "ReplicaSet"), Source::new("v1", "Pod")]);
            }
            ("apps", _) | ("", "ReplicationController") | ("batch", "Job") => {
                around.push(Source::new("v1", "Pod"))
            }
            _ => {}
        }
    }
    around
}

/// Follows a kind for ever.
pub(super) fn follow(connection: &Connection, source: Source, fields: String) -> BoxStream<'_, Update> {
    let feed = Feed { connection, source, fields, unwatched: false, state: State::List(Instant::now()) };
    stream::unfold(feed, |mut feed| async move {
        let update = feed.next().await;
        Some((update, feed))
    })
    .boxed()
}

struct Feed<'a> {
    connection: &'a Connection,
    source: Source,
    fields: String,
    unwatched: bool,
    state: State,
}

enum State {
    /// List at this time.
    List(Instant),
    /// Watch from this version, and list again at this time.
    Open(Kind, String, Instant),
    /// Listen, and list again at this time.
    Listen(BoxStream<'static, Result<Change, ApiError>>, Instant),
}

impl Feed<'_> {
    async fn next(&mut self) -> Update {
        loop {
            match std::mem::replace(&mut self.state, State::List(Instant::now())) {
                State::List(at) => {
                    self.state = State::List(at);
                    sleep_until(at).await;
                    return self.list().await;
                }
                State::Open(kind, version, until) => {
                    if let Some(update) = self.open(&kind, &version, until).await {
                        return update;
                    }
                }
                State::Listen(changes, until) => {
                    if let Some(update) = self.listen(changes, until).await {
                        return update;
                    }
                }
            }
        }
    }

    async fn list(&mut self) -> Update {
        let what = List { labels: "", fields: &self.fields };
        let listed = match self.connection.kind(&self.source.api_version, &self.source.kind).await {
            Ok(kind) => self.connection.snapshot(&kind, &what).await.map(|snapshot| (kind, snapshot)),
            Err(error) => Err(error),
        };
        match listed {
            Ok((kind, snapshot)) => {
                self.state = match self.unwatched {
                    true => State::List(Instant::now() + POLL_EVERY),
                    false => State::Open(kind, snapshot.version.clone(), Instant::now() + LIST_EVERY),
                };
                Update::Listed(self.source.clone(), snapshot)
            }
            Err(error) => {
                // A refusal stays for a while.
                let pause = if passes(&error) { PAUSE } else { LIST_EVERY };
                self.state = State::List(Instant::now() + pause);
                Update::Failed(self.source.clone(), error)
            }
        }
    }

    async fn open(&mut self, kind: &Kind, version: &str, until: Instant) -> Option<Update> {
        let what = List { labels: "", fields: &self.fields };
        match self.connection.watch(kind, &what, version, LIST_EVERY).await {
            Ok(changes) => {
                self.state = State::Listen(changes, until);
                None
            }
            Err(error) if error.is(403) || error.is(405) => {
                self.unwatched = true;
                self.state = State::List(Instant::now() + POLL_EVERY);
                Some(Update::Unwatched(self.source.clone(), error))
            }
            Err(error) => {
                tracing::debug!(kind = %self.source.kind, %error, "a watch could not be opened");
                self.state = State::List(again(until));
                None
            }
        }
    }

    async fn listen(
        &mut self,
        mut changes: BoxStream<'static, Result<Change, ApiError>>,
        until: Instant,
    ) -> Option<Update> {
        // Also where changes come without a pause.
        if Instant::now() >= until + MARGIN {
            self.state = State::List(Instant::now());
            return None;
        }
        match timeout_at(until + MARGIN, changes.next()).await {
            Ok(Some(Ok(change))) => {
                self.state = State::Listen(changes, until);
                Some(Update::Changed(self.source.clone(), change))
            }
            Ok(Some(Err(error))) => {
                tracing::debug!(kind = %self.source.kind, %error, "a watch ended");
                self.state = State::List(again(until));
                None
            }
            Ok(None) | Err(_) => {
                self.state = State::List(again(until));
                None
            }
        }
    }
}

/// Whether a list that failed may work in a moment: a definition that was applied just now is not served by
/// every server yet, and a server that is behind or compacts its history asks to begin again.
pub(super) fn passes(error: &ApiError) -> bool {
    error.is_transient()
        || matches!(error, ApiError::NotServed { .. } | ApiError::Status { code: 404 | 409 | 410, .. })
}

/// When to list after a watch that was to end at `until`: at once, unless that would be the second time
/// within the pause.
fn again(until: Instant) -> Instant {
    until - LIST_EVERY + PAUSE
}

#[cfg(test)]
mod tests {
    use relhost_model::call::Change as Applied;

    use super::*;

    fn applied(api_version: &str, kind: &str, name: &str) -> AppliedObject {
        AppliedObject {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            change: Applied::Created,
            generation: None,
            uid: None,
        }
    }

    fn read(objects: &[AppliedObject]) -> Vec<String> {
        let sources = sources(objects).into_iter();
        sources.map(|(source, fields)| format!("{} {fields}", source.kind).trim_end().to_owned()).collect()
    }

    #[test]
    fn what_may_pass_does_not_end_a_wait() {
        let status = |code| ApiError::Status {
            code,
            reason: String::new(),
            message: String::new(),
            causes: Vec::new(),
        };
        for code in [404, 409, 410, 429, 500, 503] {
            assert!(passes(&status(code)), "{code}");
        }
        for code in [400, 401, 403] {
            assert!(!passes(&status(code)), "{code}");
        }
    }

    #[test]
    fn nothing_is_read_for_what_has_no_status() {
        assert!(read(&[applied("v1", "Secret", "db"), applied("v1", "ConfigMap", "web")]).is_empty());
    }

    #[test]
    fn one_object_is_read_by_its_name_and_several_as_a_list() {
        let one = [applied("v1", "Service", "web")];
        assert_eq!(read(&one), ["Event", "Service metadata.name=web"]);
        let two = [applied("v1", "Service", "web"), applied("v1", "Service", "api")];
        assert_eq!(read(&two), ["Event", "Service"]);
    }

    #[test]
    fn workloads_are_read_with_their_pods() {
        let deployment = [applied("apps/v1", "Deployment", "web")];
        assert_eq!(read(&deployment), ["Deployment metadata.name=web", "ReplicaSet", "Event", "Pod"]);
        let job = [applied("batch/v1", "Job", "migrate")];
        assert_eq!(read(&job), ["Job metadata.name=migrate", "Event", "Pod"]);
        // A pod that was applied is read with all others, because those are read anyway.
        let both = [applied("v1", "Pod", "one"), applied("apps/v1", "StatefulSet", "db")];
        assert_eq!(read(&both), ["StatefulSet metadata.name=db", "Event", "Pod"]);
    }
}
