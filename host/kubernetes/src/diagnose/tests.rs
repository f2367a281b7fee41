//! Causes as tables: one file per subject in `cases/`. Where a case leaves out a field of a cause, it does not
//! matter there.

use relhost_model::call::Change;
use relhost_model::time::Millis;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::status::field::time;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    kind: Option<String>,
    object: Value,
    #[serde(default)]
    replica_sets: Vec<Value>,
    #[serde(default)]
    pods: Vec<Value>,
    #[serde(default)]
    events: Vec<Value>,
    /// When the wait began; 12:00:00 if it does not say.
    #[serde(default)]
    started: Option<String>,
    now: String,
    #[serde(default)]
    certain: Vec<Expected>,
    #[serde(default)]
    suspected: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Expected {
    code: String,
    message: String,
    #[serde(default)]
    container: Option<String>,
    #[serde(default)]
    pod: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    evidence: Vec<(String, String)>,
}

/// Times in the tables are times of one day.
fn at(clock: &str) -> Timestamp {
    let text = json!({ "t": format!("2026-01-01T{clock}Z") });
    time(&text, "/t").expect("a time of day")
}

fn applied(kind: &str) -> AppliedObject {
    let api_version = match kind {
        "Job" => "batch/v1",
        "Pod" | "PersistentVolumeClaim" => "v1",
        _ => "apps/v1",
    };
    AppliedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "web".into(),
        change: Change::Created,
        generation: None,
        uid: None,
    }
}

/// Fills in what every object of the tables has: the date before a time of day, and `web-<kind>` owners.
fn completed(value: &mut Value) {
    match value {
        Value::String(text)
            if text.len() == 8 && text.as_bytes()[2] == b':' && text.as_bytes()[5] == b':' =>
        {
            *text = format!("2026-01-01T{text}Z");
        }
        Value::Object(map) => {
            if let Some(owner) = map.remove("owner") {
                map.insert("ownerReferences".into(), json!([{ "uid": owner, "controller": true }]));
            }
            map.values_mut().for_each(completed);
        }
        Value::Array(items) => items.iter_mut().for_each(completed),
        _ => {}
    }
}

fn check(case: &str, list: &str, found: &[Cause], expected: &[Expected]) {
    let brief = |cause: &Cause| format!("{}: {}", cause.code.word(), cause.message);
    let found_brief: Vec<String> = found.iter().map(brief).collect();
    let expected_brief: Vec<String> =
        expected.iter().map(|cause| format!("{}: {}", cause.code, cause.message)).collect();
    assert_eq!(found_brief, expected_brief, "{case}: {list}");
    for (cause, expected) in found.iter().zip(expected) {
        assert_eq!(cause.object.split_once('/').map(|(_, name)| name), Some("web"), "{case}");
        if expected.container.is_some() {
            assert_eq!(cause.container, expected.container, "{case}");
        }
        if expected.pod.is_some() {
            assert_eq!(cause.pod, expected.pod, "{case}");
        }
        if let Some(since) = &expected.since {
            assert_eq!(cause.since, Some(at(since)), "{case}");
        }
        for (name, value) in &expected.evidence {
            assert!(cause.facts(name).any(|fact| fact == value), "{case}: no {name} {value} in {cause:#?}");
        }
    }
}

fn diagnosed(case: &mut Case) -> Diagnosis {
    completed(&mut case.object);
    [&mut case.replica_sets, &mut case.pods, &mut case.events]
        .into_iter()
        .for_each(|list| list.iter_mut().for_each(completed));
    let started = at(case.started.as_deref().unwrap_or("12:00:00"));
    let span = Span { started, now: at(&case.now) };
    let scene = Scene::new(span, &case.pods, &case.replica_sets, &case.events);
    diagnose(&case.object, &applied(case.kind.as_deref().unwrap_or("Deployment")), &scene)
}

fn run(text: &str) {
    let cases: Vec<Case> = serde_json::from_str(text).expect("the table can be read");
    for mut case in cases {
        let found = diagnosed(&mut case);
        check(&case.name, "certain", &found.certain, &case.certain);
        check(&case.name, "suspected", &found.suspected, &case.suspected);
    }
}

macro_rules! tables {
    ($($name:ident),+ $(,)?) => { $(
        #[test]
        fn $name() {
            run(include_str!(concat!("cases/", stringify!($name), ".json")));
        }
    )+ };
}

tables!(image, config, crash, schedule, creation, readiness, revision, volume, finite);

fn cause(code: Code, object: &str, message: &str) -> Cause {
    Cause::new(code, object, message)
}

#[test]
fn a_failure_begins_with_its_root_and_holds_the_evidence() {
    let mut root = cause(Code::CrashLoop, "Deployment/web", "container `web` crashed: exit code 1");
    root.pod = Some("web-1".into());
    root.container = Some("web".into());
    root.since = Some(at("12:00:00"));
    let root = root.with("exit-code", "1").with("log", "starting\n\n  panic: no database  \nmain.main()\n");
    let other = cause(Code::NeverReady, "Deployment/api", "container `api` runs and is not ready");
    let error = failed(&[root, other]);
    assert_eq!(error.code, "crash-loop");
    assert!(!error.retryable);
    assert_eq!(
        error.message,
        "container `web` crashed: exit code 1 (Deployment/web); \
         last lines: starting | panic: no database | main.main()"
    );
    let details: Vec<(&str, &str)> =
        error.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        details,
        [
            ("object", "Deployment/web"),
            ("pod", "web-1"),
            ("container", "web"),
            ("since", "2026-01-01T12:00:00Z"),
            ("exit-code", "1"),
            ("log", "starting\n\n  panic: no database  \nmain.main()\n"),
            ("also", "Deployment/api: container `api` runs and is not ready"),
        ]
    );
}

#[test]
fn a_wait_that_is_over_says_what_is_not_ready_and_why() {
    let unready =
        |object: &str, reason: &str, causes| Unready { object: object.into(), reason: reason.into(), causes };
    let objects = [
        unready("Job/migrate", "0 of 1 succeeded", vec![]),
        unready(
            "Deployment/web",
            "1 of 3 ready",
            vec![cause(Code::NeverReady, "Deployment/web", "container `web` is not ready: probe failed")],
        ),
    ];
    let error = timed_out(Millis::from_secs(600), &objects);
    assert_eq!(error.code, "never-ready");
    assert!(error.retryable);
    assert_eq!(
        error.message,
        "container `web` is not ready: probe failed (Deployment/web); \
         not ready after 10m: Job/migrate: 0 of 1 succeeded; Deployment/web: 1 of 3 ready"
    );
    let told: Vec<&str> = error
        .details
        .iter()
        .filter(|(name, _)| name == "not-ready")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "Job/migrate: 0 of 1 succeeded",
            "Deployment/web: 1 of 3 ready: container `web` is not ready: probe failed"
        ]
    );

    let error = timed_out(Millis::from_secs(90), &objects[..1]);
    assert_eq!(error.code, "timeout");
    assert_eq!(error.message, "not ready after 90s: Job/migrate: 0 of 1 succeeded");
}

#[test]
fn a_sentence_stays_short_however_many_objects_wait() {
    let unready = |number: usize| Unready {
        object: format!("Job/{number}"),
        reason: "0 of 1 succeeded".into(),
        causes: vec![],
    };
    let error = timed_out(Millis::from_secs(60), &(0..200).map(unready).collect::<Vec<_>>());
    assert!(error.message.ends_with("Job/4: 0 of 1 succeeded; and 195 more"), "{}", error.message);
    assert_eq!(error.details.len(), 51);
}

#[test]
fn a_verdict_is_replaced_by_what_led_to_it() {
    let verdict = || cause(Code::ProgressDeadline, "Deployment/web", "no progress within its deadline");
    let image = || cause(Code::ImageNotFound, "Deployment/web", "image not found: a:1");
    let probe = || cause(Code::NeverReady, "Deployment/web", "container `web` runs and is not ready");
    let known = Diagnosis { certain: vec![probe()], suspected: vec![image()] };
    let causes = explain(verdict(), known);
    assert_eq!(
        causes.iter().map(|cause| cause.code).collect::<Vec<_>>(),
        [Code::ImageNotFound, Code::NeverReady]
    );
    assert_eq!(causes[0].facts("verdict").collect::<Vec<_>>(), ["no progress within its deadline"]);
    assert_eq!(explain(verdict(), Diagnosis::default()), [verdict()]);
}
