//! What is known of the namespace.

use std::collections::BTreeMap;

use relhost_model::call::AppliedObject;
use relhost_model::time::{Millis, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use super::feed::{Source, Update};
use crate::client::Change;
use crate::diagnose::{Scene, Span};
use crate::status::field::text;

/// What was read, and the time at the server.
pub(super) struct Picture {
    /// How long may be waited in all.
    pub(super) timeout: Millis,
    kinds: BTreeMap<Source, Kept>,
    began: Instant,
    /// The server's time when the wait began.
    started: Option<Timestamp>,
}

/// The objects of one kind, by name.
#[derive(Default)]
struct Kept {
    listed: bool,
    there: BTreeMap<String, Value>,
    /// As they were seen last.
    gone: BTreeMap<String, Value>,
}

/// What is known of one object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// Its kind was not read yet.
    Unread,
    /// It is there.
    There(&'a Value),
    /// It is not there; what it was last, if it was seen.
    Gone(Option<&'a Value>),
}

impl Picture {
    pub(super) fn new(timeout: Millis) -> Self {
        Self { timeout, kinds: BTreeMap::new(), began: Instant::now(), started: None }
    }

    /// As if the wait had begun earlier.
    #[cfg(test)]
    pub(super) fn begun_before(mut self, span: Millis) -> Self {
        self.began -= span.to_std();
        self
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Listed(source, snapshot) => {
                if let (None, Some(date)) = (self.started, snapshot.date) {
                    self.started = Some(Timestamp(date.0.saturating_sub(self.elapsed().0)));
                }
                self.kinds.entry(source).or_default().replace(snapshot.items);
            }
            Update::Changed(source, change) => self.kinds.entry(source).or_default().change(change),
            Update::Unwatched(..) | Update::Failed(..) => {}
        }
    }

    /// How long the wait has taken.
    pub(super) fn elapsed(&self) -> Millis {
        Millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time of the wait by the server's clock, so that ours need not agree with it. A server that does
    /// not tell the time makes every cause look new, so that only the time limit decides.
    pub(super) fn span(&self) -> Span {
        let started = self.started.unwrap_or_default();
        Span { started, now: started.plus(self.elapsed()) }
    }

    pub(super) fn known(&self, object: &AppliedObject) -> Known<'_> {
        match self.kinds.get(&Source::of(object)) {
            Some(kept) if kept.listed => match kept.there.get(&object.name) {
                Some(found) => Known::There(found),
                None => Known::Gone(kept.gone.get(&object.name)),
            },
            _ => Known::Unread,
        }
    }

    /// What surrounds the objects.
    pub(super) fn scene(&self) -> Scene<'_> {
        let all = |api_version: &str, kind: &str| {
            self.kinds.get(&Source::new(api_version, kind)).into_iter().flat_map(|kept| kept.there.values())
        };
        Scene::new(self.span(), all("v1", "Pod"), all("apps/v1", "ReplicaSet"), all("v1", "Event"))
    }
}

impl Kept {
    fn replace(&mut self, items: Vec<Value>) {
        self.listed = true;
        let before = std::mem::take(&mut self.there);
        for item in items {
            self.put(item);
        }
        for (name, object) in before {
            if !self.there.contains_key(&name) {
                self.gone.insert(name, object);
            }
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Put(object) => self.put(object),
            Change::Gone(object) => {
                let name = text(&object, "/metadata/name").to_owned();
                self.there.remove(&name);
                self.gone.insert(name, object);
            }
        }
    }

    /// Who wrote which field is most of an object, and nobody asks for it here.
    fn put(&mut self, mut object: Value) {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        self.there.insert(text(&object, "/metadata/name").to_owned(), object);
    }
}
