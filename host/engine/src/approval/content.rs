//! What an approval is bound to.

use relhost_model::approval::{Approval, Approver, Content, PolicyUse};
use relhost_model::digest::Digest;

use crate::release::ReleaseState;

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
