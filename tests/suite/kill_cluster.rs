//! The real binary is killed while it works on the real control plane, and resumed. The audit log says that
//! every effect happened, at most doubled and then under the same key; the objects, the journal and the
//! results are those of a run that nobody killed.

use std::ffi::OsStr;
use std::sync::OnceLock;

use relhost_tests::audit::Request;
use relhost_tests::journal::{calls, results};
use relhost_tests::manifest::{deployment, service};
use relhost_tests::program::{Running, kill_binary};
use relhost_tests::shop::{Plan, RUN, Shop};
use relhost_tests::wait::until;
use relhost_tests::wire::Wire;
use serde_json::{Value, json};

/// The objects that the stage applies, in order, each with the call that does it.
const EFFECTS: [(&str, &str); 3] =
    [("secrets/pull", "#docker-registry"), ("services/web", "#deploy"), ("deployments/web", "#deploy")];
const REGISTRY: &str =
    "registries: { company: { server: registry.example, user: u, password: { file: keys/company } } }";
const PULL_SECRET: &str = "pull-secret: { name: pull, registry: company }";
const RUN_IT: [&str; 2] = ["run", "pipeline.yaml"];

fn shop(plan: &Plan<'_>) -> Shop {
    let manifests = deployment("web", "registry.example/shop:1", 2, "") + &service("web", "LoadBalancer");
    let plan = Plan { binary: kill_binary(), operator: REGISTRY, ..plan.clone() };
    let shop = Shop::planned(&manifests, &plan);
    let _password = shop.place.write("keys/company", "a-registry-password");
    shop
}

/// Secret, deploy, wait: no approval.
fn straight() -> Shop {
    let with = format!("{{ manifests: [manifests], timeout: 10m, {PULL_SECRET} }}");
    shop(&Plan { with: &with, ..Plan::default() })
}

/// Starts the binary so that it dies at a point, and checks that it did.
fn dies(shop: &Shop, arguments: &[&str], point: &str) {
    let killed = shop.place.start(arguments, &[("RELHOST_KILL", OsStr::new(point))]).end(RUN);
    assert_eq!(killed.code, None, "{point} was not reached\n{}", killed.stderr);
}

/// How often each effect happened. Every one was made for its call, as the key in its User-Agent says.
fn happened(shop: &Shop) -> [usize; 3] {
    let calls = calls(&shop.place, "rel-1");
    let effects = shop.audit.effects_of(&shop.dev.account.user);
    for effect in &effects {
        let known = EFFECTS.iter().find(|(object, _)| *object == effect.object());
        let (_, operation) = known.unwrap_or_else(|| panic!("nobody asked for {effect:?}"));
        let call = calls.iter().find(|call| call.operation.ends_with(operation));
        let key = &call.expect("its intent is in the journal").key;
        assert!(effect.agent.contains(key.as_str()), "{effect:?} has not the key {key}");
    }
    EFFECTS.map(|(object, _)| effects.iter().filter(|effect| effect.object() == object).count())
}

/// What must be the same however often the host was killed.
fn outcome(shop: &Shop) -> Value {
    let objects = [("secret", "pull"), ("service", "web"), ("deployment", "web")]
        .map(|(kind, name)| comparable(shop.dev.namespace.get(kind, name)));
    let mut results = results(&shop.place, "rel-1");
    for result in &mut results {
        let address = result["outputs"]["address.web"].take();
        assert!(address.is_string(), "the load balancer has an address: {result}");
    }
    let calls = calls(&shop.place, "rel-1");
    let calls: Vec<Value> = calls.iter().map(|call| json!([call.ordinal, call.operation])).collect();
    let _verified = shop.place.run(&["release", "replay", "rel-1"]).expect(0);
    json!({ "objects": objects, "results": results, "calls": calls })
}

/// Without what is another one in another namespace or at another time. The generation stays: an apply that
/// is made again must not look like a change.
fn comparable(mut object: Value) -> Value {
    let managers = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let managers = managers.iter().map(|entry| json!([entry["manager"], entry["operation"]]));
    let managers: Vec<Value> = managers.collect();
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    for field in ["uid", "resourceVersion", "creationTimestamp", "namespace", "managedFields"] {
        let _removed = metadata.remove(field);
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        let _cluster_ip = (spec.remove("clusterIP"), spec.remove("clusterIPs"));
    }
    if let Some(ports) = object["spec"]["ports"].as_array_mut() {
        for port in ports {
            let _given = port.as_object_mut().expect("a port").remove("nodePort");
        }
    }
    let _status = object.as_object_mut().expect("an object").remove("status");
    json!({ "object": object, "managers": managers })
}

/// The outcome of a run that nobody killed.
fn uninterrupted() -> &'static Value {
    static OUTCOME: OnceLock<Value> = OnceLock::new();
    OUTCOME.get_or_init(|| {
        let shop = straight();
        let _ended = shop.ends(&RUN_IT).expect(0);
        assert_eq!(happened(&shop), [1, 1, 1]);
        outcome(&shop)
    })
}

/// Kills at a point, resumes, and compares: what had happened before the resume, and in the end.
fn resumed(point: &str, before: [usize; 3], in_the_end: [usize; 3]) {
    let shop = straight();
    dies(&shop, &RUN_IT, point);
    assert_eq!(happened(&shop), before, "{point}");
    let _ended = shop.resume().expect(0);
    assert_eq!(happened(&shop), in_the_end, "{point}");
    assert_eq!(outcome(&shop), *uninterrupted(), "{point}");
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k04_killed_before_an_intent_is_durable_only_the_call_before_is_made_again() {
    // The outcome of a call and the intent of the next one share a commit.
    resumed("session.before-intent:1", [0, 0, 0], [1, 1, 1]);
    resumed("session.before-intent:2", [1, 0, 0], [2, 1, 1]);
    resumed("session.before-intent:3", [1, 1, 1], [1, 2, 2]);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k06_killed_after_an_intent_the_call_is_made_once() {
    resumed("session.after-intent:1", [0, 0, 0], [1, 1, 1]);
    resumed("session.after-intent:2", [1, 0, 0], [1, 1, 1]);
    resumed("session.after-intent:3", [1, 1, 1], [1, 1, 1]);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k09_killed_between_an_effect_and_its_outcome_it_is_made_again_under_the_same_key() {
    resumed("session.after-effect:1", [1, 0, 0], [2, 1, 1]);
    resumed("session.after-effect:2", [1, 1, 1], [1, 2, 2]);
    resumed("session.after-effect:3", [1, 1, 1], [1, 1, 1]);
}

/// The same shop at the end of a line that holds back the answers as soon as the control plane has answered this.
fn distant(stop: impl Fn(&[Request]) -> bool + Send + 'static) -> (Shop, Wire) {
    let shop = straight();
    let plane = shop.dev.namespace.plane();
    let (audit, user) = (shop.audit.clone(), shop.dev.account.user.clone());
    let wire = Wire::to(plane, move || stop(&audit.of(&user)));
    shop.place.edit("keys/dev.kubeconfig", &plane.server, &wire.url);
    (shop, wire)
}

/// Whether an object was dry-run.
fn asked(requests: &[Request], object: &str) -> bool {
    requests.iter().any(|request| request.object() == object && request.uri.contains("dryRun="))
}

/// Whether an object was applied.
fn applied(requests: &[Request], object: &str) -> bool {
    requests.iter().any(|request| request.object() == object && request.is_effect())
}

/// Goes on without the line, and compares.
fn goes_on(shop: &Shop, wire: Wire, in_the_end: [usize; 3]) {
    shop.place.edit("keys/dev.kubeconfig", &wire.url, &shop.dev.namespace.plane().server);
    drop(wire);
    let _ended = shop.resume().expect(0);
    assert_eq!(happened(shop), in_the_end);
    assert_eq!(outcome(shop), *uninterrupted());
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k07_a_request_that_arrives_after_its_sender_died_and_its_repetition_are_one() {
    // The last questions before the apply: the host does not have every answer yet.
    let (shop, wire) =
        distant(|requests| asked(requests, "services/web") && asked(requests, "deployments/web"));
    let running = shop.place.start(&RUN_IT, &[]);
    wire.answers.wait_until_held();
    wire.requests.hold();
    wire.answers.let_go();
    wire.requests.wait_until_held();
    assert_eq!(happened(&shop), [1, 0, 0], "what is on the wire has not arrived");
    let _said = running.kill();
    wire.requests.let_go();
    until("the apply of somebody who is dead", RUN, || {
        applied(&shop.audit.of(&shop.dev.account.user), "services/web").then_some(())
    });
    goes_on(&shop, wire, [1, 2, 1]);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k08_an_effect_whose_answer_was_lost_is_found_and_adopted() {
    let (shop, wire) = distant(|requests| applied(requests, "services/web"));
    let running = shop.place.start(&RUN_IT, &[]);
    wire.answers.wait_until_held();
    let _said = running.kill();
    assert_eq!(happened(&shop), [1, 1, 0]);
    goes_on(&shop, wire, [1, 2, 1]);
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k32_a_host_that_was_stopped_in_good_order_has_not_died() {
    let (shop, wire) = distant(|_requests| false);
    wire.requests.hold();
    let trace = shop.place.path().join("trace");
    // More often than a run may outlive its owners without any progress.
    for stops in 1..=5 {
        let running = shop.place.start(&RUN_IT, &[("RELHOST_KILL_TRACE", trace.as_os_str())]);
        until("the call under way", RUN, || {
            let reached = std::fs::read_to_string(&trace).unwrap_or_default();
            (reached.matches("point session.after-intent").count() == stops).then_some(())
        });
        running.interrupt();
        let _stopped = running.end(RUN).expect(130);
    }
    goes_on(&shop, wire, [1, 1, 1]);
}

/// Starts the binary with a page, so that it waits for people instead of ending.
fn waits(shop: &Shop, arguments: &[&str], environment: &[(&str, &OsStr)]) -> Running {
    shop.place.start(&[arguments, &["--listen", "127.0.0.1:0"]].concat(), environment)
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k12_killed_while_it_is_suspended_nothing_is_made_again() {
    let with =
        format!("{{ manifests: [manifests], rollout-timeout: 10m, approvers: [tester], {PULL_SECRET} }}");
    let shop = shop(&Plan {
        plugin: "{ bundled: confirm-after-deploy }",
        with: &with,
        environment: ", requester-may-approve: true",
        ..Plan::default()
    });
    let mut waiting = waits(&shop, &RUN_IT, &[]);
    waiting.wait_for("apr-1 asks for approval");
    let _said = waiting.kill();
    assert_eq!(happened(&shop), [1, 1, 1]);

    let mut resumed = waits(&shop, &["resume"], &[]);
    resumed.wait_for("apr-1");
    let _voted = shop.place.run(&["approval", "approve", "apr-1"]).expect(0);
    let _ended = resumed.end(RUN).expect(0);
    assert_eq!(happened(&shop), [1, 1, 1]);
    assert_eq!(outcome(&shop)["objects"], uninterrupted()["objects"]);
}

/// A release whose effects wait for one vote.
fn gated() -> Shop {
    let with = format!("{{ manifests: [manifests], timeout: 10m, {PULL_SECRET} }}");
    shop(&Plan {
        with: &with,
        stage: "approval: { before: { policy: any-one, approvers: [tester] } }",
        environment: ", requester-may-approve: true",
        ..Plan::default()
    })
}

fn votes(shop: &Shop) -> (usize, bool) {
    let row = shop.place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    (row["votes"].as_array().map_or(0, Vec::len), !row["decision"].is_null())
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k14_a_vote_whose_voter_dies_has_its_effect_once() {
    let shop = gated();
    let _waits = shop.ends(&[&RUN_IT[..], &["--no-input"]].concat()).expect(10);
    dies(&shop, &["approval", "approve", "apr-1"], "approval.after-close:1");
    assert_eq!(votes(&shop), (1, true));
    assert_eq!(shop.audit.effects_of(&shop.dev.account.user), [], "nobody runs it");
    let _ended = shop.resume().expect(0);
    assert_eq!(happened(&shop), [1, 1, 1]);
    assert_eq!(outcome(&shop), *uninterrupted());
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn k14_a_vote_whose_host_dies_has_its_effect_once() {
    let shop = gated();
    let point = OsStr::new("approval.after-close:1");
    let mut owner = waits(&shop, &RUN_IT, &[("RELHOST_KILL", point)]);
    owner.wait_for("apr-1 asks for approval");
    let vote = shop.place.run(&["approval", "approve", "apr-1"]);
    assert_ne!(vote.code, Some(0), "nobody was left to say that it counts: {}", vote.stdout);
    assert_eq!(owner.end(RUN).code, None);
    assert_eq!(votes(&shop), (1, true));
    let _again = shop.place.run(&["approval", "approve", "apr-1"]).expect(7);
    assert_eq!(shop.audit.effects_of(&shop.dev.account.user), []);
    let _ended = shop.resume().expect(0);
    assert_eq!(happened(&shop), [1, 1, 1]);
    assert_eq!(outcome(&shop), *uninterrupted());
}
