//! Approvals: see them, decide them, ask somebody else.

use relhost_connect::mail::AskFacts;
use relhost_engine::approval as rules;
use relhost_engine::approval::{Candidate, Refused};
use relhost_engine::port::store::{ApprovalRow, Change, Commit, Rows, Store as _, StoreError};
use relhost_model::approval::Approver;
use relhost_model::call::{LogLevel, LogLine};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId};
use relhost_model::release::Mode;

use super::caller::Caller;
use crate::dispatch::advance::load;
use crate::dispatch::facts;
use crate::dispatch::verdict::{current_content, missing, recheck, settle, was_quicker};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::{ApprovalView, ReleaseRef};

/// How often a vote is evaluated again because another one was quicker.
const ATTEMPTS_MAX: u32 = 16;

/// A vote as it arrives.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// The approval.
    pub approval: ApprovalId,
    /// Approve or reject.
    pub approve: bool,
    /// Why.
    pub comment: String,
    /// The digest of what the voter saw; `None` takes what is current.
    pub content: Option<Digest>,
    /// The attempt the voter saw; `None` takes the approval's.
    pub attempt: Option<u32>,
}

/// Approvals, newest first.
///
/// # Errors
/// If the release does not exist.
pub async fn list(
    host: &Host,
    open: bool,
    release: Option<&ReleaseRef>,
) -> Result<Rows<ApprovalView>, Failure> {
    let release = match release {
        Some(reference) => Some(super::find::release(host, reference).await?.id),
        None => None,
    };
    views(host, host.store.read().approvals(open, release).await?).await
}

/// One approval.
///
/// # Errors
/// If there is none.
pub async fn get(host: &Host, id: ApprovalId) -> Result<ApprovalView, Failure> {
    view(host, row(host, id).await?).await
}

/// The row of an approval.
///
/// # Errors
/// If there is none.
pub async fn row(host: &Host, id: ApprovalId) -> Result<ApprovalRow, Failure> {
    host.store.read().approval(id).await?.ok_or_else(|| {
        Failure::new(Exit::Invalid, "unknown-approval", format!("there is no approval {id}"))
            .help("`relhost approval list` shows the open ones")
    })
}

/// What a person must know to decide it.
///
/// # Errors
/// If the store fails.
pub async fn facts(host: &Host, row: &ApprovalRow, person: &PersonId) -> Result<AskFacts, Failure> {
    let state = load(host, row.approval.release).await?;
    Ok(facts::ask(host, &state, row, person, None).await?)
}

/// Decides: the floor, then the policies, then one transaction. Answers only when it is durable.
///
/// # Errors
/// If the floor refuses the vote; each reason has its exit code.
pub async fn decide(host: &Host, caller: &Caller, ballot: Ballot) -> Result<ApprovalView, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let row = row(host, ballot.approval).await?;
        let mode = if row.approval.rehearsal { Mode::Rehearsal } else { Mode::Real };
        let (voter, via) = caller.acting(mode, &host.config)?;
        let candidate = Candidate {
            voter,
            approve: ballot.approve,
            comment: ballot.comment.clone(),
            via,
            content: ballot.content.unwrap_or_else(|| row.approval.content.digest()),
            attempt: ballot.attempt.unwrap_or(row.approval.attempt),
        };
        let current = current_content(host, &row).await?;
        let (content, attempt) = &current;
        let vote = rules::admit(&row, &host.config, candidate, (content, *attempt), host.now())
            .map_err(|r| refused(&row, &r))?;
        match settle(host, &row, Some(vote)).await {
            Ok(_) => {
                host.drive(row.approval.release);
                return get(host, ballot.approval).await;
            }
            // The next look finds how the quicker one ended it.
            Err(error) if was_quicker(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy(ballot.approval))
}

fn busy(id: ApprovalId) -> Failure {
    Failure::new(Exit::Conflict, "conflict", format!("{id} changes without pause"))
}

fn refused(row: &ApprovalRow, refused: &Refused) -> Failure {
    because(format!("the vote on {} was not counted: {refused}", row.approval.id), refused)
}

fn not_handed_on(row: &ApprovalRow, refused: &Refused) -> Failure {
    because(format!("{} was not handed on: {refused}", row.approval.id), refused)
}

fn because(message: String, refused: &Refused) -> Failure {
    let exit = match refused.kind() {
        rules::RefusedKind::NotAsked => Exit::NotAllowed,
        rules::RefusedKind::Rule => Exit::Refused,
        rules::RefusedKind::Closed => Exit::Conflict,
        rules::RefusedKind::Expired => Exit::Expired,
        rules::RefusedKind::Usage => Exit::Invalid,
    };
    let failure = Failure::new(exit, refused.code(), message);
    match refused.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Asks somebody else. Only those who are asked, and never the requester, may hand an approval on.
///
/// # Errors
/// If the caller may not, the list names nobody, or the approval is over.
pub async fn reassign(
    host: &Host,
    caller: &Caller,
    id: ApprovalId,
    to: &[Approver],
    comment: &str,
) -> Result<ApprovalView, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let row = row(host, id).await?;
        if hand_on(host, caller, &row, (to, comment)).await? {
            // The votes that are there may be all that the new list needs.
            recheck(host, id).await?;
            return get(host, id).await;
        }
    }
    Err(busy(id))
}

/// False if somebody was quicker.
async fn hand_on(
    host: &Host,
    caller: &Caller,
    row: &ApprovalRow,
    (to, comment): (&[Approver], &str),
) -> Result<bool, Failure> {
    let approval = &row.approval;
    let mode = if approval.rehearsal { Mode::Rehearsal } else { Mode::Real };
    let (by, _) = caller.acting(mode, &host.config)?;
    let mut changes =
        rules::reassign(row, &by, to, &host.config, host.now()).map_err(|r| not_handed_on(row, &r))?;
    let names = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    let message = format!("{} was handed to {names} by {by}{why}", approval.id);
    let line = LogLine { level: LogLevel::Info, source: "host".into(), message, fields: Vec::new() };
    changes.push(Change::Note { release: approval.release, at: host.now(), line });
    match host.store.commit(Commit { changes, ..Commit::default() }).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Approvals as people see them.
///
/// # Errors
/// If the store fails.
pub async fn views(host: &Host, found: Rows<ApprovalRow>) -> Result<Rows<ApprovalView>, Failure> {
    let mut rows = Vec::with_capacity(found.rows.len());
    for row in found.rows {
        rows.push(view(host, row).await?);
    }
    Ok(Rows { rows, damaged: found.damaged })
}

/// An approval as people see it.
///
/// # Errors
/// If the store fails.
pub async fn view(host: &Host, mut row: ApprovalRow) -> Result<ApprovalView, Failure> {
    // Before the first vote nothing was evaluated.
    if row.decision.is_none() && row.waiting_for.is_empty() {
        row.waiting_for = missing(host, &row).await;
    }
    let release = match host.store.read().release(row.approval.release).await {
        // The approval has its id, and can be shown without the name.
        Err(StoreError::Damaged { .. }) => None,
        release => release?,
    };
    Ok(ApprovalView {
        id: row.approval.id.to_string(),
        release_name: release.map(|release| release.name).unwrap_or_default(),
        asked: rules::still_asked(&row, &host.config),
        content_digest: row.approval.content.digest(),
        row,
    })
}
