//! What was read around the applied objects, by who owns it.

use std::collections::HashMap;

use relhost_model::time::Timestamp;
use serde_json::Value;

use super::uid;
use crate::status::field::{list, number, text, time};
use crate::status::text::one_line;

/// Longer messages of events repeat themselves.
const EVENT_CHARS: usize = 500;
/// Events that are shown for one cause.
const EVENTS_MAX: usize = 8;

/// The time of a wait, by the cluster's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub started: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Pods, ReplicaSets and events of a namespace.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The time.
    pub span: Span,
    pods: HashMap<&'a str, Vec<&'a Value>>,
    replica_sets: HashMap<&'a str, Vec<&'a Value>>,
    events: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Scene<'a> {
    /// Sorts what was read.
    #[must_use]
    pub fn new(
        span: Span,
        pods: impl IntoIterator<Item = &'a Value>,
        replica_sets: impl IntoIterator<Item = &'a Value>,
        events: impl IntoIterator<Item = &'a Value>,
    ) -> Self {
        let mut by_object: HashMap<&str, Vec<&Value>> = HashMap::new();
        for event in events {
            by_object.entry(text(event, "/involvedObject/uid")).or_default().push(event);
        }
        Self { span, pods: by_owner(pods), replica_sets: by_owner(replica_sets), events: by_object }
    }

    /// The pods that an object controls.
    #[must_use]
    pub fn pods_of(&self, owner: &str) -> &[&'a Value] {
        self.pods.get(owner).map_or(&[], Vec::as_slice)
    }

    /// The ReplicaSets that an object controls.
    #[must_use]
    pub fn replica_sets_of(&self, owner: &str) -> &[&'a Value] {
        self.replica_sets.get(owner).map_or(&[], Vec::as_slice)
    }

    /// The events about an object.
    #[must_use]
    pub fn events_of(&self, object: &str) -> &[&'a Value] {
        self.events.get(object).map_or(&[], Vec::as_slice)
    }

    /// The latest event about an object with one of these reasons, for which `holds`.
    pub(super) fn latest(
        &self,
        object: &str,
        reasons: &[&str],
        holds: impl Fn(&Value) -> bool,
    ) -> Option<&'a Value> {
        let events = self.events_of(object).iter().copied();
        let told = events.filter(|event| reasons.contains(&text(event, "/reason")) && holds(event));
        told.max_by_key(|event| last(event))
    }

    /// The warnings about an object, the latest first, each once.
    pub(super) fn warnings(&self, object: &str) -> Vec<String> {
        let mut warnings: Vec<&Value> = self.events_of(object).to_vec();
        warnings.retain(|event| text(event, "/type") == "Warning");
        warnings.sort_by_key(|event| std::cmp::Reverse(last(event)));
        let mut texts: Vec<String> = Vec::new();
        for text in warnings.into_iter().map(sentence) {
            if !texts.contains(&text) && texts.len() < EVENTS_MAX {
                texts.push(text);
            }
        }
        texts
    }
}

fn by_owner<'a>(objects: impl IntoIterator<Item = &'a Value>) -> HashMap<&'a str, Vec<&'a Value>> {
    let mut owned: HashMap<&str, Vec<&Value>> = HashMap::new();
    for object in objects {
        let owners = list(object, "/metadata/ownerReferences").iter();
        for owner in owners.filter(|owner| owner["controller"].as_bool() == Some(true)) {
            owned.entry(text(owner, "/uid")).or_default().push(object);
        }
    }
    // Whatever order the server sends them in, the same pod stands for the others.
    owned.values_mut().for_each(|objects| objects.sort_by_key(|object| (super::name(object), uid(object))));
    owned
}

/// An event as reason and message.
pub(super) fn sentence(event: &Value) -> String {
    one_line(&format!("{}: {}", text(event, "/reason"), text(event, "/message")), EVENT_CHARS)
}

/// When it was seen first. Who writes events has two ways to say so.
pub(super) fn first(event: &Value) -> Option<Timestamp> {
    ["/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(|pointer| time(event, pointer))
}

/// When it was seen last.
pub(super) fn last(event: &Value) -> Option<Timestamp> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"]
        .into_iter()
        .filter_map(|pointer| time(event, pointer))
        .max()
}

/// Whether an event is about this container of a pod.
pub(super) fn is_about(event: &Value, container: &str) -> bool {
    let path = text(event, "/involvedObject/fieldPath");
    path.split_once('{').is_some_and(|(_, rest)| rest.strip_suffix('}') == Some(container))
}

/// How often a container was started again.
pub(super) fn restarts(status: &Value) -> i64 {
    status.get("restartCount").and_then(number).unwrap_or(0)
}
