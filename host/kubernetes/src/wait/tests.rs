//! How one object stands, and what is said about it. The way to a cluster is tested against a real one.

use std::sync::Mutex;

use relhost_model::call::{AppliedObject, Change, LogLine};
use relhost_model::time::{Millis, Timestamp};
use serde_json::{Value, json};

use super::feed::{Source, Update};
use super::picture::Picture;
use super::target::{Standing, Target};
use crate::client::{Change as Told, Snapshot};

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl relhost_engine::port::Progress for Lines {
    fn line(&self, line: LogLine) {
        self.0.lock().unwrap().push(line.message);
    }
}

fn applied(api_version: &str, kind: &str) -> AppliedObject {
    AppliedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "web".into(),
        change: Change::Created,
        generation: None,
        uid: Some("u".into()),
    }
}

const TIMEOUT: Millis = Millis::from_secs(600);

/// A namespace in which the kind was listed, at noon by the server's clock.
fn picture(applied: &AppliedObject, object: Option<Value>) -> Picture {
    let mut picture = Picture::new(TIMEOUT);
    list(&mut picture, &Source::of(applied), object.into_iter().map(named).collect());
    picture
}

fn named(mut object: Value) -> Value {
    object["metadata"]["name"] = "web".into();
    object["metadata"]["uid"] = "u".into();
    object
}

fn list(picture: &mut Picture, source: &Source, items: Vec<Value>) {
    let date = Some(Timestamp(NOON));
    picture.take(Update::Listed(source.clone(), Snapshot { items, version: "1".into(), date }));
}

/// 2026-01-01T12:00:00Z.
const NOON: u64 = 1_767_268_800_000;

fn judged(picture: &Picture, applied: &AppliedObject) -> (Standing, Vec<String>) {
    let lines = Lines::default();
    let standing = Target::new(applied).judge(picture, &picture.scene(), &lines);
    (standing, lines.0.into_inner().unwrap())
}

fn described(standing: &Standing) -> String {
    match standing {
        Standing::Ready { note } => format!("ready {}", note.as_deref().unwrap_or_default()),
        Standing::Waiting(unready) => format!("waiting {}", unready.reason),
        Standing::Failed(causes) => format!("failed {} {}", causes[0].code.word(), causes[0].message),
    }
}

fn deployment(ready: u32) -> Value {
    json!({
        "metadata": { "generation": 1 },
        "spec": { "replicas": 3 },
        "status": {
            "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3,
            "readyReplicas": ready, "availableReplicas": ready,
        },
    })
}

#[test]
fn each_change_is_said_once() {
    let applied = applied("apps/v1", "Deployment");
    let lines = Lines::default();
    let mut target = Target::new(&applied);
    for ready in [0, 0, 1, 1, 3, 3] {
        let picture = picture(&applied, Some(deployment(ready)));
        target.judge(&picture, &picture.scene(), &lines);
    }
    assert_eq!(
        lines.0.into_inner().unwrap(),
        ["Deployment/web: 0 of 3 ready", "Deployment/web: 1 of 3 ready", "Deployment/web is ready"]
    );
}

#[test]
fn what_was_not_read_yet_is_not_gone() {
    let applied = applied("apps/v1", "Deployment");
    let (standing, lines) = judged(&Picture::new(TIMEOUT), &applied);
    assert_eq!(described(&standing), "waiting it was not read yet");
    assert!(lines.is_empty());
    let (standing, _) = judged(&picture(&applied, None), &applied);
    assert_eq!(described(&standing), "failed object-gone it is not there any more");
}

#[test]
fn an_object_of_the_same_name_is_another_one() {
    let applied = AppliedObject { uid: Some("before".into()), ..applied("apps/v1", "Deployment") };
    let (standing, _) = judged(&picture(&applied, Some(deployment(3))), &applied);
    assert_eq!(
        described(&standing),
        "failed object-gone somebody replaced it by another object of the same name"
    );
}

#[test]
fn a_job_that_is_gone_ended_as_it_was_seen_last() {
    let applied = applied("batch/v1", "Job");
    let ended = |kind: &str, spec: Value| {
        json!({
            "metadata": { "deletionTimestamp": "2026-01-01T12:00:00Z" },
            "spec": spec,
            "status": { "conditions": [{ "type": kind, "status": "True", "reason": "R" }] },
        })
    };
    let cases = [
        (ended("Complete", json!({})), "ready "),
        (ended("Failed", json!({ "ttlSecondsAfterFinished": 0 })), "failed job-failed the job failed: R"),
        (
            ended("Other", json!({ "ttlSecondsAfterFinished": 0 })),
            "ready it removed itself after it had finished; its result was not seen",
        ),
        (ended("Other", json!({})), "failed object-gone somebody deleted it before it had finished"),
    ];
    for (last, expected) in cases {
        // Told by a watch, or missed by it and found out by the next list.
        let mut watched = picture(&applied, Some(json!({})));
        watched.take(Update::Changed(Source::of(&applied), Told::Gone(named(last.clone()))));
        let mut listed = picture(&applied, Some(last.clone()));
        list(&mut listed, &Source::of(&applied), Vec::new());
        for picture in [watched, listed] {
            assert_eq!(described(&judged(&picture, &applied).0), expected);
        }
    }
}

#[test]
fn an_address_is_waited_for_and_then_missed_with_a_word() {
    let applied = applied("v1", "Service");
    let service = |ingress: Value| {
        json!({
            "spec": { "type": "LoadBalancer", "clusterIP": "10.0.0.1" },
            "status": { "loadBalancer": { "ingress": ingress } },
        })
    };
    let early = picture(&applied, Some(service(json!([])))).begun_before(Millis::from_secs(170));
    assert_eq!(described(&judged(&early, &applied).0), "waiting no address yet");
    let late = picture(&applied, Some(service(json!([])))).begun_before(Millis::from_secs(180));
    let (standing, lines) = judged(&late, &applied);
    assert_eq!(described(&standing), "ready no address after 3m; it is not waited for any longer");
    assert_eq!(lines, ["Service/web: no address after 3m; it is not waited for any longer"]);
    let there = picture(&applied, Some(service(json!([{ "hostname": "web.example" }]))));
    assert_eq!(judged(&there, &applied).1, ["Service/web has the address web.example"]);
}

#[test]
fn a_deadline_from_before_the_wait_may_be_mended() {
    let applied = applied("apps/v1", "Deployment");
    let exceeded = |at: &str| {
        let mut object = deployment(0);
        object["status"]["conditions"] = json!([{
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "lastTransitionTime": at,
        }]);
        picture(&applied, Some(object))
    };
    let before = "2026-01-01T11:00:00Z";
    let failed = "failed progress-deadline no progress within its deadline: 0 of 3 ready";
    let (standing, _) = judged(&exceeded(before), &applied);
    assert_eq!(described(&standing), "waiting no progress within its deadline: 0 of 3 ready");
    let (standing, _) = judged(&exceeded(before).begun_before(Millis::from_secs(60)), &applied);
    assert_eq!(described(&standing), failed);
    let (standing, _) = judged(&exceeded("2026-01-01T12:00:01Z"), &applied);
    assert_eq!(described(&standing), failed);
}

#[test]
fn a_claim_that_waits_for_a_pod_is_not_waited_for() {
    let applied = applied("v1", "PersistentVolumeClaim");
    let mut picture = picture(&applied, Some(json!({ "status": { "phase": "Pending" } })));
    assert_eq!(described(&judged(&picture, &applied).0), "waiting no volume is bound yet");
    let event = json!({
        "metadata": { "name": "e" }, "reason": "WaitForFirstConsumer", "involvedObject": { "uid": "u" },
    });
    list(&mut picture, &Source::new("v1", "Event"), vec![event]);
    assert_eq!(described(&judged(&picture, &applied).0), "ready its volume is bound when a pod uses it");
}

#[test]
fn a_wait_that_is_shorter_than_a_deadline_is_warned_of() {
    let applied = applied("apps/v1", "Deployment");
    let patient = |ready: u32, seconds: u64| {
        let mut object = deployment(ready);
        object["spec"]["progressDeadlineSeconds"] = seconds.into();
        judged(&picture(&applied, Some(object)), &applied).1
    };
    assert_eq!(patient(2, 600), ["Deployment/web: 2 of 3 ready"]);
    let warning = "Deployment/web may take 601 s by its progressDeadlineSeconds; it is waited for 10m";
    assert_eq!(patient(2, 601), [warning, "Deployment/web: 2 of 3 ready"]);
    // Nobody needs to know once it does not matter any more.
    assert_eq!(patient(3, 601), ["Deployment/web is ready"]);
}
