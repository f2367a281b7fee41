//! What a release does when it is told something.

use relhost_model::actor::Actor;
use relhost_model::approval::Origin;
use relhost_model::id::DeploymentId;
use relhost_model::pipeline::After;

use super::draft::Draft;
use super::input::{Decision, Input, Refusal, Source};
use super::state::{Phase, ReleaseState};
use crate::event::Event;

/// Decides. The state is not changed; the caller applies the events when they are durable.
///
/// # Errors
/// If the release does not do what it is told. Nothing is to be committed then.
pub fn decide(state: &ReleaseState, input: Input, source: &mut dyn Source) -> Result<Decision, Refusal> {
    let mut draft = Draft { state: state.clone(), out: Decision::default(), source };
    match input {
        Input::Create { by } => draft.create(by)?,
        Input::SlotGranted { deployment } => draft.slot_granted(deployment)?,
        // It was canceled while its code was on the way to this call, which is then told so.
        Input::ApprovalOpened { .. } if state.is_canceled() => return Err(Refusal::Canceled),
        Input::ApprovalOpened { approval } => draft.announce(*approval)?,
        Input::ApprovalClosed { approval, resolution, reason } => {
            draft.approval_closed(&approval, resolution, &reason)?;
        }
        Input::RunEnded { run, deployment, end } => draft.run_ended(run, deployment, end)?,
        Input::RunQuarantined { run, deployment, problem } => {
            draft.push(Event::RunQuarantined { deployment, run, problem })?;
        }
        Input::RunReleased { run, deployment, by, verb, reason } => {
            draft.push(Event::RunReleased { deployment, run, by, verb, reason })?;
        }
        Input::Promote { stage, by } => draft.promote(stage, by)?,
        Input::Redeploy { stage, by, artifacts } => draft.redeploy(stage, by, artifacts)?,
        Input::Retry { stage, by } => draft.retry(stage, by)?,
        Input::Cancel { by, reason } => draft.cancel(by, reason)?,
    }
    Ok(draft.out)
}

impl Draft<'_> {
    fn create(&mut self, by: Actor) -> Result<(), Refusal> {
        self.push(Event::Created { by: by.clone() })?;
        let stages = self.state.snapshot.pipeline.stages.clone();
        for stage in stages.iter().filter(|stage| stage.after == After::Release) {
            self.request_or_skip(&stage.name, &by)?;
        }
        Ok(())
    }

    fn slot_granted(&mut self, id: DeploymentId) -> Result<(), Refusal> {
        let deployment = self.deployment(id)?;
        if deployment.phase != Phase::Queued {
            return Err(Refusal::Stale(id));
        }
        self.push(Event::DeploymentStarted { deployment: id })?;
        match &deployment.plan.before {
            Some(plan) => self.open(&deployment, Origin::Before, plan),
            None => self.start_run(&deployment),
        }
    }
}
