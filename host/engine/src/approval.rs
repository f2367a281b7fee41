//! Approvals: the floor that no policy can lower, and what the votes come to.
//!
//! The floor: the voter is known and asked; the requester does not count unless that is allowed; a vote is
//! bound to the content and the attempt that the voter saw; one rejection closes; at the end of its time
//! it is over. A policy may ask for more, never for less.

use std::collections::{BTreeMap, BTreeSet};

use relhost_model::actor::Actor;
use relhost_model::approval::{
    Approval, Approver, COMMENT_MAX, Content, Decision, INSTRUCTIONS_MAX, Origin, PolicyDecision,
    PolicyInput, PolicyUse, Resolution, TIMEOUT_DEFAULT, TIMEOUT_MAX, Verdict, Vote,
};
use relhost_model::call::{ApprovalCall, CallError};
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, PersonId, PluginName, RunId};
use relhost_model::release::{ApprovalPlan, PluginKind};
use relhost_model::time::{Millis, Timestamp};

use crate::asking;
use crate::port::store::{ApprovalRow, Change};
use crate::release::{ReleaseState, approval_of};

/// The policy of an approval that names none.
pub const POLICY_DEFAULT: &str = "any-one";

/// A vote as it arrives.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Who, as the transport recognised them.
    pub voter: Actor,
    /// Approve or reject.
    pub approve: bool,
    /// Why.
    pub comment: String,
    /// How they were recognised.
    pub via: String,
    /// The digest of what they saw.
    pub content: Digest,
    /// The attempt they saw.
    pub attempt: u32,
}

/// Which kind of reason a vote is refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedKind {
    /// The voter is not one of those asked.
    NotAsked,
    /// A rule shuts the voter out.
    Rule,
    /// It is over, or about something else by now.
    Closed,
    /// Its time is over.
    Expired,
    /// The vote itself is not well-formed.
    Usage,
}

/// Why a vote does not count. Nothing is recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The voter is nobody whom the configuration knows.
    #[error("{0} is no person of the configuration")]
    Unknown(Actor),
    /// The voter is not asked.
    #[error("{person} is not asked; asked are {asked}")]
    NotAsked {
        /// Who.
        person: PersonId,
        /// Who is.
        asked: String,
    },
    /// It runs on the voter's behalf.
    #[error("{0} requested this deployment, and the environment does not let the requester approve")]
    Requester(PersonId),
    /// The voter has voted.
    #[error("{0} has voted already")]
    Voted(PersonId),
    /// It is over.
    #[error("it is {resolution} since {at}: {reason}")]
    Closed {
        /// How it ended.
        resolution: Resolution,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// What is to be approved has changed.
    #[error("the {field} changed since this was asked; attempt {attempt} is current")]
    Changed {
        /// The field.
        field: String,
        /// The current attempt.
        attempt: u32,
    },
    /// The voter saw something else than what is asked.
    #[error("what you saw is not what is asked: the content differs")]
    OtherContent,
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// The comment is too long.
    #[error("the comment has more than {COMMENT_MAX} characters")]
    Comment,
    /// A new list that names somebody whom the configuration does not know.
    #[error("there is no {}", kind_and_name(.0))]
    UnknownApprover(Approver),
    /// A new list that names nobody who may decide.
    #[error("the list names nobody who may decide")]
    Nobody,
}

impl Refused {
    /// Which kind of reason it is.
    #[must_use]
    pub fn kind(&self) -> RefusedKind {
        match self {
            Self::Unknown(_) | Self::NotAsked { .. } => RefusedKind::NotAsked,
            Self::Requester(_) | Self::Nobody => RefusedKind::Rule,
            Self::Voted(_) | Self::Changed { .. } | Self::OtherContent => RefusedKind::Closed,
            // The same to the voter, whether the host has closed it yet or not.
            Self::Closed { resolution: Resolution::Expired, .. } | Self::Expired(_) => RefusedKind::Expired,
            Self::Closed { .. } => RefusedKind::Closed,
            Self::Comment | Self::UnknownApprover(_) => RefusedKind::Usage,
        }
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-person",
            Self::NotAsked { .. } => "not-asked",
            Self::Requester(_) => "requester",
            Self::Voted(_) => "voted",
            Self::Closed { resolution: Resolution::Expired, .. } | Self::Expired(_) => "expired",
            Self::Closed { .. } => "closed",
            Self::Changed { .. } | Self::OtherContent => "content-changed",
            Self::Comment => "comment-too-long",
            Self::UnknownApprover(_) => "unknown-approver",
            Self::Nobody => "nobody",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(Actor::OsUser(user)) => Some(format!(
                "add `os-user: {user}` to a person in relhost.yaml; in a rehearsal use `--as PERSON`"
            )),
            Self::UnknownApprover(_) => Some("people and groups stand in relhost.yaml".into()),
            Self::NotAsked { .. } | Self::Requester(_) => {
                Some("one of those who are asked may reassign it".into())
            }
            Self::Changed { .. } | Self::OtherContent => {
                Some("`relhost approval list` shows what is asked now".into())
            }
            _ => None,
        }
    }
}

fn kind_and_name(approver: &Approver) -> String {
    match approver {
        Approver::Person(person) => format!("person `{person}`"),
        Approver::Group(group) => format!("group `{group}`"),
    }
}

/// Who may decide an open approval now and has not voted.
#[must_use]
pub fn still_asked(row: &ApprovalRow, config: &Config) -> Vec<PersonId> {
    if row.decision.is_some() {
        return Vec::new();
    }
    let voted: BTreeSet<&PersonId> = row.votes.iter().filter_map(|vote| vote.voter.person()).collect();
    let deciders = asking::deciders(&row.approval, config).into_iter();
    deciders.filter(|person| !voted.contains(person)).collect()
}

/// Admits a vote, or says why it does not count. `current` is what the stage's latest attempt is about, and
/// `attempt` its number.
///
/// # Errors
/// The first rule that shuts it out.
pub fn admit(
    row: &ApprovalRow,
    config: &Config,
    candidate: Candidate,
    (current, attempt): (&Content, u32),
    now: Timestamp,
) -> Result<Vote, Refused> {
    let approval = &row.approval;
    let person = known(&candidate.voter, config)?;
    let asked = asking::asked(&approval.approvers, config);
    if !asked.iter().any(|asked| asked.person == person) {
        let asked = asking::deciders(approval, config);
        let asked = asked.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Refused::NotAsked { person, asked });
    }
    // Before "it is over": who holds an old link is told what changed.
    if let Some(field) = approval.content.first_difference(current) {
        return Err(Refused::Changed { field, attempt });
    }
    if candidate.attempt != approval.attempt || attempt != approval.attempt {
        return Err(Refused::Changed { field: "attempt".into(), attempt });
    }
    if let Some(decision) = &row.decision {
        let (resolution, at, reason) = (decision.resolution, decision.at, decision.reason.clone());
        return Err(Refused::Closed { resolution, at, reason });
    }
    if candidate.content != approval.content.digest() {
        return Err(Refused::OtherContent);
    }
    if now >= approval.due_at {
        return Err(Refused::Expired(approval.due_at));
    }
    if asking::is_shut_out(approval, &person) {
        return Err(Refused::Requester(person));
    }
    if row.votes.iter().any(|vote| vote.voter == candidate.voter) {
        return Err(Refused::Voted(person));
    }
    if candidate.comment.chars().count() > COMMENT_MAX {
        return Err(Refused::Comment);
    }
    let Candidate { voter, approve, comment, via, .. } = candidate;
    Ok(Vote { voter, approve, comment, at: now, via })
}

fn known(actor: &Actor, config: &Config) -> Result<PersonId, Refused> {
    let person = actor.person().filter(|person| config.people.contains_key(person));
    person.cloned().ok_or_else(|| Refused::Unknown(actor.clone()))
}

/// The votes that count now: of people who are still asked and not shut out, one each.
fn counting<'a>(approval: &Approval, votes: &'a [Vote], config: &Config) -> Vec<&'a Vote> {
    let deciders: BTreeSet<PersonId> = asking::deciders(approval, config).into_iter().collect();
    let mut seen = BTreeSet::new();
    let counts =
        |vote: &&Vote| vote.voter.person().is_some_and(|p| deciders.contains(p) && seen.insert(p.clone()));
    votes.iter().filter(counts).collect()
}

/// What each policy is asked.
#[must_use]
pub fn inputs(
    row: &ApprovalRow,
    votes: &[Vote],
    config: &Config,
    now: Timestamp,
) -> Vec<(PolicyUse, PolicyInput)> {
    let approval = &row.approval;
    let counting: Vec<Vote> = counting(approval, votes, config).into_iter().cloned().collect();
    let asked = asking::asked(&approval.approvers, config);
    let asked: Vec<_> =
        asked.into_iter().filter(|asked| !asking::is_shut_out(approval, &asked.person)).collect();
    let requester = approval.requesters.first().cloned().unwrap_or_else(|| Actor::Service("host".into()));
    let input = |policy: &PolicyUse| PolicyInput {
        pipeline: approval.pipeline.clone(),
        stage: approval.stage.clone(),
        environment: approval.environment.clone(),
        attempt: approval.attempt,
        requester: requester.clone(),
        approvers: asked.clone(),
        votes: counting.clone(),
        opened_at: approval.opened_at,
        now,
        settings: policy.settings.clone(),
        facts: BTreeMap::new(),
    };
    approval.policies.iter().map(|policy| (policy.clone(), input(policy))).collect()
}

/// What the votes and verdicts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It stays open.
    Open {
        /// What is missing, for people.
        waiting_for: String,
        /// When to evaluate again although nobody votes.
        recheck_at: Option<Timestamp>,
    },
    /// It is over.
    Closed(Decision),
}

/// Judges. The order of the votes does not matter: they are counted, not followed.
#[must_use]
pub fn judge(
    row: &ApprovalRow,
    votes: &[Vote],
    verdicts: &[Result<Verdict, CallError>],
    config: &Config,
    now: Timestamp,
) -> Judged {
    let approval = &row.approval;
    let over = |resolution, reason: String| {
        Judged::Closed(Decision { resolution, reason, votes: votes.to_vec(), at: now })
    };
    let counting = counting(approval, votes, config);
    // The earliest rejection is named, whatever order the votes are given in.
    if let Some(rejection) =
        counting.iter().filter(|vote| !vote.approve).min_by_key(|vote| (vote.at, &vote.voter))
    {
        let why =
            if rejection.comment.is_empty() { String::new() } else { format!(": {}", rejection.comment) };
        return over(Resolution::Rejected, format!("rejected by {}{why}", rejection.voter));
    }
    if now >= approval.due_at {
        return over(Resolution::Expired, format!("nobody decided by {}", approval.due_at));
    }
    let tally = Tally::of(verdicts);
    if let Some(reason) = tally.rejected {
        return over(Resolution::Rejected, reason);
    }
    let approvals = u32::try_from(counting.len()).unwrap_or(u32::MAX);
    let mut waiting = tally.waiting;
    if approvals < approval.approvals_min {
        let missing = approval.approvals_min - approvals;
        waiting.push(format!("{missing} more approval{} for the environment's minimum", plural(missing)));
    }
    if waiting.is_empty() && tally.approved == 0 {
        waiting.push("a policy that has an opinion: all abstain".into());
    }
    if !waiting.is_empty() {
        return Judged::Open { waiting_for: waiting.join("; "), recheck_at: tally.recheck_at };
    }
    let mut names: Vec<String> = counting.iter().map(|vote| vote.voter.to_string()).collect();
    names.sort();
    let by = if names.is_empty() { "the policy".to_owned() } else { names.join(", ") };
    over(Resolution::Approved, format!("approved by {by}"))
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What the policies say together: all must approve.
#[derive(Default)]
struct Tally {
    approved: usize,
    rejected: Option<String>,
    waiting: Vec<String>,
    recheck_at: Option<Timestamp>,
}

impl Tally {
    fn of(verdicts: &[Result<Verdict, CallError>]) -> Self {
        let mut tally = Self::default();
        for verdict in verdicts {
            match verdict {
                Err(error) => tally.waiting.push(format!("the gate stays closed: {error}")),
                Ok(verdict) => tally.take(verdict),
            }
        }
        tally
    }

    fn take(&mut self, verdict: &Verdict) {
        let reasons = verdict.reasons.join("; ");
        self.recheck_at = [self.recheck_at, verdict.recheck_at].into_iter().flatten().min();
        match &verdict.decision {
            PolicyDecision::Approve => self.approved += 1,
            PolicyDecision::Abstain => {}
            PolicyDecision::Reject => {
                self.rejected.get_or_insert(format!("rejected by policy: {reasons}"));
            }
            PolicyDecision::Need(requirements) if requirements.is_empty() => {
                self.waiting.push(if reasons.is_empty() { "the policy".into() } else { reasons });
            }
            PolicyDecision::Need(requirements) => {
                self.waiting.extend(requirements.iter().map(|requirement| requirement.description.clone()));
            }
        }
    }
}

/// The changes that record a judgement, with the vote that led to it.
#[must_use]
pub fn decide(row: &ApprovalRow, judged: &Judged, vote: Option<Vote>) -> Vec<Change> {
    let approval = row.approval.id;
    let mut changes = Vec::new();
    let mut expected = row.version;
    if let Some(vote) = vote {
        changes.push(Change::AddVote { approval, expected, vote: Box::new(vote) });
        expected += 1;
    }
    match judged {
        Judged::Open { waiting_for, recheck_at } => {
            if *waiting_for != row.waiting_for || *recheck_at != row.recheck_at {
                let waiting_for = waiting_for.clone();
                changes.push(Change::Recheck { approval, at: *recheck_at, waiting_for });
            }
        }
        Judged::Closed(decision) => {
            changes.push(Change::CloseApproval { approval, expected, decision: Box::new(decision.clone()) });
        }
    }
    changes
}

/// Replaces who is asked, and tells the new ones. Only those who may decide may hand it on, and the
/// requester can never be handed it where the requester may not approve.
///
/// # Errors
/// If the caller may not, the list names nobody who may decide, or it is over.
pub fn reassign(
    row: &ApprovalRow,
    by: &Actor,
    to: &[Approver],
    config: &Config,
    now: Timestamp,
) -> Result<Vec<Change>, Refused> {
    let approval = &row.approval;
    if let Some(decision) = &row.decision {
        let (resolution, at, reason) = (decision.resolution, decision.at, decision.reason.clone());
        return Err(Refused::Closed { resolution, at, reason });
    }
    if now >= approval.due_at {
        return Err(Refused::Expired(approval.due_at));
    }
    let person = known(by, config)?;
    let deciders = asking::deciders(approval, config);
    if !deciders.contains(&person) {
        if asking::asked(&approval.approvers, config).iter().any(|asked| asked.person == person) {
            return Err(Refused::Requester(person));
        }
        let asked = deciders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Refused::NotAsked { person, asked });
    }
    if let Some(unknown) = to.iter().find(|approver| !exists(approver, config)) {
        return Err(Refused::UnknownApprover(unknown.clone()));
    }
    let policy = policy_digest(&approval.policies, to);
    let mut next = approval.clone();
    next.approvers = to.to_vec();
    next.content.policy = policy;
    if asking::deciders(&next, config).is_empty() {
        return Err(Refused::Nobody);
    }
    let reassign =
        Change::Reassign { approval: approval.id, expected: row.version, approvers: to.to_vec(), policy };
    Ok(std::iter::once(reassign).chain(asking::ask(&next, config, now)).collect())
}

fn exists(approver: &Approver, config: &Config) -> bool {
    match approver {
        Approver::Person(person) => config.people.contains_key(person),
        Approver::Group(group) => config.groups.contains_key(group),
    }
}

/// The digest of the policy field of a content: policies, their settings, and who is asked.
#[must_use]
pub fn policy_digest(policies: &[PolicyUse], approvers: &[Approver]) -> Digest {
    Digest::of_value(&(policies, approvers))
}

/// What an approval must still be about: the content of its stage's latest attempt, with the approval's own
/// policy and journal, and that attempt's number.
#[must_use]
pub fn current_content(state: &ReleaseState, approval: &Approval) -> (Content, u32) {
    let Some(latest) = state.latest(&approval.stage) else {
        return (approval.content.clone(), approval.attempt);
    };
    let mut content = latest.plan.content.clone();
    content.policy = approval.content.policy;
    content.journal = approval.content.journal;
    (content, latest.attempt)
}

/// The approval that a stage's code asks for.
///
/// # Errors
/// If it names nobody, an unknown policy, or is longer than allowed. The plugin sees it.
pub fn from_call(
    state: &ReleaseState,
    deployment: DeploymentId,
    (id, run, ordinal): (ApprovalId, RunId, u32),
    call: &ApprovalCall,
    (journal, now): (Digest, Timestamp),
) -> Result<Approval, CallError> {
    let refuse = |code: &str, message: String| Err(CallError::permanent(code, message));
    if call.approvers.is_empty() {
        return refuse("no-approvers", "an approval needs at least one approver".into());
    }
    if call.instructions.chars().count() > INSTRUCTIONS_MAX {
        return refuse(
            "instructions-too-long",
            format!("instructions have at most {INSTRUCTIONS_MAX} characters"),
        );
    }
    let timeout = call.timeout_seconds.map_or(TIMEOUT_DEFAULT, Millis::from_secs);
    if timeout > TIMEOUT_MAX || timeout == Millis(0) {
        return refuse("timeout-out-of-range", format!("an approval waits between 1s and {TIMEOUT_MAX}"));
    }
    let Some(deployment) = state.deployment(deployment) else {
        return refuse("internal", "the attempt is not part of its release".into());
    };
    let mut policies = vec![policy(state, call)?];
    policies.extend(deployment.plan.demanded.clone());
    let mut content = deployment.plan.content.clone();
    content.policy = policy_digest(&policies, &call.approvers);
    content.journal = Some(journal);
    let plan = ApprovalPlan {
        policies,
        approvers: call.approvers.clone(),
        // The environment's minimum guards the start of the code; inside it the code decides.
        approvals_min: 0,
        requester_may_approve: deployment.plan.requester_may_approve,
        timeout,
        instructions: call.instructions.clone(),
        content,
    };
    Ok(approval_of(state, deployment, (id, Origin::Call(run, ordinal)), &plan, now))
}

fn policy(state: &ReleaseState, call: &ApprovalCall) -> Result<PolicyUse, CallError> {
    let default = || PluginName::new(POLICY_DEFAULT).expect("a plain word is a plugin name");
    let name = call.policy.clone().unwrap_or_else(default);
    let component = state.snapshot.components.get(&name);
    let component = component.filter(|component| component.kind == PluginKind::Policy).ok_or_else(|| {
        CallError::permanent("unknown-policy", format!("the release has no policy `{name}`"))
            .with("help", format!("add it to the pipeline: `plugins: {{ {name}: {{ bundled: {name} }} }}`"))
    })?;
    Ok(PolicyUse {
        plugin: name,
        component: component.digest,
        settings: call.policy_settings.clone(),
        from_environment: false,
    })
}
