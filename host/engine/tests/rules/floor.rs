//! What votes and verdicts come to, against a plain reading of the rules.

use std::collections::BTreeSet;

use proptest::prelude::*;
use relhost_engine::approval::{Judged, inputs, judge};
use relhost_engine::port::store::ApprovalRow;
use relhost_model::approval::{
    Approval, Content, Decision, Origin, PolicyDecision, PolicyUse, Requirement, Resolution, Verdict, Vote,
};
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, PersonId, ReleaseId};
use relhost_model::pipeline::After;
use relhost_model::time::Timestamp;

use crate::admission::row;
use crate::world::{config, name, person, snapshot, stage};

const PEOPLE: [&str; 6] = ["ann", "bob", "cleo", "dan", "eve", "rita"];
const DUE: Timestamp = Timestamp(1_000_000);

fn operator() -> Config {
    config(&snapshot(vec![stage("Dev", After::Release)]))
}

/// Asked are the leads, Dan and Rita; Rita requested it, and Ann's build made it.
fn approval(approvals_min: u32, requester_may_approve: bool) -> Approval {
    let digest = Digest::of(b"x");
    Approval {
        id: ApprovalId(1),
        release: ReleaseId(1),
        deployment: DeploymentId(1),
        pipeline: name("shop"),
        stage: name("Dev"),
        environment: name("dev"),
        origin: Origin::Before,
        attempt: 1,
        content: Content {
            artifacts: [("web/app.yaml".to_owned(), digest)].into(),
            component: digest,
            settings: digest,
            connection: "kind".into(),
            namespace: "shop".into(),
            policy: digest,
            pipeline_revision: digest,
            journal: None,
        },
        policies: ["any-one", "window"]
            .map(|plugin| PolicyUse {
                plugin: name(plugin),
                component: digest,
                settings: serde_json::json!({ "of": plugin }),
                from_environment: plugin == "window",
            })
            .to_vec(),
        approvers: vec![name("group:leads"), name("dan"), name("rita"), name("ann")],
        approvals_min,
        requester_may_approve,
        requesters: vec![person("rita"), person("ann")],
        instructions: String::new(),
        opened_at: Timestamp(1_000),
        due_at: DUE,
        rehearsal: false,
    }
}

fn votes() -> impl Strategy<Value = Vec<Vote>> {
    // At most one vote of each person, as the store keeps them.
    let ballots = prop::collection::btree_map(0..PEOPLE.len(), (prop::bool::weighted(0.85), 0_u64..50), 0..6);
    ballots.prop_map(|ballots| {
        let vote = |(who, (approve, at)): (usize, (bool, u64))| Vote {
            voter: person(PEOPLE[who]),
            approve,
            comment: format!("of {}", PEOPLE[who]),
            at: Timestamp(2_000 + at),
            via: "socket".into(),
        };
        ballots.into_iter().map(vote).collect()
    })
}

fn verdict() -> impl Strategy<Value = Result<Verdict, CallError>> {
    let needed = |count| Requirement { description: "one more".into(), candidates: Vec::new(), count };
    let decision = prop_oneof![
        6 => Just(PolicyDecision::Approve),
        1 => Just(PolicyDecision::Reject),
        2 => Just(PolicyDecision::Abstain),
        1 => (1_u32..3).prop_map(move |count| PolicyDecision::Need(vec![needed(count)])),
        1 => Just(PolicyDecision::Need(Vec::new())),
    ];
    let spoken = (decision, prop::option::of(3_000_u64..9_000)).prop_map(|(decision, recheck)| {
        Ok(Verdict { decision, reasons: vec!["because".into()], recheck_at: recheck.map(Timestamp) })
    });
    prop_oneof![9 => spoken, 1 => Just(Err(CallError::permanent("policy-error", "it trapped")))]
}

#[derive(Debug, Clone)]
struct Case {
    row: ApprovalRow,
    votes: Vec<Vote>,
    verdicts: Vec<Result<Verdict, CallError>>,
    now: Timestamp,
}

fn case() -> impl Strategy<Value = Case> {
    let now = prop_oneof![5 => Just(Timestamp(5_000)), 1 => Just(DUE), 1 => Just(Timestamp(DUE.0 - 1))];
    let verdicts = prop::collection::vec(verdict(), 1..4);
    (0_u32..4, any::<bool>(), votes(), verdicts, now).prop_map(|(min, may, votes, verdicts, now)| Case {
        row: row(approval(min, may)),
        votes,
        verdicts,
        now,
    })
}

impl Case {
    fn judge(&self) -> Judged {
        judge(&self.row, &self.votes, &self.verdicts, &operator(), self.now)
    }

    /// Those whose votes count: asked now, and nobody behind the deployment unless that is allowed.
    fn counting(&self) -> Vec<&Vote> {
        let asked: &[&str] = if self.row.approval.requester_may_approve {
            &["ann", "bob", "cleo", "dan", "rita"]
        } else {
            &["bob", "cleo", "dan"]
        };
        self.votes.iter().filter(|vote| asked.iter().any(|who| vote.voter == person(who))).collect()
    }

    /// The rules, read plainly.
    fn expected(&self) -> Option<Resolution> {
        let counting = self.counting();
        let said = |wanted: &PolicyDecision| {
            self.verdicts.iter().any(|verdict| verdict.as_ref().is_ok_and(|v| v.decision == *wanted))
        };
        let agrees = |verdict: &Result<Verdict, CallError>| {
            let decision = verdict.as_ref().map(|verdict| &verdict.decision);
            matches!(decision, Ok(PolicyDecision::Approve | PolicyDecision::Abstain))
        };
        if counting.iter().any(|vote| !vote.approve) {
            return Some(Resolution::Rejected);
        }
        if self.now >= DUE {
            return Some(Resolution::Expired);
        }
        if said(&PolicyDecision::Reject) {
            return Some(Resolution::Rejected);
        }
        let enough = counting.len() >= self.row.approval.approvals_min as usize;
        let policies = self.verdicts.iter().all(agrees) && said(&PolicyDecision::Approve);
        (enough && policies).then_some(Resolution::Approved)
    }
}

fn resolution(judged: &Judged) -> Option<Resolution> {
    match judged {
        Judged::Open { .. } => None,
        Judged::Closed(decision) => Some(decision.resolution),
    }
}

/// A judgement without the order in which the votes were given.
fn unordered(judged: Judged) -> Judged {
    match judged {
        Judged::Closed(decision) => {
            let mut votes = decision.votes;
            votes.sort_by(|a, b| a.voter.cmp(&b.voter));
            Judged::Closed(Decision { votes, ..decision })
        }
        open => open,
    }
}

proptest! {
    #[test]
    fn a_judgement_is_what_the_rules_say(case in case()) {
        let judged = case.judge();
        prop_assert_eq!(resolution(&judged), case.expected(), "{:?}", judged);
        match judged {
            Judged::Open { waiting_for, .. } => {
                prop_assert!(!waiting_for.is_empty(), "people are told what is missing");
            }
            Judged::Closed(decision) => {
                prop_assert_eq!(&decision.votes, &case.votes, "all votes are kept");
                prop_assert_eq!(decision.at, case.now);
                prop_assert!(!decision.reason.is_empty());
            }
        }
    }

    #[test]
    fn the_order_of_votes_and_verdicts_does_not_matter(
        case in case(),
        votes in any::<prop::sample::Index>(),
        verdicts in any::<prop::sample::Index>(),
    ) {
        let mut turned = case.clone();
        if !turned.votes.is_empty() {
            let by = votes.index(turned.votes.len());
            turned.votes.rotate_left(by);
            turned.votes.swap(0, by);
        }
        let before = unordered(case.judge());
        prop_assert_eq!(&unordered(turned.judge()), &before);
        let by = verdicts.index(turned.verdicts.len());
        turned.verdicts.rotate_left(by);
        prop_assert_eq!(resolution(&turned.judge()), resolution(&before));
    }

    #[test]
    fn one_person_never_counts_twice(case in case(), times in 2_usize..5) {
        let mut repeated = case.clone();
        repeated.votes = case.votes.iter().flat_map(|vote| vec![vote.clone(); times]).collect();
        prop_assert_eq!(resolution(&repeated.judge()), resolution(&case.judge()));
        for (_, input) in inputs(&repeated.row, &repeated.votes, &operator(), repeated.now) {
            let voters: BTreeSet<_> = input.votes.iter().map(|vote| &vote.voter).collect();
            prop_assert_eq!(voters.len(), input.votes.len());
        }
    }

    #[test]
    fn whoever_is_behind_the_deployment_never_counts(case in case(), approve in any::<bool>()) {
        let mut case = case;
        case.row.approval.requester_may_approve = false;
        let behind = ["ann", "rita"].map(person);
        case.votes.retain(|vote| !behind.contains(&vote.voter));
        let without = case.judge();
        for voter in behind.clone() {
            let (comment, via, at) = (String::new(), "socket".into(), Timestamp(1_500));
            case.votes.insert(0, Vote { voter, approve, comment, at, via });
        }
        prop_assert_eq!(resolution(&case.judge()), resolution(&without));
        for (_, input) in inputs(&case.row, &case.votes, &operator(), case.now) {
            prop_assert!(input.votes.iter().all(|vote| !behind.contains(&vote.voter)));
            let asked = input.approvers.iter().map(|asked| asked.person.as_str()).collect::<Vec<_>>();
            prop_assert_eq!(asked, ["bob", "cleo", "dan"]);
        }
    }

    #[test]
    fn one_more_approval_never_undoes_an_approval_and_one_rejection_always_does(case in case()) {
        let judged = case.judge();
        let silent = ["bob", "cleo", "dan"].map(person);
        let silent = silent.into_iter().find(|who| case.votes.iter().all(|vote| vote.voter != *who));
        let Some(voter) = silent else { return Ok(()) };
        let vote = |approve| Vote {
            voter: voter.clone(),
            approve,
            comment: "no".into(),
            at: Timestamp(4_000),
            via: "socket".into(),
        };
        let mut more = case;
        more.votes.push(vote(true));
        if resolution(&judged) == Some(Resolution::Approved) {
            prop_assert_eq!(resolution(&more.judge()), Some(Resolution::Approved));
        }
        *more.votes.last_mut().expect("it was pushed") = vote(false);
        prop_assert_eq!(resolution(&more.judge()), Some(Resolution::Rejected));
    }
}

fn approving() -> Vec<Result<Verdict, CallError>> {
    vec![Ok(Verdict { decision: PolicyDecision::Approve, reasons: Vec::new(), recheck_at: None })]
}

fn plain_vote(who: &str, at: u64) -> Vote {
    let (approve, comment, via) = (true, String::new(), "socket".into());
    Vote { voter: person(who), approve, comment, at: Timestamp(at), via }
}

#[test]
fn who_left_the_group_does_not_count_any_more() {
    let row = row(approval(1, false));
    let votes = [plain_vote("bob", 2_000)];
    let mut config = operator();
    let now = Timestamp(5_000);
    assert_eq!(resolution(&judge(&row, &votes, &approving(), &config, now)), Some(Resolution::Approved));
    config.groups.insert(name("leads"), vec![name::<PersonId>("cleo")]);
    let Judged::Open { waiting_for, .. } = judge(&row, &votes, &approving(), &config, now) else {
        panic!("Bob is not asked any more")
    };
    assert_eq!(waiting_for, "1 more approval for the environment's minimum");
}

#[test]
fn policies_are_asked_again_at_the_earliest_time_that_one_names() {
    let need = |recheck_at: Option<u64>| {
        let (decision, reasons) = (PolicyDecision::Need(Vec::new()), vec!["not yet".to_owned()]);
        Ok(Verdict { decision, reasons, recheck_at: recheck_at.map(Timestamp) })
    };
    let verdicts = [need(Some(90_000)), need(None), need(Some(60_000))];
    let row = row(approval(0, false));
    let Judged::Open { recheck_at, .. } = judge(&row, &[], &verdicts, &operator(), Timestamp(5_000)) else {
        panic!("no policy approves")
    };
    assert_eq!(recheck_at, Some(Timestamp(60_000)));
    let open = judge(&row, &[], &verdicts[1..2], &operator(), Timestamp(5_000));
    assert!(matches!(open, Judged::Open { recheck_at: None, .. }), "{open:?}");
}

#[test]
fn policies_without_an_opinion_open_nothing() {
    let abstain = Ok(Verdict { decision: PolicyDecision::Abstain, reasons: Vec::new(), recheck_at: None });
    let row = row(approval(1, false));
    let votes = [plain_vote("bob", 2_000)];
    let both = [abstain.clone(), abstain.clone()];
    let judged = judge(&row, &votes, &both, &operator(), Timestamp(5_000));
    assert!(
        matches!(&judged, Judged::Open { waiting_for, .. } if waiting_for.contains("abstain")),
        "{judged:?}"
    );
    let one = [abstain, approving().remove(0)];
    assert_eq!(
        resolution(&judge(&row, &votes, &one, &operator(), Timestamp(5_000))),
        Some(Resolution::Approved)
    );
}

#[test]
fn the_first_rejection_is_named_in_whatever_order_votes_come() {
    let no = |who, at| Vote { approve: false, comment: format!("says {who}"), ..plain_vote(who, at) };
    let row = row(approval(0, false));
    for votes in [[no("bob", 3_000), no("cleo", 2_000)], [no("cleo", 2_000), no("bob", 3_000)]] {
        let Judged::Closed(decision) = judge(&row, &votes, &approving(), &operator(), Timestamp(5_000))
        else {
            panic!("one rejection closes")
        };
        assert_eq!(decision.reason, "rejected by cleo: says cleo");
    }
}

#[test]
fn a_policy_that_fails_keeps_the_gate_closed_and_says_so() {
    let verdicts = [approving().remove(0), Err(CallError::permanent("policy-error", "it trapped"))];
    let judged =
        judge(&row(approval(0, true)), &[plain_vote("bob", 1)], &verdicts, &operator(), Timestamp(9));
    let Judged::Open { waiting_for, .. } = judged else { panic!("{judged:?}") };
    assert!(waiting_for.contains("closed") && waiting_for.contains("it trapped"), "{waiting_for}");
}

#[test]
fn each_policy_is_asked_with_its_own_settings_and_the_groups_people_are_asked_through() {
    let row = row(approval(1, true));
    let votes = [plain_vote("bob", 2_000), plain_vote("eve", 2_001)];
    let asked = inputs(&row, &votes, &operator(), Timestamp(5_000));
    let settings: Vec<_> =
        asked.iter().map(|(policy, input)| (policy.plugin.as_str(), &input.settings)).collect();
    let expected = [serde_json::json!({ "of": "any-one" }), serde_json::json!({ "of": "window" })];
    assert_eq!(settings, [("any-one", &expected[0]), ("window", &expected[1])]);
    let input = &asked[0].1;
    assert_eq!(input.requester, person("rita"));
    assert_eq!((input.opened_at, input.now), (Timestamp(1_000), Timestamp(5_000)));
    assert_eq!(input.votes, [plain_vote("bob", 2_000)], "Eve is not asked");
    let groups: Vec<_> = input.approvers.iter().map(|a| (a.person.as_str(), a.groups.len())).collect();
    assert_eq!(groups, [("ann", 1), ("bob", 1), ("cleo", 1), ("dan", 0), ("rita", 0)]);
}
