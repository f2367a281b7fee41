//! How an attempt ends, and what its end sets going.

use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Origin, Resolution};
use relhost_model::id::{DeploymentId, RunId, StageName};
use relhost_model::pipeline::{After, Predecessor};
use relhost_model::release::{RunEnd, Status};

use super::draft::Draft;
use super::input::Refusal;
use super::state::{Deployment, Phase};
use crate::asking;
use crate::event::Event;
use crate::port::store::RunState;

impl Draft<'_> {
    pub(super) fn approval_closed(
        &mut self,
        approval: &Approval,
        resolution: Resolution,
        reason: &str,
    ) -> Result<(), Refusal> {
        let deployment = self.deployment(approval.deployment)?;
        if deployment.approval() != Some(approval.id) {
            return Err(Refusal::Stale(approval.deployment));
        }
        self.push(Event::ApprovalClosed {
            deployment: deployment.id,
            approval: approval.id,
            origin: approval.origin,
            resolution,
            reason: reason.to_owned(),
        })?;
        let told = asking::closed(approval, self.source.config(), self.source.now());
        self.out.changes.extend(told);
        match (approval.origin, status_of(resolution), deployment.phase) {
            (Origin::Call(run, _), _, _) => {
                // Running and ready too: the owner may be on its way to this wait just now.
                let from = vec![RunState::Waiting, RunState::Running, RunState::Ready];
                self.set_run(run, from, RunState::Ready);
                Ok(())
            }
            (Origin::Before, None, _) => {
                let deployment = self.deployment(approval.deployment)?;
                self.start_run(&deployment)
            }
            (Origin::After, None, Phase::After(_, status)) => {
                self.finish(deployment.id, status, &deployment.summary)
            }
            (_, Some(status), _) => self.finish(deployment.id, status, reason),
            (Origin::After, None, _) => Err(Refusal::Stale(deployment.id)),
        }
    }

    pub(super) fn run_ended(&mut self, run: RunId, id: DeploymentId, end: RunEnd) -> Result<(), Refusal> {
        let deployment = self.deployment(id)?;
        if deployment.run != Some(run) {
            return Err(Refusal::Stale(id));
        }
        let canceled = self.state.is_canceled();
        let (status, summary, outputs, failure) = match end {
            RunEnd::Returned(outcome) if canceled => {
                (Status::Canceled, outcome.summary, outcome.outputs, None)
            }
            RunEnd::Returned(outcome) => (outcome.status, outcome.summary, outcome.outputs, None),
            RunEnd::Failed(error) => {
                let status = if canceled { Status::Canceled } else { Status::Failed };
                (status, error.message.clone(), Default::default(), Some(error))
            }
            RunEnd::Aborted { by, reason } => {
                (Status::Canceled, format!("aborted by {by}: {reason}"), Default::default(), None)
            }
        };
        self.push(Event::RunFinished {
            deployment: id,
            run,
            status,
            summary: summary.clone(),
            outputs,
            failure,
        })?;
        let succeeded = matches!(status, Status::Succeeded | Status::PartiallySucceeded);
        match &deployment.plan.after {
            Some(plan) if succeeded => self.open(&deployment, Origin::After, plan),
            _ => self.finish(id, status, &summary),
        }
    }

    /// Ends an attempt, and starts what waited for it.
    pub(super) fn finish(&mut self, id: DeploymentId, status: Status, summary: &str) -> Result<(), Refusal> {
        let deployment = self.deployment(id)?;
        self.push(Event::DeploymentFinished { deployment: id, status, summary: summary.to_owned() })?;
        self.touch(&deployment.stage);
        if self.state.is_canceled() || status == Status::Superseded {
            return Ok(());
        }
        let by = deployment.by.clone();
        self.follow_up(&deployment.stage, &by)
    }

    /// Requests the stages whose conditions have come true, and skips those whose cannot any more. A stage
    /// that has run is not run again by an earlier one's redeployment.
    pub(super) fn follow_up(&mut self, stage: &StageName, by: &Actor) -> Result<(), Refusal> {
        let stages = self.state.snapshot.pipeline.stages.clone();
        for next in &stages {
            let After::Stages(predecessors) = &next.after else { continue };
            let waits = predecessors.iter().any(|predecessor| predecessor.stage == *stage);
            if !waits || self.state.latest(&next.name).is_some() {
                continue;
            }
            if predecessors.iter().all(|predecessor| self.holds(predecessor)) {
                self.request_or_skip(&next.name, by)?;
                continue;
            }
            let spoilt = predecessors.iter().find_map(|predecessor| self.spoilt(predecessor));
            if let Some(reason) = spoilt.filter(|_| self.state.skipped(&next.name).is_none()) {
                self.push(Event::StageSkipped { stage: next.name.clone(), reason, failed: false })?;
                self.follow_up(&next.name, by)?;
            }
        }
        Ok(())
    }

    fn holds(&self, predecessor: &Predecessor) -> bool {
        match self.state.latest(&predecessor.stage).and_then(Deployment::status) {
            Some(Status::Succeeded) => true,
            Some(Status::PartiallySucceeded) => predecessor.partial,
            _ => false,
        }
    }

    /// Why a condition cannot come true by itself any more.
    fn spoilt(&self, predecessor: &Predecessor) -> Option<String> {
        if self.state.skipped(&predecessor.stage).is_some() {
            return Some(format!("{} was skipped", predecessor.stage));
        }
        let status = self.state.latest(&predecessor.stage).and_then(Deployment::status)?;
        let spoilt = match status {
            Status::Succeeded | Status::Superseded => false,
            Status::PartiallySucceeded => !predecessor.partial,
            _ => true,
        };
        spoilt.then(|| format!("{} {status}", predecessor.stage))
    }
}

/// How an attempt ends if its approval ends like this; `None` is approved.
fn status_of(resolution: Resolution) -> Option<Status> {
    match resolution {
        Resolution::Approved => None,
        Resolution::Rejected => Some(Status::Rejected),
        Resolution::Expired => Some(Status::Expired),
        Resolution::Canceled => Some(Status::Canceled),
        Resolution::Superseded => Some(Status::Superseded),
    }
}
