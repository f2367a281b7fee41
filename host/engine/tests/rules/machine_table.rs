//! The release machine by table: which event follows which phase, and what each input does where.

use std::collections::BTreeMap;

use relhost_engine::event::{Event, Recorded};
use relhost_engine::journal::Record;
use relhost_engine::port::store::{Change, CommandBody, MailCommand, RunState, StageState};
use relhost_engine::release::{Decision, FoldError, Input, Phase, Refusal, ReleaseState};
use relhost_model::approval::{Origin, Resolution};
use relhost_model::call::CallError;
use relhost_model::id::{ApprovalId, DeploymentId, ReleaseId, RunId};
use relhost_model::pipeline::{After, Predecessor, Stage};
use relhost_model::release::{RunEnd, StageOutcome, Status};

use crate::world::{Release, after, artifact, asks, config, name, person, snapshot, stage};

const RUN: RunId = RunId(50);
const APPROVAL: ApprovalId = ApprovalId(60);

fn problem() -> CallError {
    CallError::permanent("replay-mismatch", "it differs")
}

/// Every kind of event about an attempt, with the run and the approval it names.
fn events(deployment: DeploymentId, run: RunId, approval: ApprovalId) -> [(&'static str, Event); 11] {
    let opened = |origin| Event::ApprovalOpened { deployment, approval, origin };
    let closed = |resolution| {
        let reason = String::new();
        Event::ApprovalClosed { deployment, approval, origin: Origin::Before, resolution, reason }
    };
    let (by, verb, reason) = (person("ann"), "retry".into(), String::new());
    let (status, summary, outputs) = (Status::Succeeded, String::new(), BTreeMap::new());
    [
        ("started", Event::DeploymentStarted { deployment }),
        ("opened-before", opened(Origin::Before)),
        ("opened-call", opened(Origin::Call(run, 0))),
        ("opened-after", opened(Origin::After)),
        ("approved", closed(Resolution::Approved)),
        ("rejected", closed(Resolution::Rejected)),
        ("run-created", Event::RunCreated { deployment, run }),
        ("quarantined", Event::RunQuarantined { deployment, run, problem: problem() }),
        ("released", Event::RunReleased { deployment, run, by, verb, reason }),
        (
            "run-finished",
            Event::RunFinished { deployment, run, status, summary: summary.clone(), outputs, failure: None },
        ),
        ("finished", Event::DeploymentFinished { deployment, status, summary }),
    ]
}

/// A release whose only stage was requested and then went this way.
fn went(way: &str) -> Release {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    let deployment = release.latest("Dev").id;
    for step in way.split_whitespace() {
        let event = events(deployment, RUN, APPROVAL).into_iter().find(|(kind, _)| *kind == step);
        release.commit(event.expect("a kind of event").1).expect("the way is legal");
    }
    release
}

/// Each phase with a way that leads there, and what may follow. Everything else is refused.
const TABLE: [(&str, &str); 9] = [
    ("", "started finished"),
    ("started", "opened-before run-created finished"),
    ("started opened-before", "approved rejected finished"),
    ("started run-created", "opened-call quarantined run-finished finished"),
    ("started run-created opened-call", "approved rejected quarantined run-finished finished"),
    ("started run-created quarantined", "released run-finished finished"),
    ("started run-created run-finished", "opened-after finished"),
    ("started run-created run-finished opened-after", "approved rejected finished"),
    ("started run-created run-finished finished", ""),
];

#[test]
fn only_what_the_table_says_follows() {
    for (way, allowed) in TABLE {
        let release = went(way);
        let deployment = release.latest("Dev").id;
        for (kind, event) in events(deployment, RUN, APPROVAL) {
            let mut state = release.state.clone();
            let before = format!("{state:?}");
            let applied = state.apply(&event, crate::journaled::at(0, 0));
            let legal = allowed.split_whitespace().any(|allowed| allowed == kind);
            assert_eq!(applied.is_ok(), legal, "`{kind}` after `{way}`: {applied:?}");
            if !legal {
                assert!(matches!(applied, Err(FoldError::Illegal { .. })), "{applied:?}");
                assert_eq!(format!("{state:?}"), before, "a refused event changes nothing");
            }
        }
    }
}

#[test]
fn another_run_another_approval_or_another_attempt_does_not_fit() {
    for (way, allowed) in TABLE {
        let release = went(way);
        let deployment = release.latest("Dev").id;
        let foreign = events(deployment, RunId(51), ApprovalId(61));
        let bound = ["approved", "rejected", "quarantined", "released", "run-finished", "opened-call"];
        for (kind, event) in foreign.into_iter().filter(|(kind, _)| bound.contains(kind)) {
            let applied = release.state.clone().apply(&event, crate::journaled::at(0, 0));
            assert!(applied.is_err(), "`{kind}` of another after `{way}` ({allowed})");
        }
        for (_, event) in events(DeploymentId(99), RUN, APPROVAL) {
            let applied = release.state.clone().apply(&event, crate::journaled::at(0, 0));
            assert!(matches!(applied, Err(FoldError::UnknownDeployment { .. })), "{applied:?}");
        }
    }
}

#[test]
fn events_with_a_gap_or_a_wrong_attempt_are_no_release() {
    let release = went("started run-created run-finished finished");
    let fold = |events: &[Recorded]| ReleaseState::fold(ReleaseId(1), release.state.snapshot.clone(), events);
    assert!(fold(&release.history).is_ok());
    let mut missing = release.history.clone();
    missing.remove(2);
    assert_eq!(fold(&missing).err(), Some(FoldError::Gap { expected: 2, found: 3 }));
    let requested = release.history[1].event.clone();
    let again = release.state.clone().apply(&requested, crate::journaled::at(0, 0));
    assert!(matches!(again, Err(FoldError::Attempt { attempt: 1, .. })), "{again:?}");
    let mut next = requested;
    if let Event::DeploymentRequested { deployment, attempt, .. } = &mut next {
        (*deployment, *attempt) = (DeploymentId(99), 2);
    }
    let under_way = went("started").state.apply(&next, crate::journaled::at(0, 0));
    assert!(matches!(under_way, Err(FoldError::Attempt { attempt: 2, .. })), "{under_way:?}");
    assert!(release.state.clone().apply(&next, crate::journaled::at(0, 0)).is_ok(), "once the first is over");
}

fn returned(status: Status) -> RunEnd {
    let outputs = [("url".to_owned(), "http://x".to_owned())].into();
    RunEnd::Returned(StageOutcome { status, summary: "done".into(), outputs })
}

impl Release {
    fn slot(&mut self, stage: &str) -> Decision {
        let deployment = self.latest(stage).id;
        self.tell(Input::SlotGranted { deployment }).expect("it waits for its slot")
    }

    fn end(&mut self, stage: &str, end: RunEnd) -> Decision {
        let (deployment, run) = (self.latest(stage).id, self.latest(stage).run.expect("it runs"));
        self.tell(Input::RunEnded { run, deployment, end }).expect("it was running")
    }

    /// Runs a stage that asks nobody.
    fn run(&mut self, stage: &str, status: Status) {
        self.slot(stage);
        self.end(stage, returned(status));
    }

    /// Opens the approval that the stage's slot leads to, and closes it.
    fn decide(&mut self, opened: &Decision, resolution: Resolution) -> Decision {
        let approval = opened.changes.iter().find_map(|change| match change {
            Change::OpenApproval(approval) => Some(approval.clone()),
            _ => None,
        });
        let approval = approval.expect("it asks");
        self.tell(Input::ApprovalClosed { approval, resolution, reason: "so".into() }).expect("it is open")
    }

    fn stages(&self) -> Vec<StageState> {
        self.state.summary().stages.into_iter().map(|stage| stage.state).collect()
    }

    fn status(&self) -> Option<Status> {
        self.state.summary().status
    }
}

fn chain() -> Vec<Stage> {
    vec![stage("Dev", After::Release), stage("QA", after(&["Dev"])), stage("Prod", after(&["QA"]))]
}

const SKIPPED: StageState = StageState::Finished(Status::Skipped);
const DONE: StageState = StageState::Finished(Status::Succeeded);

#[test]
fn stages_follow_each_other() {
    let mut release = Release::of(chain());
    assert_eq!(release.stages(), [StageState::Queued, StageState::NotStarted, StageState::NotStarted]);
    for stage in ["Dev", "QA", "Prod"] {
        assert_eq!(release.status(), None);
        release.run(stage, Status::Succeeded);
    }
    assert_eq!((release.stages(), release.status()), (vec![DONE; 3], Some(Status::Succeeded)));
    assert_eq!(release.state.outputs()["QA"]["url"], "http://x");
}

#[test]
fn a_stage_waits_for_all_it_comes_after() {
    let mut release = Release::of(vec![
        stage("A", After::Release),
        stage("B", After::Release),
        stage("C", after(&["A", "B"])),
    ]);
    release.run("A", Status::Succeeded);
    assert_eq!(release.stages()[2], StageState::NotStarted);
    release.run("B", Status::Succeeded);
    assert_eq!(release.stages()[2], StageState::Queued);
}

#[test]
fn partial_success_is_enough_only_where_it_is_allowed() {
    let partial = Predecessor { stage: name("Dev"), partial: true };
    let mut release = Release::of(vec![
        stage("Dev", After::Release),
        stage("Easy", After::Stages(vec![partial])),
        stage("Strict", after(&["Dev"])),
    ]);
    release.run("Dev", Status::PartiallySucceeded);
    assert_eq!(release.stages()[1..], [StageState::Queued, SKIPPED]);
    release.run("Easy", Status::Succeeded);
    assert_eq!(release.status(), Some(Status::PartiallySucceeded));
}

#[test]
fn what_cannot_start_any_more_is_skipped_and_a_retry_brings_it_back() {
    let mut release = Release::of(chain());
    release.run("Dev", Status::Succeeded);
    release.slot("QA");
    let end = release.end("QA", RunEnd::Failed(problem()));
    let skipped = end.events.iter().filter(|event| matches!(event, Event::StageSkipped { .. })).count();
    assert_eq!((skipped, release.stages()[2].clone()), (1, SKIPPED));
    assert_eq!(release.status(), Some(Status::Failed));
    release.tell(Input::Retry { stage: name("QA"), by: person("bob") }).expect("it failed");
    assert_eq!((release.latest("QA").attempt, release.status()), (2, None));
    release.run("QA", Status::Succeeded);
    assert_eq!(release.stages()[2], StageState::Queued, "no longer skipped");
    release.run("Prod", Status::Succeeded);
    assert_eq!(release.status(), Some(Status::Succeeded), "the latest attempts count");
}

#[test]
fn skipping_goes_all_the_way_down() {
    let mut release = Release::of(chain());
    release.slot("Dev");
    release.end("Dev", RunEnd::Failed(problem()));
    assert_eq!(release.stages()[1..], [SKIPPED, SKIPPED]);
    let summary = &release.state.summary().stages[2].summary;
    assert!(summary.contains("QA"), "{summary}");
}

#[test]
fn a_stage_that_cannot_be_planned_takes_no_other_with_it() {
    let mut release = Release::of(vec![
        stage("Dev", After::Release),
        stage("QA", after(&["Dev"])),
        stage("Perf", after(&["Dev"])),
        stage("Prod", after(&["QA"])),
    ]);
    release.source.broken.insert(name("QA"));
    release.run("Dev", Status::Succeeded);
    assert_eq!(release.stages()[2], StageState::Queued);
    let summary = &release.state.summary().stages[1].summary;
    assert!(summary.contains("the test says so"), "{summary}");
    let refused = release.tell(Input::Promote { stage: name("QA"), by: person("ann") });
    assert!(matches!(&refused, Err(refusal @ Refusal::Plan { .. }) if refusal.is_usage()), "{refused:?}");
    assert_eq!(release.stages()[3], SKIPPED, "what waits for it cannot start either");
    release.run("Perf", Status::Succeeded);
    assert_eq!(release.status(), Some(Status::Failed), "it did not do what it was made for");
    release.source.broken.clear();
    release.tell(Input::Promote { stage: name("QA"), by: person("ann") }).expect("it can be planned now");
    release.run("QA", Status::Succeeded);
    release.run("Prod", Status::Succeeded);
    assert_eq!(release.status(), Some(Status::Succeeded));
}

#[test]
fn a_release_whose_only_stage_cannot_be_planned_has_failed() {
    let snapshot = snapshot(vec![stage("Dev", After::Release)]);
    let config = config(&snapshot);
    let mut release = Release::blank(snapshot, config);
    release.source.broken.insert(name("Dev"));
    release.tell(Input::Create { by: person("rita") }).expect("it is there all the same");
    assert_eq!((release.status(), release.stages()), (Some(Status::Failed), vec![SKIPPED]));
}

#[test]
fn people_are_asked_before_the_code_and_after_it() {
    let mut dev = stage("Dev", After::Release);
    dev.approval.before = Some(asks(&["group:leads", "rita"]));
    dev.approval.after = Some(asks(&["dan"]));
    let mut release = Release::of(vec![dev]);
    let before = release.slot("Dev");
    assert!(matches!(release.stages()[0], StageState::AwaitingBefore(_)));
    assert_eq!(recipients(&before), ["ask ann", "ask bob", "ask cleo"], "not the requester");
    assert!(before.frame.is_none() && release.latest("Dev").run.is_none(), "nothing runs yet");
    let approved = release.decide(&before, Resolution::Approved);
    assert_eq!(recipients(&approved), ["closed ann", "closed bob", "closed cleo"]);
    assert!(matches!(release.stages()[0], StageState::Running(_)));
    check_start(&release, &approved);
    let after = release.end("Dev", returned(Status::Succeeded));
    assert_eq!(recipients(&after), ["ask dan"]);
    assert!(release.latest("Dev").holds_environment(), "through both approvals");
    let over = release.decide(&after, Resolution::Approved);
    assert_eq!(over.environments, [name("dev")], "free again");
    assert_eq!(release.status(), Some(Status::Succeeded));
}

/// The run, its first frame and its event are about the same.
fn check_start(release: &Release, decision: &Decision) {
    let latest = release.latest("Dev");
    let run = decision.changes.iter().find_map(|change| match change {
        Change::CreateRun(run) => Some(run),
        _ => None,
    });
    let run = run.expect("a run is created");
    let frame = decision.frame.as_ref().expect("with its first frame");
    let [Record::Start { start, .. }] = &frame.records[..] else { panic!("alone in its frame") };
    assert_eq!((frame.position, frame.epoch, frame.previous), (0, 0, None));
    assert_eq!([Some(run.id), Some(frame.run), Some(start.run)], [latest.run; 3]);
    assert_eq!((run.deployment, run.release), (latest.id, ReleaseId(1)));
    assert_eq!((run.uuid, run.component), (start.uuid, start.component));
    let context = &start.context;
    assert_eq!((&*context.stage, &*context.environment, &*context.namespace), ("Dev", "dev", "shop"));
    assert_eq!((context.attempt, &*context.settings), (1, r#"{"image":"app:v1"}"#));
    assert_eq!(context.variables["tag"], "v1");
}

fn recipients(decision: &Decision) -> Vec<String> {
    let mail = |change: &Change| match change {
        Change::PutCommand(command) => match &command.body {
            CommandBody::Mail(MailCommand::Ask { person, .. }) => Some(format!("ask {person}")),
            CommandBody::Mail(MailCommand::Closed { person, .. }) => Some(format!("closed {person}")),
            CommandBody::Mail(MailCommand::Notify { .. }) => None,
        },
        _ => None,
    };
    decision.changes.iter().filter_map(mail).collect()
}

#[test]
fn a_no_ends_the_attempt_without_a_failure() {
    let resolutions = [
        (Resolution::Rejected, Status::Rejected),
        (Resolution::Expired, Status::Expired),
        (Resolution::Canceled, Status::Canceled),
    ];
    for (resolution, status) in resolutions {
        let mut dev = stage("Dev", After::Release);
        dev.approval.before = Some(asks(&["ann"]));
        let mut release = Release::of(vec![dev, stage("QA", after(&["Dev"]))]);
        let opened = release.slot("Dev");
        let decision = release.decide(&opened, resolution);
        assert!(decision.frame.is_none(), "nothing runs");
        assert_eq!(release.stages(), [StageState::Finished(status), SKIPPED]);
        assert_eq!(release.status(), Some(status));

        let mut dev = stage("Dev", After::Release);
        dev.approval.after = Some(asks(&["ann"]));
        let mut release = Release::of(vec![dev]);
        release.slot("Dev");
        let opened = release.end("Dev", returned(Status::Succeeded));
        release.decide(&opened, resolution);
        assert_eq!(release.status(), Some(status), "after the code too");
    }
}

#[test]
fn code_that_did_not_succeed_is_not_asked_about() {
    for status in [Status::Rejected, Status::Expired] {
        let mut dev = stage("Dev", After::Release);
        dev.approval.after = Some(asks(&["ann"]));
        let mut release = Release::of(vec![dev]);
        release.run("Dev", status);
        assert_eq!(release.status(), Some(status));
    }
}

#[test]
fn a_release_is_what_its_worst_stage_is() {
    use Status as S;
    let worst_first = [S::Failed, S::Rejected, S::Expired, S::Canceled, S::PartiallySucceeded, S::Succeeded];
    for (index, worse) in worst_first.into_iter().enumerate() {
        for better in &worst_first[index..] {
            let mut release = Release::of(vec![stage("A", After::Release), stage("B", After::Release)]);
            for (stage, status) in [("A", *better), ("B", worse)] {
                release.slot(stage);
                let end = match status {
                    S::Failed => RunEnd::Failed(problem()),
                    S::Canceled => RunEnd::Aborted { by: person("ann"), reason: "enough".into() },
                    other => returned(other),
                };
                release.end(stage, end);
            }
            assert_eq!(release.status(), Some(worse), "{worse} and {better}");
        }
    }
}

#[test]
fn manual_stages_wait_for_a_promotion_and_do_not_count() {
    let snapshot = snapshot(vec![
        stage("Dev", After::Release),
        stage("QA", After::Manual),
        stage("Prod", After::Manual),
        stage("Audit", after(&["Prod"])),
    ]);
    let config = config(&snapshot);
    let mut release = Release::blank(snapshot, config);
    release.tell(Input::Create { by: person("rita") }).expect("a release can be created");
    release.run("Dev", Status::Succeeded);
    assert_eq!(release.stages()[1..], [StageState::Manual, StageState::Manual, StageState::NotStarted]);
    assert_eq!(release.status(), Some(Status::Succeeded));
    release.tell(Input::Promote { stage: name("Prod"), by: person("bob") }).expect("it has not run");
    assert_eq!(release.status(), None);
    release.run("Prod", Status::Succeeded);
    assert_eq!(release.stages()[3], StageState::Queued);
}

#[test]
fn a_promotion_ignores_conditions_but_not_approvals() {
    let mut stages = chain();
    stages[2].approval.before = Some(asks(&["ann"]));
    let mut release = Release::of(stages);
    let promote = |stage| Input::Promote { stage: name(stage), by: person("bob") };
    release.tell(promote("Prod")).expect("nothing of it has run");
    release.slot("Prod");
    assert!(matches!(release.stages()[2], StageState::AwaitingBefore(_)));
    assert_eq!(release.tell(promote("Prod")).err(), Some(Refusal::Active(name("Prod"))));
    release.run("Dev", Status::Succeeded);
    assert_eq!(release.tell(promote("Dev")).err(), Some(Refusal::HasRun(name("Dev"))));
    assert_eq!(release.tell(promote("Test")).err(), Some(Refusal::UnknownStage(name("Test"))));
}

#[test]
fn a_retry_wants_an_attempt_that_did_not_succeed_and_keeps_its_artifacts() {
    let mut release = Release::of(chain());
    let retry = |stage| Input::Retry { stage: name(stage), by: person("bob") };
    assert_eq!(release.tell(retry("Dev")).err(), Some(Refusal::Active(name("Dev"))));
    assert_eq!(release.tell(retry("QA")).err(), Some(Refusal::NothingToRetry(name("QA"))));
    release.run("Dev", Status::Succeeded);
    assert_eq!(release.tell(retry("Dev")).err(), Some(Refusal::NothingToRetry(name("Dev"))));
    let others = vec![artifact("second")];
    let redeploy = Input::Redeploy { stage: name("Dev"), by: person("bob"), artifacts: Some(others.clone()) };
    release.tell(redeploy).expect("it has run");
    release.slot("Dev");
    release.end("Dev", RunEnd::Failed(problem()));
    release.tell(retry("Dev")).expect("it failed");
    assert_eq!((release.latest("Dev").attempt, &release.latest("Dev").plan.artifacts), (3, &others));
}

#[test]
fn a_redeployment_takes_the_place_of_a_waiting_attempt_but_not_of_a_running_one() {
    let mut dev = stage("Dev", After::Release);
    dev.approval.before = Some(asks(&["ann"]));
    let mut release = Release::of(vec![dev, stage("QA", after(&["Dev"]))]);
    let opened = release.slot("Dev");
    let first = release.latest("Dev").id;
    let redeploy = || Input::Redeploy { stage: name("Dev"), by: person("bob"), artifacts: None };
    let decision = release.tell(redeploy()).expect("it only waits");
    assert!(matches!(
        decision.changes[..],
        [Change::EndApproval { resolution: Resolution::Superseded, .. }, ..]
    ));
    assert_eq!(release.state.deployment(first).expect("it was").status(), Some(Status::Superseded));
    assert_eq!(release.stages(), [StageState::Queued, StageState::NotStarted], "nobody is skipped for it");
    let Some(Change::OpenApproval(approval)) =
        opened.changes.into_iter().find(|change| matches!(change, Change::OpenApproval(_)))
    else {
        panic!("it asked")
    };
    let late = Input::ApprovalClosed { approval, resolution: Resolution::Approved, reason: "so".into() };
    assert_eq!(release.tell(late).err(), Some(Refusal::Stale(first)), "an old yes starts nothing");
    let opened = release.slot("Dev");
    release.decide(&opened, Resolution::Approved);
    assert_eq!(release.tell(redeploy()).err(), Some(Refusal::Active(name("Dev"))));
}

#[test]
fn a_cancellation_reaches_every_attempt_where_it_is() {
    let mut stages: Vec<Stage> =
        ["A", "B", "C", "D", "E"].map(|text| stage(text, After::Release)).into_iter().collect();
    stages[1].approval.before = Some(asks(&["ann"]));
    stages.push(stage("F", after(&["C"])));
    let mut release = Release::of(stages);
    release.slot("B");
    release.slot("C");
    release.slot("D");
    let quarantined = (release.latest("D").id, release.latest("D").run.expect("it runs"));
    let input = Input::RunQuarantined { run: quarantined.1, deployment: quarantined.0, problem: problem() };
    release.tell(input).expect("it was running");
    release.slot("E");
    release.end("E", returned(Status::Succeeded));
    let running = release.latest("C").run.expect("it runs");
    let cancel = || Input::Cancel { by: person("bob"), reason: "enough".into() };
    let decision = release.tell(cancel()).expect("much is under way");
    let states: Vec<StageState> = release.stages();
    let canceled = StageState::Finished(Status::Canceled);
    let expected = [canceled.clone(), canceled.clone(), StageState::Running(running), canceled, DONE];
    assert_eq!(states[..5], expected);
    let ended = |change: &Change| match change {
        Change::EndApproval { resolution: Resolution::Canceled, .. } => Some("approval".to_owned()),
        Change::CancelRun { run } => Some(format!("cancel {run}")),
        Change::SetRun { run, to: RunState::Done, from, .. } if from.contains(&RunState::Quarantined) => {
            Some(format!("done {run}"))
        }
        _ => None,
    };
    let ended: Vec<String> = decision.changes.iter().filter_map(ended).collect();
    let of_quarantined = ["cancel", "done"].map(|what| format!("{what} {}", quarantined.1));
    assert_eq!(ended[..2], ["approval".to_owned(), format!("cancel {running}")]);
    assert_eq!(ended[2..], of_quarantined, "marked, because its journal gets no end");
    assert_eq!(release.status(), None, "one still runs");
    release.end("C", returned(Status::Succeeded));
    assert_eq!(release.status(), Some(Status::Canceled));
    assert_eq!(release.stages()[5], StageState::NotStarted, "nothing is decided for what comes after");
    assert_eq!(release.tell(cancel()).err(), Some(Refusal::Canceled));
    let promote = Input::Promote { stage: name("A"), by: person("ann") };
    assert_eq!(release.tell(promote).err(), Some(Refusal::Canceled));
}

#[test]
fn nothing_to_cancel_is_said() {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    release.run("Dev", Status::Succeeded);
    let cancel = Input::Cancel { by: person("bob"), reason: String::new() };
    assert_eq!(release.tell(cancel).err(), Some(Refusal::Idle));
}

#[test]
fn a_wait_inside_the_code_wakes_its_run_whatever_people_say() {
    for resolution in [Resolution::Approved, Resolution::Rejected, Resolution::Expired] {
        let mut release = Release::of(vec![stage("Dev", After::Release)]);
        release.slot("Dev");
        let opened = open_call(&mut release);
        assert!(matches!(release.stages()[0], StageState::AwaitingCall(_)));
        let decision = release.decide(&opened, resolution);
        let run = release.latest("Dev").run.expect("it runs");
        let woken = |change: &Change| matches!(change, Change::SetRun { run: of, to: RunState::Ready, .. } if *of == run);
        assert!(decision.changes.iter().any(woken), "{resolution}: the code hears it");
        assert_eq!(release.stages()[0], StageState::Running(run), "and goes on");
    }
}

#[test]
fn a_canceled_release_asks_nobody_any_more() {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    release.slot("Dev");
    let asked = call_for_approval(&release);
    release.tell(Input::Cancel { by: person("bob"), reason: String::new() }).expect("it runs");
    assert_eq!(release.tell(asked).err(), Some(Refusal::Canceled), "its code is told so at that very call");
}

fn open_call(release: &mut Release) -> Decision {
    let asked = call_for_approval(release);
    release.tell(asked).expect("it runs")
}

fn call_for_approval(release: &Release) -> Input {
    let (deployment, run) = (release.latest("Dev").id, release.latest("Dev").run.expect("it runs"));
    let call = relhost_model::call::ApprovalCall {
        instructions: String::new(),
        policy: None,
        policy_settings: serde_json::Value::Null,
        approvers: vec![name("ann")],
        timeout_seconds: None,
    };
    let ids = (ApprovalId(900), run, 0);
    let journal = (relhost_model::digest::Digest::of(b"journal"), crate::journaled::at(0, 0));
    let approval = relhost_engine::approval::from_call(&release.state, deployment, ids, &call, journal)
        .expect("it may ask");
    Input::ApprovalOpened { approval: Box::new(approval) }
}

#[test]
fn what_is_told_too_late_is_stale() {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    let unknown = DeploymentId(99);
    let slot = |deployment| Input::SlotGranted { deployment };
    assert_eq!(release.tell(slot(unknown)).err(), Some(Refusal::Stale(unknown)));
    let deployment = release.latest("Dev").id;
    release.slot("Dev");
    assert_eq!(release.tell(slot(deployment)).err(), Some(Refusal::Stale(deployment)), "granted once");
    let other = Input::RunEnded { run: RunId(99), deployment, end: returned(Status::Succeeded) };
    assert_eq!(release.tell(other).err(), Some(Refusal::Stale(deployment)));
}

#[test]
fn a_quarantined_run_goes_on_or_ends_by_hand() {
    for verb in ["retry", "abort"] {
        let mut release = Release::of(vec![stage("Dev", After::Release)]);
        release.slot("Dev");
        let (deployment, run) = (release.latest("Dev").id, release.latest("Dev").run.expect("it runs"));
        release.tell(Input::RunQuarantined { run, deployment, problem: problem() }).expect("it was running");
        assert_eq!(release.stages()[0], StageState::Quarantined(run));
        assert!(matches!(release.latest("Dev").phase, Phase::Quarantined(..)));
        assert_eq!(release.latest("Dev").summary, problem().message, "people see why");
        let (by, reason) = (person("ann"), "seen".to_owned());
        if verb == "abort" {
            release.end("Dev", RunEnd::Aborted { by, reason });
            assert_eq!(release.status(), Some(Status::Canceled));
        } else {
            let input = Input::RunReleased { run, deployment, by, verb: verb.into(), reason };
            release.tell(input).expect("it is quarantined");
            assert_eq!(release.stages()[0], StageState::Running(run));
            assert_eq!(release.latest("Dev").summary, "");
        }
    }
}
