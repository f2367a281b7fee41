//! The approval that a stage's code asks for.

use relhost_model::approval::{Approval, INSTRUCTIONS_MAX, Origin, PolicyUse, TIMEOUT_DEFAULT, TIMEOUT_MAX};
use relhost_model::call::{ApprovalCall, CallError};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, PluginName, RunId};
use relhost_model::release::{ApprovalPlan, PluginKind};
use relhost_model::time::{Millis, Timestamp};

use super::content::policy_digest;
use crate::release::{ReleaseState, approval_of};

/// The policy of an approval that names none.
pub const POLICY_DEFAULT: &str = "any-one";

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
