//! What the votes and the policies come to.

use std::collections::BTreeMap;

use relhost_model::actor::Actor;
use relhost_model::approval::{Decision, PolicyDecision, PolicyInput, PolicyUse, Resolution, Verdict, Vote};
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::time::Timestamp;

use super::floor::counting;
use crate::asking;
use crate::port::store::{ApprovalRow, Change};

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
                changes.push(Change::Recheck { approval, expected, at: *recheck_at, waiting_for });
            }
        }
        Judged::Closed(decision) => {
            changes.push(Change::CloseApproval { approval, expected, decision: Box::new(decision.clone()) });
        }
    }
    changes
}
