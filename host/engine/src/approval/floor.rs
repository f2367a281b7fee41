//! Who may decide, and which votes count: the rules that no policy can lower.

use std::collections::BTreeSet;

use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Approver, COMMENT_MAX, Content, Vote};
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::PersonId;
use relhost_model::time::Timestamp;

use super::content::policy_digest;
use super::refused::Refused;
use crate::asking;
use crate::port::store::{ApprovalRow, Change};

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
pub(super) fn counting<'a>(approval: &Approval, votes: &'a [Vote], config: &Config) -> Vec<&'a Vote> {
    let deciders: BTreeSet<PersonId> = asking::deciders(approval, config).into_iter().collect();
    let mut seen = BTreeSet::new();
    let counts =
        |vote: &&Vote| vote.voter.person().is_some_and(|p| deciders.contains(p) && seen.insert(p.clone()));
    votes.iter().filter(counts).collect()
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
