//! The rules by kind, as tables: one file per kind in `cases/`.

use relhost_model::call::Change;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Table {
    api_version: String,
    kind: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    /// The generation that the apply returned.
    #[serde(default)]
    applied: Option<i64>,
    object: Value,
    expect: Expected,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Expected {
    Ready,
    Noted(String),
    Progressing(String),
    Failed { code: String, message: String },
}

impl From<Readiness> for Expected {
    fn from(readiness: Readiness) -> Self {
        match readiness {
            Readiness::Ready { note: None } => Self::Ready,
            Readiness::Ready { note: Some(note) } => Self::Noted(note),
            Readiness::Progressing { reason } => Self::Progressing(reason),
            Readiness::Failed(cause) => {
                Self::Failed { code: cause.code.word().into(), message: cause.message }
            }
        }
    }
}

fn applied(api_version: &str, kind: &str, generation: Option<i64>) -> AppliedObject {
    AppliedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "web".into(),
        change: Change::Configured,
        generation,
        uid: None,
    }
}

fn run(text: &str) {
    let table: Table = serde_json::from_str(text).expect("the table can be read");
    for case in table.cases {
        let applied = applied(&table.api_version, &table.kind, case.applied);
        let found = Expected::from(readiness(&case.object, &applied));
        assert_eq!(found, case.expect, "{} {}: {}", table.api_version, table.kind, case.name);
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

tables!(
    deployment,
    stateful_set,
    daemon_set,
    replica_set,
    replication_controller,
    pod,
    job,
    claim,
    service,
    definition,
    autoscaler,
    custom,
    gateway,
    certificate,
    rollout,
    namespace,
);

#[test]
fn what_has_no_status_is_ready_as_soon_as_it_exists() {
    let kinds = [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("batch/v1", "CronJob"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "Role"),
    ];
    for (api_version, kind) in kinds {
        let applied = applied(api_version, kind, None);
        assert!(has_no_status(&applied), "{kind}");
        assert_eq!(readiness(&json!({}), &applied), Readiness::Ready { note: None }, "{kind}");
    }
    assert!(!has_no_status(&applied("apps/v1", "Deployment", None)));
    // A kind of the same name in another group is another kind.
    assert!(!has_no_status(&applied("example.com/v1", "Secret", None)));
}

#[test]
fn what_is_being_deleted_is_not_ready_whatever_its_status_says() {
    let object = json!({
        "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
        "status": { "phase": "Succeeded" },
    });
    let found = readiness(&object, &applied("v1", "Pod", None));
    assert_eq!(found, Readiness::Progressing { reason: "it is being deleted".into() });
}

#[test]
fn nobody_waits_for_the_address_of_an_ingress() {
    let found = readiness(&json!({}), &applied("networking.k8s.io/v1", "Ingress", None));
    assert_eq!(found, Readiness::Ready { note: None });
}

#[test]
fn an_address_is_an_ip_or_a_host_name() {
    let service = |ingress: Value| json!({ "status": { "loadBalancer": { "ingress": ingress } } });
    assert_eq!(address(&service(json!([{ "ip": "192.0.2.1", "hostname": "a.example" }]))), Some("192.0.2.1"));
    assert_eq!(address(&service(json!([{}, { "hostname": "a.example" }]))), Some("a.example"));
    assert_eq!(address(&service(json!([]))), None);
    assert_eq!(address(&json!({})), None);
}

#[test]
fn a_claim_that_waits_for_a_pod_is_known_by_its_events_or_its_node() {
    let event = json!({ "reason": "WaitForFirstConsumer" });
    let other = json!({ "reason": "ProvisioningFailed" });
    let scheduled =
        json!({ "metadata": { "annotations": { "volume.kubernetes.io/selected-node": "node-1" } } });
    assert!(binds_later(&json!({}), [&other, &event].into_iter()));
    assert!(binds_later(&scheduled, std::iter::empty()));
    assert!(!binds_later(&json!({}), [&other].into_iter()));
}
