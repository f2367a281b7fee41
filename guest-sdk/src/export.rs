//! What a component exports: the contract's words around the author's code. Only in a component.

use std::marker::PhantomData;

use crate::context::Context;
use crate::host::wasm::bindings::describe_plugin::exports::relhost::describe::describe;
use crate::host::wasm::bindings::policy_plugin::exports::relhost::policy::policy as policy_wit;
use crate::host::wasm::bindings::stage_plugin::exports::relhost::stage::stage as stage_wit;
use crate::host::wasm::bindings::stage_plugin::relhost::types::types;
use crate::host::wasm::{Bindings, report_panics};
use crate::outcome::{Failure, Outcome, Status};
use crate::plugin::Plugin;
use crate::policy::{Answer, Approver, Policy, PolicyInput, Requirement, Verdict, Vote};
use crate::stage::Stage;
use crate::time::Timestamp;
use crate::{policy, stage};

/// A plugin as the component's exports see it.
pub struct Export<P>(PhantomData<P>);

impl<S: Plugin + Stage> stage_wit::Guest for Export<S> {
    fn run(context: &stage_wit::RunContext) -> Result<stage_wit::Outcome, types::Error> {
        report_panics();
        let ctx = Context::new(Bindings::new(context));
        stage::run(&S::PLUGIN, &ctx).map(outcome).map_err(failure)
    }
}

impl<P: Plugin + Policy> policy_wit::Guest for Export<P> {
    fn evaluate(input: policy_wit::Input) -> Result<policy_wit::Verdict, types::Error> {
        report_panics();
        policy::evaluate(&P::PLUGIN, &policy_input(input)).map(verdict).map_err(failure)
    }
}

impl<P: Plugin> describe::Guest for Export<P> {
    fn describe() -> describe::Description {
        report_panics();
        let about = P::describe();
        describe::Description {
            summary: about.summary,
            settings_schema: about.settings_schema,
            documentation: about.documentation,
        }
    }
}

fn outcome(outcome: Outcome) -> stage_wit::Outcome {
    let status = match outcome.status() {
        Status::Succeeded => stage_wit::Status::Succeeded,
        Status::PartiallySucceeded => stage_wit::Status::PartiallySucceeded,
        Status::Rejected => stage_wit::Status::Rejected,
        Status::Expired => stage_wit::Status::Expired,
    };
    let (summary, outputs) = outcome.into_parts();
    let output = |(name, value)| stage_wit::Output { name, value };
    stage_wit::Outcome { status, summary, outputs: outputs.into_iter().map(output).collect() }
}

fn failure(failure: Failure) -> types::Error {
    types::Error {
        code: failure.code().to_owned(),
        message: failure.message().to_owned(),
        retryable: failure.is_retryable(),
        details: failure.details().to_vec(),
    }
}

fn policy_input(input: policy_wit::Input) -> PolicyInput {
    let approver = |asked: policy_wit::Approver| Approver { id: asked.id, groups: asked.groups };
    let vote = |vote: policy_wit::Vote| Vote {
        voter: vote.voter,
        approve: vote.approve,
        at: Timestamp::from_millis(vote.at),
    };
    PolicyInput {
        pipeline: input.pipeline,
        stage: input.stage,
        environment: input.environment,
        attempt: input.attempt,
        requester: input.requester.into(),
        approvers: input.approvers.into_iter().map(approver).collect(),
        votes: input.votes.into_iter().map(vote).collect(),
        opened_at: Timestamp::from_millis(input.opened_at),
        now: Timestamp::from_millis(input.now),
        facts: input.facts,
        settings_json: input.settings_json,
    }
}

fn verdict(verdict: Verdict) -> policy_wit::Verdict {
    let recheck_at = verdict.recheck_at().map(Timestamp::as_millis);
    let (answer, reasons) = verdict.into_parts();
    let requirement = |missing: Requirement| policy_wit::Requirement {
        description: missing.description,
        candidates: missing.candidates,
        count: missing.count,
    };
    let decision = match answer {
        Answer::Approve => policy_wit::Decision::Approve,
        Answer::Reject => policy_wit::Decision::Reject,
        Answer::Need(missing) => policy_wit::Decision::Need(missing.into_iter().map(requirement).collect()),
        Answer::Abstain => policy_wit::Decision::Abstain,
    };
    policy_wit::Verdict { decision, reasons, recheck_at }
}
