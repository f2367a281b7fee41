//! Every sample pipeline, rehearsed from its first to its last stage by the real binary.

use std::time::Duration;

use relhost_tests::program::{Place, Running};
use relhost_tests::wait::until;
use serde_json::Value;

/// A whole rehearsal, on a busy machine: components are compiled, and four stages are a few commits each.
const REHEARSAL: Duration = Duration::from_secs(240);

/// Approves whatever is open, as the first person who may, until the release has ended.
fn vote(place: &Place, running: Running) -> relhost_tests::program::Ended {
    let mut running = Some(running);
    let mut voted = Vec::new();
    until("the end of the release", REHEARSAL, || {
        if let Some(ended) = running.take_if(Running::has_ended) {
            return Some(ended.end(Duration::from_secs(10)));
        }
        let list = place.run(&["approval", "list", "-o", "json", "--state", "state"]);
        let Ok(Value::Array(open)) = serde_json::from_str(&list.stdout) else { return None };
        for approval in open {
            let id = approval["id"].as_str().unwrap_or_default().to_owned();
            let person = approval["asked"][0].as_str().unwrap_or_default().to_owned();
            if !voted.contains(&id) {
                place.run(&["approval", "approve", &id, "--as", &person, "--state", "state"]).expect(0);
                voted.push(id);
            }
        }
        None
    })
}

fn rehearse(name: &str, arguments: &[&str]) -> (Place, relhost_tests::program::Ended) {
    let place = Place::new();
    place.copy(&format!("pipelines/{name}"), name);
    let pipeline = format!("{name}/pipeline.yaml");
    let mut all = vec!["run", &pipeline, "--rehearse", "--state", "state", "--listen", "127.0.0.1:0"];
    all.extend(arguments);
    let running = place.start(&all, &[]);
    let ended = vote(&place, running);
    (place, ended)
}

fn states(place: &Place) -> Vec<(String, Value)> {
    let release = place.run(&["release", "get", "latest", "-o", "json", "--state", "state"]).expect(0).json();
    let stages = release["row"]["summary"]["stages"].as_array().expect("stages").clone();
    stages
        .into_iter()
        .map(|s| (s["stage"].as_str().unwrap_or_default().to_owned(), s["state"].clone()))
        .collect()
}

fn succeeded() -> Value {
    serde_json::json!({ "finished": "succeeded" })
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_seed_pipeline_goes_from_dev_to_prod() {
    let (place, ended) = rehearse("aks-release", &["--to", "Prod"]);
    let ended = ended.expect(0);
    for (stage, state) in states(&place) {
        assert_eq!(state, succeeded(), "{stage}\n{}", ended.stderr);
    }
    // LoadBalancer addresses are printed, and every line of what happened is labelled.
    let addresses = ended.stderr.matches("address.app1-nginx-loadbalancer-service = 203.0.113.").count();
    assert_eq!(addresses, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("[rehearsal]"), "{}", ended.stderr);
    let mails = std::fs::read_dir(place.path().join("state/outbox")).expect("an outbox").count();
    assert!(mails >= 6, "{mails} mails for three approvals of two to four people each");
    let replay = ["release", "replay", "latest", "--state", "state", "--config", "aks-release/relhost.yaml"];
    place.run(&replay).expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn prod_waits_for_promotion() {
    let (place, ended) = rehearse("aks-release", &[]);
    let ended = ended.expect(0);
    assert_eq!(states(&place)[3], ("Prod".to_owned(), Value::from("manual")));
    assert!(ended.stderr.contains("relhost release promote rel-1 --stage Prod"), "{}", ended.stderr);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_smallest_pipeline_runs_alone() {
    let (place, ended) = rehearse("hello", &[]);
    ended.expect(0);
    assert!(states(&place).iter().all(|(_, state)| *state == succeeded()));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_same_release_is_not_made_twice() {
    let (place, ended) = rehearse("hello", &[]);
    ended.expect(0);
    let again = place.run(&["run", "hello/pipeline.yaml", "--rehearse", "--state", "state"]).expect(0);
    assert!(again.stderr.contains("it exists"), "{}", again.stderr);
    let releases = place.run(&["release", "list", "-o", "json", "--state", "state"]).expect(0).json();
    assert_eq!(releases.as_array().map(Vec::len), Some(1));
    place.run(&["run", "hello/pipeline.yaml", "--rehearse", "--new", "--state", "state"]).expect(0);
    let releases = place.run(&["release", "list", "-o", "json", "--state", "state"]).expect(0).json();
    assert_eq!(releases.as_array().map(Vec::len), Some(2));
}
