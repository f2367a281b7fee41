//! What a release says about itself, as its commands print it.

use relhost_model::call::effect_key;
use relhost_model::id::RunUuid;
use serde_json::{Map, Value, json};

use crate::program::Place;

/// A call of a stage's code that reaches outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The stage.
    pub stage: String,
    /// Its index in program order.
    pub ordinal: u32,
    /// For example `relhost:deploy/deploy@0#deploy`.
    pub operation: String,
    /// The key that its requests carry, hexadecimal.
    pub key: String,
}

/// What the apply of the shop that `init` writes would have answered, for somebody who attests it.
#[must_use]
pub fn shop_applied() -> Value {
    let applied = |api_version: &str, kind: &str| {
        json!({
            "api_version": api_version, "kind": kind, "name": "shop-web", "change": "created",
            "generation": null, "uid": null
        })
    };
    let objects = [applied("apps/v1", "Deployment"), applied("v1", "Service")];
    json!({ "deployed": { "id": "seen", "objects": objects, "warnings": [] } })
}

/// Every call that the journals of a release hold an intent of, in order. Resuming never adds one twice.
///
/// # Panics
/// If the journal cannot be read.
#[must_use]
pub fn calls(place: &Place, release: &str) -> Vec<Call> {
    let runs = place.run(&["release", "journal", release, "-o", "json"]).expect(0).json();
    let mut calls = Vec::new();
    for run in runs.as_array().expect("runs") {
        let frames = run["frames"].as_array().expect("frames").iter();
        let records: Vec<&Value> = frames.flat_map(|frame| frame[2].as_array().expect("records")).collect();
        let start = records.first().expect("a run begins with its start");
        let uuid: RunUuid = serde_json::from_value(start["start"]["uuid"].clone()).expect("a run has a uuid");
        for record in records.iter().filter(|record| record["record"] == "intent") {
            let ordinal = record["ordinal"].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
            calls.push(Call {
                stage: text(&run["stage"]),
                ordinal,
                operation: text(&record["operation"]),
                key: effect_key(uuid, 0, ordinal).hex(),
            });
        }
    }
    calls
}

/// What the stages of a release came to: per stage and attempt its status, its outputs and its failure.
///
/// # Panics
/// If the release cannot be read.
#[must_use]
pub fn results(place: &Place, release: &str) -> Vec<Value> {
    let release = place.run(&["release", "get", release, "-o", "json"]).expect(0).json();
    let events = release["events"].as_array().expect("events");
    let stages: Map<String, Value> = events
        .iter()
        .filter(|event| event["event"] == "deployment-requested")
        .map(|event| (event["deployment"].to_string(), json!([event["stage"], event["attempt"]])))
        .collect();
    let finished = events.iter().filter(|event| event["event"] == "run-finished");
    finished
        .map(|event| {
            json!({
                "stage": stages[&event["deployment"].to_string()][0],
                "attempt": stages[&event["deployment"].to_string()][1],
                "status": event["status"],
                "outputs": event["outputs"],
                "failure": event["failure"],
            })
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
