//! What an attempt of a stage comes to, and why a release is refused before anything of it runs.

use relhost_engine::approval::policy_digest;
use relhost_engine::plan::{check_all, for_state, release_name};
use relhost_engine::release::{Input, PlanRequest, ReleaseState};
use relhost_model::approval::{Approver, Content, TIMEOUT_DEFAULT};
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, ReleaseId};
use relhost_model::pipeline::{After, PolicySpec};
use relhost_model::release::{DeploymentPlan, Mode, Reason, RunEnd, Snapshot, StageOutcome, Status};

use crate::world::{Release, after, artifact, asks, config, group, name, person, snapshot, stage};

/// One stage `Dev`, and the operator's configuration for it.
struct Desk {
    snapshot: Snapshot,
    config: Config,
    request: PlanRequest,
}

impl Desk {
    fn new() -> Self {
        let snapshot = snapshot(vec![stage("Dev", After::Release)]);
        let request = PlanRequest {
            stage: name("Dev"),
            attempt: 1,
            deployment: DeploymentId(5),
            by: person("bob"),
            artifacts: None,
        };
        Self { config: config(&snapshot), snapshot, request }
    }

    fn state(&self) -> ReleaseState {
        ReleaseState::fold(ReleaseId(1), self.snapshot.clone(), &[]).expect("no events fold")
    }

    fn plan(&self) -> Result<DeploymentPlan, CallError> {
        for_state(&self.state(), &self.config, &self.request)
    }

    fn planned(&self) -> DeploymentPlan {
        self.plan().expect("it can be planned")
    }

    fn stage(&mut self) -> &mut relhost_model::pipeline::Stage {
        &mut self.snapshot.pipeline.stages[0]
    }

    fn environment(&mut self) -> &mut relhost_model::config::Environment {
        self.config.environments.get_mut(&name("dev")).expect("the stage's environment")
    }
}

fn window() -> PolicySpec {
    PolicySpec { plugin: name("window"), with: serde_json::json!({ "zone": "$(zone)" }) }
}

#[test]
fn a_stage_that_asks_nobody_is_planned_as_it_stands() {
    let plan = Desk::new().planned();
    assert_eq!((plan.before, plan.after), (None, None));
    assert_eq!((&*plan.connection, &*plan.namespace), ("kind", "shop"));
    assert_eq!(plan.settings, serde_json::json!({ "image": "app:v1" }));
    assert_eq!(plan.component, Digest::of(b"deployer"));
    assert!(!plan.requester_may_approve);
}

#[test]
fn the_narrower_scope_wins() {
    let mut desk = Desk::new();
    let image = |desk: &Desk| desk.planned().settings["image"].clone();
    assert_eq!(image(&desk), "app:v1");
    desk.stage().variables.insert("TAG".into(), "v2".into());
    assert_eq!(image(&desk), "app:v2", "the stage over the pipeline, whatever the case");
    desk.snapshot.overrides.insert("tag".into(), "v3".into());
    assert_eq!(image(&desk), "app:v3", "the command line over both");
    assert_eq!(desk.planned().variables["tag"], "v3");
}

#[test]
fn the_host_says_who_asks_for_what() {
    let mut desk = Desk::new();
    let names =
        ["Release.ReleaseName", "Release.EnvironmentName", "Release.AttemptNumber", "Build.BuildNumber"];
    let text = names.map(|name| format!("$({name})")).join(" ");
    desk.stage().with =
        serde_json::json!([text, "$(Release.Deployment.RequestedFor)", "$(Release.RequestedFor)"]);
    desk.request.attempt = 3;
    assert_eq!(desk.planned().settings, serde_json::json!(["Release-1 Dev 3 1", "bob", "rita"]));
}

#[test]
fn earlier_stages_are_known_by_how_they_stand() {
    let mut qa = stage("QA", after(&["Dev"]));
    qa.with = serde_json::json!("$(Release.Environments.Dev.Status)");
    let mut release = Release::of(vec![stage("Dev", After::Release), qa]);
    let deployment = release.latest("Dev").id;
    release.tell(Input::SlotGranted { deployment }).expect("it waits for its slot");
    let run = release.latest("Dev").run.expect("it runs");
    let outcome =
        StageOutcome { status: Status::Succeeded, summary: String::new(), outputs: Default::default() };
    release.tell(Input::RunEnded { run, deployment, end: RunEnd::Returned(outcome) }).expect("it ran");
    assert_eq!(release.latest("QA").plan.settings, "Succeeded");
}

#[test]
fn a_rehearsal_touches_no_cluster() {
    let mut desk = Desk::new();
    desk.snapshot.mode = Mode::Rehearsal;
    let target = |desk: &Desk| {
        let plan = desk.planned();
        (plan.connection, plan.namespace)
    };
    let rehearsal = |namespace: &str| ("rehearsal".to_owned(), namespace.to_owned());
    assert_eq!(target(&desk), rehearsal("shop"), "the namespace of the connection");
    desk.environment().namespace = Some("stage".into());
    assert_eq!(target(&desk), rehearsal("stage"), "the environment's own");
    desk.environment().namespace = None;
    desk.environment().cluster = None;
    assert_eq!(target(&desk), rehearsal("dev"), "the environment's name");
}

#[test]
fn what_the_pipeline_asks_is_resolved_and_pinned() {
    let mut desk = Desk::new();
    desk.snapshot.pipeline.variables.insert("zone".into(), "CET".into());
    let mut spec = asks(&["ann", "group:leads"]);
    spec.policies = vec![window()];
    desk.stage().approval.before = Some(spec);
    let plan = desk.planned().before.expect("the pipeline asks");
    assert_eq!(plan.approvers, [name::<Approver>("ann"), group("leads")]);
    assert_eq!((plan.approvals_min, plan.timeout), (0, TIMEOUT_DEFAULT));
    assert_eq!(plan.instructions, "look at Release-1");
    let [policy] = &plan.policies[..] else { panic!("{:?}", plan.policies) };
    assert_eq!((policy.plugin.as_str(), policy.component), ("window", Digest::of(b"window")));
    assert_eq!((&policy.settings, policy.from_environment), (&serde_json::json!({ "zone": "CET" }), false));
    assert_eq!(plan.content.policy, policy_digest(&plan.policies, &plan.approvers));
}

#[test]
fn the_environment_adds_to_what_the_pipeline_asks_and_takes_nothing_away() {
    let mut desk = Desk::new();
    desk.snapshot.pipeline.variables.insert("zone".into(), "CET".into());
    desk.environment().policies = vec![window()];
    desk.environment().approvals_min = 2;
    desk.stage().approval.before = Some(asks(&["ann", "cleo"]));
    desk.stage().approval.after = Some(asks(&["dan"]));
    let plan = desk.planned();
    let (before, after) = (plan.before.expect("asked"), plan.after.expect("asked"));
    let policies = |plan: &relhost_model::release::ApprovalPlan| {
        plan.policies
            .iter()
            .map(|policy| (policy.plugin.to_string(), policy.from_environment))
            .collect::<Vec<_>>()
    };
    let expected = [("any-one".to_owned(), false), ("window".to_owned(), true)];
    assert_eq!((policies(&before), policies(&after)), (expected.to_vec(), expected.to_vec()));
    assert_eq!((before.approvals_min, after.approvals_min), (2, 0), "the minimum guards the start");
    // The pipeline has a plugin of the same name.
    assert_eq!(before.policies[1].component, Digest::of(b"the operator's window"));
}

#[test]
fn an_environment_that_wants_approvals_gets_them_without_the_pipeline() {
    let mut desk = Desk::new();
    desk.environment().approvals_min = 1;
    let plan = desk.planned().before.expect("the environment asks");
    assert_eq!((plan.approvers, plan.approvals_min), (vec![group("leads")], 1));
    let mut desk = Desk::new();
    desk.snapshot.pipeline.variables.insert("zone".into(), "CET".into());
    desk.environment().policies = vec![window()];
    assert_eq!(desk.planned().before.expect("the environment asks").policies.len(), 2);
}

#[test]
fn what_cannot_be_planned_is_refused_with_a_word_and_a_way_out() {
    type Change = fn(&mut Desk);
    let table: [(&str, Change); 15] = [
        ("unknown-stage", |d| d.request.stage = name("QA")),
        ("unknown-environment", |d| d.config.environments.clear()),
        ("no-connection", |d| d.config.clusters.clear()),
        ("no-connection", |d| d.environment().cluster = None),
        ("unknown-plugin", |d| drop(d.snapshot.components.remove(&name("deployer")))),
        ("wrong-kind", |d| d.stage().uses = name("window")),
        ("variable", |d| d.stage().with = serde_json::json!("$(nobody)")),
        ("variable", |d| d.stage().approval.before = Some(bad_instructions())),
        ("unknown-plugin", |d| {
            d.environment().approvals_min = 1;
            d.snapshot.components.remove(&name("any-one"));
        }),
        ("policy-not-pinned", |d| {
            d.environment().policies = vec![window()];
            d.snapshot.demanded.clear();
        }),
        ("no-approvers", |d| {
            d.environment().approvals_min = 1;
            d.environment().approvers.clear();
        }),
        ("no-approvers", |d| d.stage().approval.before = Some(asks(&["zoe", "group:nobody"]))),
        // Rita made the release and Bob asks for this attempt.
        ("too-few-approvers", |d| d.stage().approval.after = Some(asks(&["rita", "bob"]))),
        ("too-few-approvers", |d| d.environment().approvals_min = 3),
        ("no-approvers", |d| {
            d.stage().approval.after = Some(asks(&[]));
            d.config.groups.clear();
        }),
    ];
    for (code, change) in table {
        let mut desk = Desk::new();
        change(&mut desk);
        let refused = desk.plan().expect_err(code);
        assert_eq!((refused.code.as_str(), refused.retryable), (code, false), "{refused}");
        let helped = refused.details.iter().any(|(name, _)| name == "help");
        assert!(helped || matches!(code, "unknown-stage" | "wrong-kind" | "variable"), "{code}: {refused:?}");
    }
}

fn bad_instructions() -> relhost_model::pipeline::ApprovalSpec {
    relhost_model::pipeline::ApprovalSpec { instructions: "$(nobody)".into(), ..asks(&["ann"]) }
}

#[test]
fn a_release_is_refused_for_any_of_its_stages() {
    let snapshot = snapshot(vec![stage("Dev", After::Release), stage("Prod", After::Manual)]);
    let mut config = config(&snapshot);
    let state = ReleaseState::fold(ReleaseId(1), snapshot, &[]).expect("no events fold");
    assert_eq!(check_all(&state, &config), Ok(()));
    config.environments.remove(&name("prod"));
    let refused = check_all(&state, &config).expect_err("Prod has no environment");
    assert_eq!(refused.code, "unknown-environment");
    assert!(refused.message.starts_with("stage `Prod`: "), "{refused}");
}

/// The plan's content, after a change.
fn content(change: impl FnOnce(&mut Desk)) -> Content {
    let mut desk = Desk::new();
    desk.stage().approval.before = Some(asks(&["ann"]));
    change(&mut desk);
    desk.planned().before.expect("asked").content
}

#[test]
fn whatever_changes_what_is_deployed_changes_what_is_approved() {
    type Change = fn(&mut Desk);
    let table: [(&str, Change); 12] = [
        ("artifacts (web/app.yaml)", |d| d.request.artifacts = Some(vec![artifact("second")])),
        ("artifacts (web/app.yaml)", |d| d.snapshot.artifacts = vec![artifact("second")]),
        ("component", |d| d.snapshot.components.get_mut(&name("deployer")).expect("pinned").digest.0[0] ^= 1),
        ("settings", |d| drop(d.snapshot.overrides.insert("tag".into(), "v9".into()))),
        ("settings", |d| d.stage().with["more"] = true.into()),
        ("connection", |d| d.snapshot.mode = Mode::Rehearsal),
        ("namespace", |d| d.config.clusters.get_mut(&name("kind")).expect("there").namespace.push('x')),
        ("policy", |d| d.environment().policies.push(PolicySpec { with: true.into(), ..window() })),
        ("policy", |d| d.snapshot.components.get_mut(&name("any-one")).expect("pinned").digest.0[0] ^= 1),
        ("policy", |d| d.stage().approval.before = Some(asks(&["dan"]))),
        ("policy", |d| d.stage().approval.before = Some(asks(&["group:leads", "ann"]))),
        ("pipeline revision", |d| d.snapshot.pipeline.revision.0[0] ^= 1),
    ];
    let original = content(|_| {});
    for (index, (field, change)) in table.into_iter().enumerate() {
        let changed = content(change);
        assert_eq!(original.first_difference(&changed).as_deref(), Some(field), "change {index}");
        assert_ne!(original.digest(), changed.digest());
    }
}

#[test]
fn what_does_not_change_what_is_deployed_does_not_void_an_approval() {
    type Change = fn(&mut Desk);
    let table: [Change; 4] = [
        |d| d.request.by = person("cleo"),
        |d| d.request.deployment = DeploymentId(77),
        |d| d.snapshot.created_at.0 += 1,
        |d| drop(d.config.people.remove(&name("eve"))),
    ];
    let original = content(|_| {});
    for change in table {
        assert_eq!(content(change), original);
    }
}

#[test]
fn a_release_is_named_by_its_mask() {
    let mut snapshot = snapshot(Vec::new());
    let named = |snapshot: &Snapshot| release_name(ReleaseId(9), snapshot, 7);
    assert_eq!(named(&snapshot).as_deref(), Ok("Release-7"));
    snapshot.pipeline.release_name =
        "$(Release.DefinitionName)-$(tag)-$(Build.BuildNumber)-$(Rev:rrr)".into();
    assert_eq!(named(&snapshot).as_deref(), Ok("shop-v1-1-007"));
    snapshot.overrides.insert("tag".into(), "v2".into());
    assert_eq!(named(&snapshot).as_deref(), Ok("shop-v2-1-007"));
    for mask in ["$(nobody)", "$(Rev:x)", " "] {
        snapshot.pipeline.release_name = mask.into();
        assert_eq!(named(&snapshot).expect_err(mask).code, "release-name");
    }
}

#[test]
fn what_nobody_may_approve_stops_a_person_at_once_and_a_build_only_there() {
    let mut desk = Desk::new();
    desk.stage().approval.before = Some(asks(&["rita"]));
    assert_eq!(check_all(&desk.state(), &desk.config).unwrap_err().code, "too-few-approvers");
    desk.snapshot.reason = Reason::ContinuousIntegration;
    assert!(check_all(&desk.state(), &desk.config).is_ok());
    assert_eq!(desk.plan().unwrap_err().code, "too-few-approvers");
    desk.environment().requester_may_approve = true;
    assert!(desk.plan().is_ok());
}
