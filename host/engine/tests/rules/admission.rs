//! Which votes the floor lets in, who may hand an approval on, and what stage code may ask.

use std::collections::BTreeMap;

use relhost_engine::approval::{
    Candidate, Judged, POLICY_DEFAULT, Refused, RefusedKind, admit, current_content, decide, from_call,
    policy_digest, reassign, still_asked,
};
use relhost_engine::port::store::{ApprovalRow, Change, CommandBody, MailCommand};
use relhost_engine::release::Input;
use relhost_model::actor::Actor;
use relhost_model::approval::{
    Approval, COMMENT_MAX, Content, Decision, INSTRUCTIONS_MAX, Origin, PolicyUse, Resolution,
    TIMEOUT_DEFAULT, Vote,
};
use relhost_model::call::ApprovalCall;
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId, RunId};
use relhost_model::pipeline::{After, PolicySpec};
use relhost_model::time::Timestamp;

use crate::world::{Release, artifact, asks, config, name, person, snapshot, stage};

const NOW: Timestamp = Timestamp(50_000);

/// A release whose first stage asks the leads, and the row of that approval.
fn asked() -> (Release, ApprovalRow) {
    let mut dev = stage("Dev", After::Release);
    dev.approval.before = Some(asks(&["group:leads", "rita"]));
    let mut release = Release::of(vec![dev]);
    let row = grant(&mut release);
    (release, row)
}

/// Grants the slot and returns the approval that opens.
fn grant(release: &mut Release) -> ApprovalRow {
    let deployment = release.latest("Dev").id;
    let decision = release.tell(Input::SlotGranted { deployment }).expect("it waits for its slot");
    let opened = decision.changes.into_iter().find_map(|change| match change {
        Change::OpenApproval(approval) => Some(*approval),
        _ => None,
    });
    row(opened.expect("the stage asks"))
}

pub fn row(approval: Approval) -> ApprovalRow {
    let (votes, waiting_for) = (Vec::new(), String::new());
    ApprovalRow { approval, version: 4, votes, decision: None, recheck_at: None, waiting_for }
}

fn candidate(row: &ApprovalRow, voter: Actor) -> Candidate {
    Candidate {
        voter,
        approve: true,
        comment: "fine".into(),
        via: "socket".into(),
        content: row.approval.content.digest(),
        attempt: row.approval.attempt,
    }
}

fn vote(who: &str) -> Vote {
    Vote { voter: person(who), approve: true, comment: String::new(), at: NOW, via: "socket".into() }
}

fn closed(resolution: Resolution) -> Decision {
    Decision { resolution, reason: "so".into(), votes: Vec::new(), at: Timestamp(40_000) }
}

struct Door {
    row: ApprovalRow,
    config: Config,
    candidate: Candidate,
    current: (Content, u32),
    now: Timestamp,
}

impl Door {
    /// Ann, who is asked, with what she saw.
    fn open() -> Self {
        let (release, row) = asked();
        let current = current_content(&release.state, &row.approval);
        let candidate = candidate(&row, person("ann"));
        Self { config: release.source.config, candidate, current, now: NOW, row }
    }

    fn knock(self) -> Result<Vote, Refused> {
        admit(&self.row, &self.config, self.candidate, (&self.current.0, self.current.1), self.now)
    }
}

#[test]
fn who_is_asked_and_saw_what_is_asked_may_vote() {
    let door = Door::open();
    let expected =
        Vote { voter: person("ann"), approve: true, comment: "fine".into(), at: NOW, via: "socket".into() };
    assert_eq!(door.knock(), Ok(expected));
}

#[test]
fn each_rule_shuts_out_with_its_own_word() {
    type Change = fn(&mut Door);
    use RefusedKind as K;
    let table: [(&str, Change, &str, K); 18] = [
        ("an os user", |d| d.candidate.voter = Actor::OsUser("ann".into()), "unknown-person", K::NotAsked),
        ("a service", |d| d.candidate.voter = Actor::Service("host".into()), "unknown-person", K::NotAsked),
        ("a stranger", |d| d.candidate.voter = person("zoe"), "unknown-person", K::NotAsked),
        ("not asked", |d| d.candidate.voter = person("dan"), "not-asked", K::NotAsked),
        ("left the group", |d| d.config.groups.clear(), "not-asked", K::NotAsked),
        ("the requester", |d| d.candidate.voter = person("rita"), "requester", K::Rule),
        ("other artifacts", |d| d.current.0.artifacts.clear(), "content-changed", K::Closed),
        ("another component", |d| d.current.0.component.0[0] ^= 1, "content-changed", K::Closed),
        ("other settings", |d| d.current.0.settings.0[0] ^= 1, "content-changed", K::Closed),
        ("another cluster", |d| d.current.0.connection.push('x'), "content-changed", K::Closed),
        ("another namespace", |d| d.current.0.namespace.push('x'), "content-changed", K::Closed),
        ("another pipeline", |d| d.current.0.pipeline_revision.0[0] ^= 1, "content-changed", K::Closed),
        ("an old mail", |d| d.candidate.content.0[0] ^= 1, "content-changed", K::Closed),
        ("a later attempt", |d| d.current.1 += 1, "content-changed", K::Closed),
        ("another attempt's link", |d| d.candidate.attempt += 1, "content-changed", K::Closed),
        ("it is over", |d| d.row.decision = Some(closed(Resolution::Rejected)), "closed", K::Closed),
        ("voted", |d| d.row.votes.push(vote("ann")), "voted", K::Closed),
        ("a novel", |d| d.candidate.comment = "ä".repeat(COMMENT_MAX + 1), "comment-too-long", K::Usage),
    ];
    for (what, change, code, kind) in table {
        let mut door = Door::open();
        change(&mut door);
        let refused = door.knock().expect_err(what);
        assert_eq!((refused.code(), refused.kind()), (code, kind), "{what}");
    }
    let mut door = Door::open();
    door.candidate.comment = "ä".repeat(COMMENT_MAX);
    assert!(door.knock().is_ok(), "the longest comment");
}

#[test]
fn the_last_millisecond_counts_and_the_next_does_not() {
    let mut door = Door::open();
    let due = door.row.approval.due_at;
    assert_eq!(due, door.row.approval.opened_at.plus(TIMEOUT_DEFAULT));
    door.now = Timestamp(due.0 - 1);
    assert!(door.knock().is_ok());
    let mut door = Door::open();
    door.now = due;
    assert_eq!(door.knock(), Err(Refused::Expired(due)));
}

#[test]
fn a_change_names_its_field_even_to_who_holds_a_link_of_a_closed_approval() {
    let mut door = Door::open();
    door.row.decision = Some(closed(Resolution::Superseded));
    door.current.0.artifacts.insert("web/app.yaml".into(), Digest::of(b"second"));
    let Err(Refused::Changed { field, .. }) = door.knock() else { panic!("the content changed") };
    assert_eq!(field, "artifacts (web/app.yaml)");
}

#[test]
fn the_requester_may_vote_where_the_environment_says_so() {
    let mut door = Door::open();
    door.row.approval.requester_may_approve = true;
    door.candidate.voter = person("rita");
    assert!(door.knock().is_ok());
}

#[test]
fn everybody_behind_a_deployment_is_its_requester() {
    let mut dev = stage("Dev", After::Manual);
    dev.approval.before = Some(asks(&["ann", "bob", "cleo", "rita"]));
    let mut snapshot = crate::world::snapshot(vec![dev]);
    snapshot.requested_for = Some(person("bob"));
    let config = crate::world::config(&snapshot);
    let mut release = Release::blank(snapshot, config);
    release.tell(Input::Create { by: person("rita") }).expect("a release can be created");
    release.tell(Input::Promote { stage: name("Dev"), by: person("cleo") }).expect("it has not run");
    let row = grant(&mut release);
    let current = current_content(&release.state, &row.approval);
    for (who, counts) in [("ann", true), ("bob", false), ("cleo", false), ("rita", false)] {
        let candidate = candidate(&row, person(who));
        let vote = admit(&row, &release.source.config, candidate, (&current.0, current.1), NOW);
        assert_eq!(vote.is_ok(), counts, "{who}");
    }
    assert_eq!(still_asked(&row, &release.source.config), [name::<PersonId>("ann")]);
}

#[test]
fn a_redeployment_with_other_artifacts_voids_what_was_asked() {
    let (mut release, row) = asked();
    let redeploy =
        Input::Redeploy { stage: name("Dev"), by: person("rita"), artifacts: Some(vec![artifact("second")]) };
    release.tell(redeploy).expect("a waiting attempt is superseded");
    let current = current_content(&release.state, &row.approval);
    let candidate = candidate(&row, person("ann"));
    let refused = admit(&row, &release.source.config, candidate, (&current.0, current.1), NOW);
    let expected = Refused::Changed { field: "artifacts (web/app.yaml)".into(), attempt: 2 };
    assert_eq!(refused, Err(expected));
}

#[test]
fn a_redeployment_of_the_same_still_asks_again() {
    let (mut release, row) = asked();
    let redeploy = Input::Redeploy { stage: name("Dev"), by: person("rita"), artifacts: None };
    release.tell(redeploy).expect("a waiting attempt is superseded");
    let current = current_content(&release.state, &row.approval);
    let candidate = candidate(&row, person("ann"));
    let refused = admit(&row, &release.source.config, candidate, (&current.0, current.1), NOW);
    assert_eq!(refused, Err(Refused::Changed { field: "attempt".into(), attempt: 2 }));
}

#[test]
fn who_has_voted_is_not_asked_any_more_and_nobody_after_the_end() {
    let (release, mut row) = asked();
    let people = |names: &[&str]| names.iter().map(|id| name::<PersonId>(id)).collect::<Vec<_>>();
    assert_eq!(still_asked(&row, &release.source.config), people(&["ann", "bob", "cleo"]));
    row.votes.push(vote("bob"));
    assert_eq!(still_asked(&row, &release.source.config), people(&["ann", "cleo"]));
    row.decision = Some(closed(Resolution::Approved));
    assert_eq!(still_asked(&row, &release.source.config), people(&[]));
}

#[test]
fn a_judgement_is_written_at_the_versions_it_was_made_on() {
    let (_, mut row) = asked();
    row.waiting_for = "ann".into();
    let open = Judged::Open { waiting_for: "bob".into(), recheck_at: Some(Timestamp(9)) };
    assert!(matches!(
        &decide(&row, &open, Some(vote("ann")))[..],
        [Change::AddVote { expected: 4, .. }, Change::Recheck { at: Some(Timestamp(9)), waiting_for, .. }]
            if waiting_for == "bob"
    ));
    let same = Judged::Open { waiting_for: "ann".into(), recheck_at: None };
    assert!(decide(&row, &same, None).is_empty(), "nothing is new");
    let over = Judged::Closed(closed(Resolution::Approved));
    assert!(matches!(&decide(&row, &over, None)[..], [Change::CloseApproval { expected: 4, .. }]));
    assert!(matches!(
        &decide(&row, &over, Some(vote("ann")))[..],
        [Change::AddVote { expected: 4, .. }, Change::CloseApproval { expected: 5, .. }]
    ));
}

#[test]
fn who_may_decide_may_hand_on_and_the_new_ones_are_told() {
    let (release, row) = asked();
    let to = [name("dan")];
    let changes = reassign(&row, &person("ann"), &to, &release.source.config, NOW).expect("Ann is asked");
    let Some(Change::Reassign { expected: 4, approvers, policy, .. }) = changes.first() else {
        panic!("{changes:?}")
    };
    assert_eq!((&approvers[..], *policy), (&to[..], policy_digest(&row.approval.policies, &to)));
    let told: Vec<_> = changes[1..].iter().map(recipient).collect();
    assert_eq!(told, [name::<PersonId>("dan")]);
}

fn recipient(change: &Change) -> PersonId {
    match change {
        Change::PutCommand(command) => match &command.body {
            CommandBody::Mail(MailCommand::Ask { person, .. } | MailCommand::Closed { person, .. }) => {
                person.clone()
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_else_may_hand_on_and_never_to_the_requester_alone() {
    let (release, mut row) = asked();
    let config = &release.source.config;
    let attempt = |row: &ApprovalRow, by: Actor, to: &str| reassign(row, &by, &[name(to)], config, NOW).err();
    assert!(matches!(attempt(&row, person("dan"), "eve"), Some(Refused::NotAsked { .. })));
    assert_eq!(attempt(&row, person("rita"), "eve"), Some(Refused::Requester(name("rita"))));
    assert!(matches!(attempt(&row, Actor::OsUser("ann".into()), "eve"), Some(Refused::Unknown(_))));
    assert_eq!(attempt(&row, person("ann"), "rita"), Some(Refused::Nobody));
    for unknown in ["zoe", "group:nobody"] {
        assert_eq!(attempt(&row, person("ann"), unknown), Some(Refused::UnknownApprover(name(unknown))));
    }
    let due = std::mem::replace(&mut row.approval.due_at, NOW);
    assert_eq!(attempt(&row, person("ann"), "eve"), Some(Refused::Expired(NOW)));
    row.approval.due_at = due;
    row.decision = Some(closed(Resolution::Expired));
    let over = attempt(&row, person("ann"), "eve").expect("it is over");
    assert!(matches!(over, Refused::Closed { .. }));
    // Whether the host has closed it already makes no difference to who comes too late.
    assert_eq!((over.kind(), over.code()), (Refused::Expired(NOW).kind(), Refused::Expired(NOW).code()));
}

fn call() -> ApprovalCall {
    ApprovalCall {
        instructions: "look".into(),
        policy: None,
        policy_settings: serde_json::json!({ "count": 1 }),
        approvers: vec![name("group:leads")],
        timeout_seconds: Some(60),
    }
}

/// A release whose code runs, and what it gets for a call.
fn from_code(call: &ApprovalCall) -> Result<Approval, relhost_model::call::CallError> {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    let deployment = release.latest("Dev").id;
    release.tell(Input::SlotGranted { deployment }).expect("it waits for its slot");
    let ids = (ApprovalId(70), RunId(8), 3);
    from_call(&release.state, deployment, ids, call, (Digest::of(b"journal"), NOW))
}

#[test]
fn what_the_environment_demands_holds_inside_the_code_too() {
    let snapshot = snapshot(vec![stage("Dev", After::Release)]);
    let mut config = config(&snapshot);
    let window = PolicySpec { plugin: name("window"), with: serde_json::json!({}) };
    config.environments.get_mut(&name("dev")).expect("the stage's environment").policies = vec![window];
    let mut release = Release::blank(snapshot, config);
    release.tell(Input::Create { by: person("rita") }).expect("a release can be created");
    let ids = (ApprovalId(70), RunId(8), 3);
    let deployment = release.latest("Dev").id;
    let asked = from_call(&release.state, deployment, ids, &call(), (Digest::of(b"journal"), NOW));
    let approval = asked.expect("it is well-formed");
    let demanded = |policy: &PolicyUse| (policy.plugin.to_string(), policy.from_environment);
    let expected = [(POLICY_DEFAULT.to_owned(), false), ("window".to_owned(), true)];
    assert_eq!(approval.policies.iter().map(demanded).collect::<Vec<_>>(), expected);
    assert_eq!(approval.content.policy, policy_digest(&approval.policies, &approval.approvers));
}

#[test]
fn code_asks_under_the_same_floor() {
    let approval = from_code(&call()).expect("it is well-formed");
    assert_eq!(approval.origin, Origin::Call(RunId(8), 3));
    assert_eq!(approval.content.journal, Some(Digest::of(b"journal")), "bound to what has happened so far");
    assert_eq!(approval.content.policy, policy_digest(&approval.policies, &approval.approvers));
    assert_eq!((approval.opened_at, approval.due_at), (NOW, Timestamp(NOW.0 + 60_000)));
    assert_eq!(approval.policies[0].plugin.as_str(), POLICY_DEFAULT);
    assert_eq!(approval.policies[0].settings, serde_json::json!({ "count": 1 }));
    assert!(!approval.requester_may_approve && approval.requesters.contains(&person("rita")));
}

#[test]
fn code_that_asks_nobody_or_too_much_is_told_so() {
    type Change = fn(&mut ApprovalCall);
    let table: [(&str, Change); 7] = [
        ("no-approvers", |c| c.approvers.clear()),
        ("instructions-too-long", |c| c.instructions = "ä".repeat(INSTRUCTIONS_MAX + 1)),
        ("timeout-out-of-range", |c| c.timeout_seconds = Some(0)),
        ("timeout-out-of-range", |c| c.timeout_seconds = Some(365 * 86_400 + 1)),
        ("timeout-out-of-range", |c| c.timeout_seconds = Some(u64::MAX)),
        ("unknown-policy", |c| c.policy = Some(name("nobody"))),
        ("unknown-policy", |c| c.policy = Some(name("deployer"))),
    ];
    for (code, change) in table {
        let mut call = call();
        change(&mut call);
        let refused = from_code(&call).expect_err(code);
        assert_eq!((refused.code.as_str(), refused.retryable), (code, false));
    }
    let longest =
        ApprovalCall { timeout_seconds: Some(365 * 86_400), policy: Some(name("window")), ..call() };
    assert!(from_code(&longest).is_ok());
    let default = ApprovalCall { timeout_seconds: None, ..call() };
    let default = from_code(&default).expect("it is well-formed");
    assert_eq!(default.due_at.since(default.opened_at), TIMEOUT_DEFAULT);
}

#[test]
fn what_code_asked_stays_bound_to_its_own_policy_and_journal() {
    let mut release = Release::of(vec![stage("Dev", After::Release)]);
    let deployment = release.latest("Dev").id;
    release.tell(Input::SlotGranted { deployment }).expect("it waits for its slot");
    let run = release.latest("Dev").run.expect("it runs");
    let ids = (ApprovalId(70), run, 0);
    let approval = from_call(&release.state, deployment, ids, &call(), (Digest::of(b"journal"), NOW));
    let approval = approval.expect("it is well-formed");
    let (current, attempt) = current_content(&release.state, &approval);
    assert_eq!((current.first_difference(&approval.content), attempt), (None, 1));
    assert_eq!(current.digest(), approval.content.digest());
    assert_eq!(BTreeMap::from_iter(current.artifacts).len(), 1);
}
