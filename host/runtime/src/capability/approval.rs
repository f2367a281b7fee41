//! `relhost:approval/await-approval`

use relhost_model::approval::{Approver, Decision, INSTRUCTIONS_MAX, Resolution, TIMEOUT_MAX};
use relhost_model::call::{Answer, ApprovalCall, CallError, HostCall};
use relhost_model::id::PluginName;
use wasmtime::component::Resource;

use super::{actor, error, mismatch};
use crate::bindings::stage::relhost::approval::await_approval as wit;
use crate::bindings::stage::relhost::types::types::Error;
use crate::console::{clean, clean_line};
use crate::grant::Interface;
use crate::limits::SENTENCE_MAX;
use crate::request::ApprovalDraft;
use crate::state::StageState;

type Builder = Resource<ApprovalDraft>;

impl wit::Host for StageState {
    async fn await_approval(&mut self, request: Builder) -> wasmtime::Result<Result<wit::Decision, Error>> {
        self.check_use(Interface::AwaitApproval)?;
        let draft = self.table.delete(request)?;
        self.release(held(&draft));
        let call = match checked(draft) {
            Ok(call) => call,
            Err(problem) => return Ok(Err(error(problem))),
        };
        match self.perform(HostCall::AwaitApproval(call)).await? {
            Ok(Answer::Decision(decided)) => Ok(Ok(decision(decided))),
            Ok(other) => Err(mismatch("await-approval", &other)),
            Err(refused) => Ok(Err(error(refused))),
        }
    }
}

impl wit::HostApprovalRequest for StageState {
    fn new(&mut self, instructions: String) -> wasmtime::Result<Builder> {
        self.check_use(Interface::AwaitApproval)?;
        let instructions = clean(&instructions);
        self.hold(instructions.len())?;
        Ok(self.table.push(ApprovalDraft { instructions, ..ApprovalDraft::default() })?)
    }

    fn set_policy(&mut self, builder: Builder, name: String) -> wasmtime::Result<()> {
        set(self, &builder, name, |draft, name| draft.policy.replace(name))
    }

    fn set_policy_settings(&mut self, builder: Builder, json: String) -> wasmtime::Result<()> {
        set(self, &builder, json, |draft, json| draft.policy_settings.replace(json))
    }

    fn add_approver(&mut self, builder: Builder, who: String) -> wasmtime::Result<()> {
        set(self, &builder, clean_line(&who, SENTENCE_MAX), |draft, who| {
            draft.approvers.push(who);
            None
        })
    }

    fn set_timeout_seconds(&mut self, builder: Builder, seconds: u64) -> wasmtime::Result<()> {
        self.check_use(Interface::AwaitApproval)?;
        self.table.get_mut(&builder)?.timeout_seconds = Some(seconds);
        Ok(())
    }

    fn drop(&mut self, builder: Builder) -> wasmtime::Result<()> {
        let draft = self.table.delete(builder)?;
        self.release(held(&draft));
        Ok(())
    }
}

/// What an approver costs besides its text, and an empty one costs too.
const ENTRY: usize = size_of::<String>();

fn held(draft: &ApprovalDraft) -> usize {
    let texts = [&draft.policy, &draft.policy_settings];
    draft.instructions.len()
        + texts.into_iter().flatten().map(|text| text.len() + ENTRY).sum::<usize>()
        + draft.approvers.iter().map(|who| who.len() + ENTRY).sum::<usize>()
}

fn set(
    state: &mut StageState,
    builder: &Builder,
    text: String,
    put: fn(&mut ApprovalDraft, String) -> Option<String>,
) -> wasmtime::Result<()> {
    state.check_use(Interface::AwaitApproval)?;
    state.hold(text.len() + ENTRY)?;
    let replaced = put(state.table.get_mut(builder)?, text);
    if let Some(old) = replaced {
        state.release(old.len() + ENTRY);
    }
    Ok(())
}

fn checked(draft: ApprovalDraft) -> Result<ApprovalCall, CallError> {
    let invalid = |problem: String| CallError::permanent("invalid-approval", problem);
    if draft.instructions.chars().count() > INSTRUCTIONS_MAX {
        return Err(invalid(format!("the instructions are longer than {INSTRUCTIONS_MAX} characters")));
    }
    if draft.approvers.is_empty() {
        return Err(invalid("the request names no approver".into()));
    }
    let approvers = draft.approvers.iter().map(|who| who.parse::<Approver>());
    let approvers =
        approvers.collect::<Result<Vec<_>, _>>().map_err(|problem| invalid(problem.to_string()))?;
    let policy =
        draft.policy.map(PluginName::new).transpose().map_err(|problem| invalid(problem.to_string()))?;
    let settings = draft.policy_settings.as_deref().unwrap_or("{}");
    let policy_settings = serde_json::from_str(settings)
        .map_err(|problem| invalid(format!("the policy's settings are not JSON: {problem}")))?;
    let days = TIMEOUT_MAX.0 / 86_400_000;
    if draft.timeout_seconds.is_some_and(|seconds| seconds == 0 || seconds > TIMEOUT_MAX.0 / 1000) {
        return Err(invalid(format!("the timeout is not between 1 second and {days} days")));
    }
    Ok(ApprovalCall {
        instructions: draft.instructions,
        policy,
        policy_settings,
        approvers,
        timeout_seconds: draft.timeout_seconds,
    })
}

fn decision(decision: Decision) -> wit::Decision {
    let votes = decision.votes.iter().map(|vote| wit::Vote {
        voter: actor(&vote.voter),
        approve: vote.approve,
        comment: vote.comment.clone(),
        at: vote.at.0,
    });
    wit::Decision {
        votes: votes.collect(),
        resolution: match decision.resolution {
            Resolution::Approved => wit::Resolution::Approved,
            Resolution::Rejected => wit::Resolution::Rejected,
            Resolution::Expired => wit::Resolution::Expired,
            Resolution::Canceled => wit::Resolution::Canceled,
            Resolution::Superseded => wit::Resolution::Superseded,
        },
        reason: decision.reason,
    }
}
