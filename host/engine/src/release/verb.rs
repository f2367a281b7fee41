//! What people tell a release: promote, retry, redeploy, cancel.

use relhost_model::actor::Actor;
use relhost_model::approval::{Origin, Resolution};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::id::StageName;
use relhost_model::release::Status;

use super::draft::Draft;
use super::input::Refusal;
use super::state::{Deployment, Phase};
use crate::event::{Event, Trigger};
use crate::port::store::{Change, RunState};

impl Draft<'_> {
    fn known(&self, stage: &StageName) -> Result<(), Refusal> {
        match self.state.snapshot.pipeline.stage(stage) {
            Some(_) if self.state.is_canceled() => Err(Refusal::Canceled),
            Some(_) => Ok(()),
            None => Err(Refusal::UnknownStage(stage.clone())),
        }
    }

    pub(super) fn promote(&mut self, stage: StageName, by: Actor) -> Result<(), Refusal> {
        self.known(&stage)?;
        match self.state.latest(&stage) {
            None => self.request(&stage, Trigger::Promotion, by, None),
            Some(latest) if latest.is_active() => Err(Refusal::Active(stage)),
            Some(_) => Err(Refusal::HasRun(stage)),
        }
    }

    pub(super) fn retry(&mut self, stage: StageName, by: Actor) -> Result<(), Refusal> {
        self.known(&stage)?;
        match self.state.latest(&stage).map(|latest| latest.status()) {
            Some(None) => Err(Refusal::Active(stage)),
            None | Some(Some(Status::Succeeded | Status::PartiallySucceeded)) => {
                Err(Refusal::NothingToRetry(stage))
            }
            // The same artifacts again, also where the attempt was given others.
            Some(Some(_)) => {
                let artifacts = self.state.latest(&stage).map(|latest| latest.plan.artifacts.clone());
                self.request(&stage, Trigger::Retry, by, artifacts)
            }
        }
    }

    pub(super) fn redeploy(
        &mut self,
        stage: StageName,
        by: Actor,
        artifacts: Option<Vec<FrozenArtifact>>,
    ) -> Result<(), Refusal> {
        self.known(&stage)?;
        if let Some(latest) = self.state.latest(&stage).filter(|latest| latest.is_active()).cloned() {
            if matches!(latest.phase, Phase::Running(_)) {
                return Err(Refusal::Active(stage));
            }
            let reason = format!("attempt {} took its place", latest.attempt + 1);
            self.end_waiting(&latest, Resolution::Superseded, &reason)?;
            self.finish(latest.id, Status::Superseded, &reason)?;
        }
        self.request(&stage, Trigger::Redeploy, by, artifacts)
    }

    pub(super) fn cancel(&mut self, by: Actor, reason: String) -> Result<(), Refusal> {
        let active: Vec<Deployment> =
            self.state.deployments().iter().filter(|deployment| deployment.is_active()).cloned().collect();
        if self.state.is_canceled() {
            return Err(Refusal::Canceled);
        }
        if active.is_empty() {
            return Err(Refusal::Idle);
        }
        let why = if reason.is_empty() {
            format!("canceled by {by}")
        } else {
            format!("canceled by {by}: {reason}")
        };
        self.push(Event::CancelRequested { by, reason })?;
        for deployment in active {
            if let Phase::Running(run) = deployment.phase {
                // It is told at its next host call, and ends by itself.
                self.out.changes.push(Change::CancelRun { run });
                continue;
            }
            self.end_waiting(&deployment, Resolution::Canceled, &why)?;
            self.finish(deployment.id, Status::Canceled, &why)?;
        }
        Ok(())
    }

    /// Closes whatever an attempt waits for, and ends the run behind it.
    fn end_waiting(
        &mut self,
        deployment: &Deployment,
        resolution: Resolution,
        reason: &str,
    ) -> Result<(), Refusal> {
        if let Some(approval) = deployment.approval() {
            self.out.changes.push(Change::EndApproval {
                approval,
                resolution,
                reason: reason.to_owned(),
                at: self.source.now(),
            });
            let origin = match &deployment.phase {
                Phase::Call(run, _) => Origin::Call(*run, 0),
                Phase::After(..) => Origin::After,
                _ => Origin::Before,
            };
            let event = Event::ApprovalClosed {
                deployment: deployment.id,
                approval,
                origin,
                resolution,
                reason: reason.to_owned(),
            };
            self.push(event)?;
        }
        if let Phase::Call(run, _) | Phase::Quarantined(run, _) = deployment.phase {
            let from = vec![RunState::Waiting, RunState::Ready, RunState::Quarantined];
            // The mark says why its journal has no end.
            self.out.changes.push(Change::CancelRun { run });
            self.set_run(run, from, RunState::Done);
        }
        Ok(())
    }
}
