//! Policies are pure functions under fuel. Whatever goes wrong in one has a name, and the gate stays closed.

use std::collections::BTreeMap;

use relhost_model::actor::Actor;
use relhost_model::approval::{Asked, PolicyDecision, PolicyInput, Requirement, Verdict, Vote};
use relhost_model::call::CallError;
use relhost_model::config::Allow;
use relhost_model::digest::Digest;
use relhost_model::id::{EnvironmentName, GroupName, PipelineName, StageName};
use relhost_model::release::PluginKind;
use relhost_model::time::Timestamp;
use relhost_runtime::Sandbox;

use crate::fixture::{LOG, policy, stage};
use crate::host::{built, detail, name, person, register, sandbox};

/// 2026-11-24, a Tuesday, at 10:00 UTC.
const TUESDAY: u64 = 1_795_514_400_000;
const HOUR: u64 = 3_600_000;

/// What a policy is asked: `ann:qa,ops` is Ann through two groups.
fn input(asked: &[&str], votes: &[&str], settings: serde_json::Value) -> PolicyInput {
    let asked = asked.iter().map(|text| {
        let (who, groups) = text.split_once(':').unwrap_or((text, ""));
        let groups = groups.split(',').filter(|group| !group.is_empty());
        Asked { person: person(who), groups: groups.map(|group| GroupName::new(group).unwrap()).collect() }
    });
    let votes = (1u64..).zip(votes).map(|(minute, who)| Vote {
        voter: Actor::Person(person(who)),
        approve: true,
        comment: String::new(),
        at: Timestamp(TUESDAY - HOUR + minute * 60_000),
        via: "socket".into(),
    });
    PolicyInput {
        pipeline: PipelineName::new("shop").unwrap(),
        stage: StageName::new("Prod").unwrap(),
        environment: EnvironmentName::new("prod").unwrap(),
        attempt: 1,
        requester: Actor::Person(person("rob")),
        approvers: asked.collect(),
        votes: votes.collect(),
        opened_at: Timestamp(TUESDAY - HOUR),
        now: Timestamp(TUESDAY),
        settings,
        facts: BTreeMap::new(),
    }
}

fn evaluate(sandbox: &Sandbox, component: &[u8], input: &PolicyInput) -> Result<(Verdict, u64), CallError> {
    let plugin = sandbox.register(&name("fixture"), component, PluginKind::Policy, &Allow::default());
    sandbox.evaluate(&plugin.unwrap_or_else(|error| panic!("{error}")), input)
}

fn nothing() -> PolicyInput {
    input(&["ann"], &[], serde_json::json!({}))
}

/// The error of a policy that runs `body`: always of the same code, with what happened beside it.
fn fault(imports: &str, body: &str) -> CallError {
    let error = evaluate(&sandbox(), &policy(imports, body), &nothing()).unwrap_err();
    assert_eq!(error.code, "policy-error", "{error:?}");
    assert!(error.message.starts_with("plugin `fixture` ("), "{}", error.message);
    assert_eq!(detail(&error, "plugin"), "fixture");
    assert!(!detail(&error, "component").is_empty());
    error
}

#[test]
fn a_verdict_and_its_fuel_are_the_same_everywhere() {
    let body = "(local.set $n (i32.const 1000))
        (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n)))";
    let component = policy("", body);
    let one = evaluate(&sandbox(), &component, &nothing()).unwrap();
    let other = evaluate(&sandbox(), &component, &nothing()).unwrap();
    assert_eq!(one, other);
    assert!(one.1 > 4000, "{}", one.1);
    let approved = Verdict { decision: PolicyDecision::Approve, reasons: Vec::new(), recheck_at: None };
    assert_eq!(one.0, approved);
}

#[test]
fn a_loop_runs_out_of_fuel() {
    let error = fault("", "(loop $l (br $l))");
    assert_eq!((detail(&error, "cause"), detail(&error, "budget")), ("budget-exceeded", "fuel"));
    assert_eq!(detail(&error, "limit"), "50000000 units");
    assert!(error.message.contains("it used up its fuel; the limit is 50000000 units"), "{}", error.message);
}

#[test]
fn what_is_called_by_reference_costs_its_fuel() {
    // Ten calls of a loop that takes more than 4,000 units.
    let work = "(type $f (func)) (elem declare func $work) (func $work (local $n i32)
        (local.set $n (i32.const 1000))
        (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n))))";
    let body = "(local.set $n (i32.const 10))
        (loop $l (call_ref $f (ref.func $work))
          (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n)))";
    let (_, fuel) = evaluate(&sandbox(), &policy(work, body), &nothing()).unwrap();
    assert!(fuel > 40_000, "{fuel}");
}

#[test]
fn a_trap_is_named() {
    let error = fault("", "(unreachable)");
    assert_eq!(detail(&error, "cause"), "guest-panic");
    let error = fault("", "(drop (i32.load (i32.const -4)))");
    assert_eq!(detail(&error, "cause"), "guest-fault");
    let error = fault("", "(drop (i32.div_u (i32.const 1) (local.get $n)))");
    assert!(error.message.contains("integer divide by zero"), "{}", error.message);
}

#[test]
fn a_memory_bomb_is_refused() {
    let error = fault("", "(loop $l (drop (memory.grow (i32.const 16))) (br $l))");
    assert_eq!((detail(&error, "budget"), detail(&error, "limit")), ("memory", "32 MiB"));
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let body = "(loop $l (call $log (i32.const 1) (i32.const 2048) (i32.const 5) (i32.const 0) (i32.const 0)) (br $l))";
    let error = fault(LOG, body);
    assert_eq!((detail(&error, "budget"), detail(&error, "limit")), ("calls", "10000 calls per activation"));
}

#[test]
fn a_verdict_that_is_none_is_a_fault() {
    // A decision that the contract does not have.
    let error = fault("", "(i32.store8 (i32.const 1032) (i32.const 9))");
    assert_eq!(detail(&error, "cause"), "guest-fault");
    // Reasons that lie nowhere.
    let error =
        fault("", "(i32.store (i32.const 1044) (i32.const -16)) (i32.store (i32.const 1048) (i32.const 1))");
    assert_eq!(detail(&error, "cause"), "guest-fault");
}

#[test]
fn a_verdict_that_is_too_large_is_a_fault() {
    // 100 reasons of 4,000 bytes.
    let body = "(local.set $p (i32.const 8192))
        (loop $l
            (i32.store (local.get $p) (i32.const 16384))
            (i32.store offset=4 (local.get $p) (i32.const 4000))
            (i32.store8 (i32.add (i32.const 16384) (local.get $n)) (i32.const 97))
            (local.set $p (i32.add (local.get $p) (i32.const 8)))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
        (memory.fill (i32.const 16384) (i32.const 97) (i32.const 4000))
        (i32.store (i32.const 1044) (i32.const 8192)) (i32.store (i32.const 1048) (i32.const 100))";
    let error = fault("", body);
    assert!(error.message.contains("the limit is 262144"), "{}", error.message);
}

#[test]
fn a_verdict_that_makes_no_sense_is_a_fault() {
    let recheck = |at: u64| {
        format!("(i32.store8 (i32.const 1056) (i32.const 1)) (i64.store (i32.const 1064) (i64.const {at}))")
    };
    let error = fault("", &recheck(TUESDAY));
    assert!(
        error.message.contains("to be asked again at 2026-11-24T10:00:00Z, and it is that late"),
        "{}",
        error.message
    );
    // In a moment is later than that: it would be asked without end.
    for (asked, kept) in [(1, 1000), (5000, 5000)] {
        let later = evaluate(&sandbox(), &policy("", &recheck(TUESDAY + asked)), &nothing()).unwrap();
        assert_eq!(later.0.recheck_at, Some(Timestamp(TUESDAY + kept)));
    }
    // One requirement, of nobody.
    let need = |count: u32| {
        format!(
            "(i32.store8 (i32.const 1032) (i32.const 2))
            (i32.store (i32.const 1036) (i32.const 8192)) (i32.store (i32.const 1040) (i32.const 1))
            (i32.store (i32.const 8192) (i32.const 2048)) (i32.store (i32.const 8196) (i32.const 5))
            (i32.store (i32.const 8208) (i32.const {count}))"
        )
    };
    let error = fault("", &need(0));
    assert!(error.message.contains("`hello` needs nobody"), "{}", error.message);
    let needs = evaluate(&sandbox(), &policy("", &need(2)), &nothing()).unwrap().0.decision;
    let hello = Requirement { description: "hello".into(), candidates: Vec::new(), count: 2 };
    assert_eq!(needs, PolicyDecision::Need(vec![hello]));
}

#[test]
fn an_error_of_a_policy_keeps_its_words() {
    // An error: code, message, retryable, details.
    let body = "(i32.store8 (i32.const 1024) (i32.const 1))
        (i32.store (i32.const 1032) (i32.const 2048)) (i32.store (i32.const 1036) (i32.const 4))
        (i32.store (i32.const 1040) (i32.const 2048)) (i32.store (i32.const 1044) (i32.const 5))";
    let error = fault("", body);
    assert!(error.message.ends_with("could not decide: hello"), "{}", error.message);
    assert_eq!(detail(&error, "code"), "hell");
}

#[test]
fn a_stage_decides_nothing() {
    let sandbox = sandbox();
    let error = sandbox.evaluate(&register(&sandbox, &stage("", "")), &nothing()).unwrap_err();
    assert_eq!(error.code, "policy-error");
    assert!(error.message.contains("is a stage and cannot decide an approval"), "{}", error.message);
}

/// What a bundled policy says: `approve`, `abstain`, `need: ..`, with the time it wants to be asked again.
fn says(sandbox: &Sandbox, plugin: &str, input: &PolicyInput) -> String {
    let component = built(plugin);
    let (verdict, fuel) = match evaluate(sandbox, &component, input) {
        Ok(verdict) => verdict,
        Err(error) => {
            let digest = Digest::of(&component);
            return format!("{}: {}", error.code, error.message.replace(&digest.short(), "DIGEST"));
        }
    };
    assert!(fuel < 5_000_000, "{plugin} used {fuel} units of fuel, a tenth of what there is");
    let decision = match &verdict.decision {
        PolicyDecision::Approve => "approve".to_owned(),
        PolicyDecision::Reject => "reject".to_owned(),
        PolicyDecision::Abstain => "abstain".to_owned(),
        PolicyDecision::Need(missing) => {
            let missing: Vec<&str> = missing.iter().map(|missing| missing.description.as_str()).collect();
            format!("need: {}", missing.join(", "))
        }
    };
    let recheck = verdict.recheck_at.map(|at| format!(" (again at {at})")).unwrap_or_default();
    format!("{decision}{recheck} [{}]", verdict.reasons.join("; "))
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn every_bundled_policy_decides_as_a_component() {
    use serde_json::json;
    let sandbox = sandbox();
    let people = ["ann:qa", "bob:qa,ops", "cy:ops", "dan"];
    let office = json!({ "days": ["mon..fri"], "from": "08:00", "to": "17:00" });
    let night = json!({ "days": ["tue"], "from": "22:00", "to": "04:00" });
    let frozen = json!({ "freeze": [{ "from": "2026-11-24", "to": "2026-11-25", "reason": "audit" }] });
    let mut table = String::new();
    for (plugin, settings, votes) in [
        ("any-one", json!({}), vec![]),
        ("any-one", json!({}), vec!["cy"]),
        ("all-of", json!({}), vec!["ann", "bob"]),
        ("all-of", json!({}), vec!["ann", "cy", "dan"]),
        ("quorum", json!({ "count": 2 }), vec!["ann"]),
        ("quorum", json!({ "count": 2, "groups": { "ops": 1 } }), vec!["ann", "dan"]),
        ("quorum", json!({ "count": 2, "groups": { "ops": 1 } }), vec!["ann", "bob"]),
        ("quorum", json!({ "count": 9 }), vec![]),
        ("in-sequence", json!({ "steps": [["group:qa"], ["dan"]] }), vec!["ann"]),
        ("in-sequence", json!({ "steps": [["group:qa"], ["dan"]] }), vec!["dan", "ann"]),
        ("in-sequence", json!({ "steps": [["group:qa"], ["dan"]] }), vec!["ann", "dan"]),
        ("change-window", office, vec![]),
        ("change-window", night, vec![]),
        ("change-window", frozen, vec![]),
        ("change-window", json!({ "from": "25:00" }), vec![]),
        ("quorum", json!({ "cuont": 2 }), vec![]),
    ] {
        let asked = says(&sandbox, &format!("bundled/{plugin}"), &input(&people, &votes, settings.clone()));
        table.push_str(&format!("{plugin} {settings} {votes:?}\n    {asked}\n"));
    }
    insta::assert_snapshot!(table);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_bad_policy_is_a_named_fault() {
    let sandbox = sandbox();
    let bad = |guest: &str, settings| evaluate(&sandbox, &built(guest), &input(&["ann"], &["ann"], settings));
    let error = bad("guests/bad-policy-loops", serde_json::json!({})).unwrap_err();
    assert_eq!((error.code.as_str(), detail(&error, "budget")), ("policy-error", "fuel"), "{error:?}");
    let error = bad("guests/bad-policy-traps", serde_json::json!({})).unwrap_err();
    assert_eq!((error.code.as_str(), detail(&error, "cause")), ("policy-error", "guest-panic"), "{error:?}");
    assert!(error.message.contains("1 votes are too many for me"), "{}", error.message);
    let fails = serde_json::json!({ "decide": "fail", "reason": "the moon is wrong" });
    let error = bad("guests/policy-flips", fails).unwrap_err();
    assert_eq!((error.code.as_str(), detail(&error, "code")), ("policy-error", "undecided"), "{error:?}");
    let hurried = serde_json::json!({ "decide": "abstain", "recheck-after": "0s" });
    let error = bad("guests/policy-flips", hurried).unwrap_err();
    assert!(error.message.contains("asks to be asked again"), "{}", error.message);
    let nobody = serde_json::json!({ "decide": "need", "need": [{ "description": "x", "count": 0 }] });
    let error = bad("guests/policy-flips", nobody).unwrap_err();
    assert!(error.message.contains("`x` needs nobody"), "{}", error.message);
}
