//! The manifest reader: what it reads can be put into a path, is normalised once and for all, and is confined.

use relhost_engine::port::cluster::Manifest;
use relhost_kubernetes::manifest::read;
use relhost_kubernetes::object::{Object, is_name};
use relhost_kubernetes::policy::{Rules, confine};
use relhost_model::yaml::{ManifestBudget, documents};

/// Stands in seeds for the value of a secret.
const CANARY: &str = "hunter2canary";

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    says_nothing_of_a_secret(text);
    match objects(text) {
        Err(error) => assert_eq!(error.code, "invalid-manifest"),
        Ok(objects) => {
            objects.iter().for_each(leads_nowhere_else);
            objects.iter().for_each(is_normalised);
            is_confined(objects);
        }
    }
}

pub(crate) fn objects(text: &str) -> Result<Vec<Object>, relhost_model::call::CallError> {
    read(&[Manifest { path: "app/a.yaml".into(), text: text.to_owned() }])
}

/// A problem of a text that must not be shown has not a word of it.
fn says_nothing_of_a_secret(text: &str) {
    let budget = ManifestBudget { show_source: false, ..ManifestBudget::default() };
    if let Err(problems) = documents(text, &budget) {
        let shown = problems.render();
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

fn leads_nowhere_else(object: &Object) {
    for part in [object.group(), object.kind(), object.name()] {
        assert!(part.is_empty() || is_name(part), "{part:?} leads elsewhere");
    }
    assert!(!object.kind().is_empty() && !object.name().is_empty(), "{object:?} cannot be named");
    assert!(object.api_version().matches('/').count() <= 1, "{object:?} has a path for a version");
}

/// Applied again from what a cluster was sent, it is the same.
fn is_normalised(object: &Object) {
    let again = objects(&object.body.to_string()).expect("what was read can be read again");
    let bodies: Vec<_> = again.iter().map(|object| &object.body).collect();
    assert_eq!(bodies, [&object.body], "read again it is another one");
}

fn is_confined(mut objects: Vec<Object>) {
    let (kinds, cluster_kinds) = (Vec::new(), vec!["ClusterRole".to_owned()]);
    let rules = Rules { namespace: "dev", kinds: &kinds, cluster_kinds: &cluster_kinds };
    match confine(&mut objects, rules) {
        Err(error) => {
            assert!(["kind-denied", "namespace-denied"].contains(&error.code.as_str()), "{error:?}")
        }
        Ok(()) => {
            for object in objects.iter().filter(|object| !rules.allows_in_cluster(object)) {
                assert_eq!(object.namespace(), Some("dev"), "{}", object.title());
            }
        }
    }
}
