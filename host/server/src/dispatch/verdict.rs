//! Asks the policies of an approval, and closes it when they agree or its time is over.

use relhost_engine::approval as rules;
use relhost_engine::approval::Judged;
use relhost_engine::port::store::{ApprovalRow, Commit, Store as _, StoreError};
use relhost_engine::release::{Input, Refusal};
use relhost_model::approval::{Content, Decision, PolicyInput, PolicyUse, Verdict, Vote};
use relhost_model::call::CallError;
use relhost_model::config::Allow;
use relhost_model::id::ApprovalId;
use relhost_model::release::PluginKind;
use relhost_store::kill;

use super::advance::{AdvanceError, Together, advance};
use super::plugin;
use crate::host::Host;
use crate::supervise::Supervisor;

/// What came of an evaluation.
#[derive(Debug, Clone)]
pub enum Settled {
    /// It stays open; what is missing.
    Open(String),
    /// It is over.
    Closed(Decision),
}

/// Evaluates an approval with one more vote or none, and commits vote, verdict and end in one
/// transaction. The caller evaluates again if somebody was quicker.
///
/// # Errors
/// [`StoreError::Conflict`] if the approval changed meanwhile; or the store fails.
pub async fn settle(host: &Host, row: &ApprovalRow, vote: Option<Vote>) -> Result<Settled, AdvanceError> {
    let now = host.now();
    let mut votes = row.votes.clone();
    votes.extend(vote.clone());
    let mut verdicts = Vec::new();
    for (policy, input) in rules::inputs(row, &votes, &host.config, now) {
        verdicts.push(evaluate(host, &policy, &input).await);
    }
    let judged = rules::judge(row, &votes, &verdicts, &host.config, now);
    let changes = rules::decide(row, &judged, vote);
    match judged {
        Judged::Open { waiting_for, .. } => {
            if !changes.is_empty() {
                kill::point!("approval.before-vote");
                host.store.commit(Commit { changes, ..Commit::default() }).await?;
                kill::point!("approval.after-vote");
            }
            Ok(Settled::Open(waiting_for))
        }
        Judged::Closed(decision) => {
            let approval = Box::new(row.approval.clone());
            let (resolution, reason) = (decision.resolution, decision.reason.clone());
            let input = Input::ApprovalClosed { approval, resolution, reason };
            kill::point!("approval.before-close");
            advance(host, row.approval.release, input, Together { frame: None, changes }).await?;
            kill::point!("approval.after-close");
            Ok(Settled::Closed(decision))
        }
    }
}

/// What an open approval still needs, as the policies say now. Nothing is recorded.
pub async fn missing(host: &Host, row: &ApprovalRow) -> String {
    let now = host.now();
    let mut verdicts = Vec::new();
    for (policy, input) in rules::inputs(row, &row.votes, &host.config, now) {
        verdicts.push(evaluate(host, &policy, &input).await);
    }
    match rules::judge(row, &row.votes, &verdicts, &host.config, now) {
        Judged::Open { waiting_for, .. } => waiting_for,
        Judged::Closed(_) => String::new(),
    }
}

/// Evaluates one policy. An error keeps the gate closed and says why.
async fn evaluate(host: &Host, policy: &PolicyUse, input: &PolicyInput) -> Result<Verdict, CallError> {
    let component = (&policy.plugin, policy.component);
    let plugin = plugin::frozen(host, component, PluginKind::Policy, &Allow::default()).await;
    let plugin = plugin.map_err(|error| {
        CallError::permanent("policy-error", format!("policy `{}`: {}", policy.plugin, error.message))
    })?;
    let (sandbox, input) = (host.sandbox.clone(), input.clone());
    // It takes milliseconds, in which this thread could answer others.
    let (verdict, _fuel) = Supervisor::blocking(move || sandbox.evaluate(&plugin, &input)).await?;
    Ok(verdict)
}

/// Evaluates an approval whose expiry or recheck has come.
///
/// # Errors
/// If the store fails.
pub async fn recheck(host: &Host, approval: ApprovalId) -> Result<(), AdvanceError> {
    let Some(row) = host.store.read().approval(approval).await?.filter(|row| row.decision.is_none()) else {
        return Ok(());
    };
    match settle(host, &row, None).await {
        // Somebody voted meanwhile and evaluated it.
        Ok(_) => Ok(()),
        Err(error) if was_quicker(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an evaluation came to nothing because somebody else changed or ended the approval meanwhile: its row
/// is another one, or its release has gone on.
#[must_use]
pub fn was_quicker(error: &AdvanceError) -> bool {
    matches!(
        error,
        AdvanceError::Store(StoreError::Conflict { .. }) | AdvanceError::Refused(Refusal::Stale(_))
    )
}

/// What an approval must still be about: the content of its stage's latest attempt. Two contents that
/// differ name the field.
///
/// # Errors
/// If the store fails.
pub async fn current_content(host: &Host, row: &ApprovalRow) -> Result<(Content, u32), AdvanceError> {
    let state = super::advance::load(host, row.approval.release).await?;
    Ok(rules::current_content(&state, &row.approval))
}
