//! A decision in the making, and the steps of an attempt on its way: requested, asked for, running.

use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Origin};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::id::{ApprovalId, DeploymentId, RunId, StageName};
use relhost_model::release::{ApprovalPlan, RunContext, RunStart};
use relhost_model::time::Timestamp;

use super::input::{Decision, PlanRequest, Refusal, Source};
use super::state::{Deployment, ReleaseState};
use crate::asking;
use crate::event::{Event, Trigger};
use crate::journal::Record;
use crate::port::store::{AppendFrame, Change, NewRun, RunState, Sequence};

/// A decision in the making: the state already has its events.
pub(super) struct Draft<'a> {
    pub(super) state: ReleaseState,
    pub(super) out: Decision,
    pub(super) source: &'a mut dyn Source,
}

impl Draft<'_> {
    pub(super) fn push(&mut self, event: Event) -> Result<(), Refusal> {
        self.state.apply(&event, self.source.now())?;
        self.out.events.push(event);
        Ok(())
    }

    pub(super) fn deployment(&self, id: DeploymentId) -> Result<Deployment, Refusal> {
        self.state.deployment(id).cloned().ok_or(Refusal::Stale(id))
    }

    pub(super) fn touch(&mut self, stage: &StageName) {
        let environment = self.state.snapshot.pipeline.stage(stage).map(|stage| stage.environment.clone());
        self.out.environments.extend(environment);
    }

    /// Requests a stage whose condition has come true. One that cannot be planned is left out: the release
    /// fails with the reason, and what does not wait for that stage goes on.
    pub(super) fn request_or_skip(&mut self, stage: &StageName, by: &Actor) -> Result<(), Refusal> {
        match self.request(stage, Trigger::Automatic, by.clone(), None) {
            Err(Refusal::Plan { stage, cause }) => {
                let reason = format!("it cannot be planned: {cause}");
                self.push(Event::StageSkipped { stage: stage.clone(), reason, failed: true })?;
                self.follow_up(&stage, by)
            }
            other => other,
        }
    }

    pub(super) fn request(
        &mut self,
        stage: &StageName,
        trigger: Trigger,
        by: Actor,
        artifacts: Option<Vec<FrozenArtifact>>,
    ) -> Result<(), Refusal> {
        let attempt = self.state.latest(stage).map_or(1, |latest| latest.attempt + 1);
        let deployment = DeploymentId(self.source.id(Sequence::Deployment));
        let request = PlanRequest { stage: stage.clone(), attempt, deployment, by: by.clone(), artifacts };
        let plan = self.source.plan(&self.state, &request);
        let plan = Box::new(plan.map_err(|cause| Refusal::Plan { stage: stage.clone(), cause })?);
        self.push(Event::DeploymentRequested {
            deployment,
            stage: stage.clone(),
            attempt,
            trigger,
            by,
            plan,
        })?;
        self.touch(stage);
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        deployment: &Deployment,
        origin: Origin,
        plan: &ApprovalPlan,
    ) -> Result<(), Refusal> {
        let id = ApprovalId(self.source.id(Sequence::Approval));
        let approval = approval(&self.state, deployment, (id, origin), plan, self.source.now());
        self.announce(approval)
    }

    /// Opens an approval and tells those who may decide.
    pub(super) fn announce(&mut self, approval: Approval) -> Result<(), Refusal> {
        let event = Event::ApprovalOpened {
            deployment: approval.deployment,
            approval: approval.id,
            origin: approval.origin,
        };
        self.push(event)?;
        let mails = asking::ask(&approval, self.source.config(), self.source.now());
        // A policy that looks at no votes, such as a window, has its say at once.
        let (id, at) = (approval.id, Some(approval.opened_at));
        self.out.changes.push(Change::OpenApproval(Box::new(approval)));
        self.out.changes.push(Change::Recheck { approval: id, expected: 0, at, waiting_for: String::new() });
        self.out.changes.extend(mails);
        Ok(())
    }

    pub(super) fn start_run(&mut self, deployment: &Deployment) -> Result<(), Refusal> {
        let run = RunId(self.source.id(Sequence::Run));
        let (uuid, seed, at) = (self.source.uuid(), self.source.seed(), self.source.now());
        let component = deployment.plan.component;
        let start = RunStart { run, uuid, component, seed, context: self.context(deployment) };
        self.out.changes.push(Change::CreateRun(Box::new(NewRun {
            id: run,
            uuid,
            release: self.state.id,
            deployment: deployment.id,
            component,
            at,
        })));
        self.out.frame = Some(AppendFrame {
            run,
            position: 0,
            epoch: 0,
            records: vec![Record::Start { at, start: Box::new(start) }],
            previous: None,
            at,
            logs: Vec::new(),
        });
        self.push(Event::RunCreated { deployment: deployment.id, run })
    }

    fn context(&self, deployment: &Deployment) -> RunContext {
        let snapshot = &self.state.snapshot;
        let plan = &deployment.plan;
        let environment =
            snapshot.pipeline.stage(&deployment.stage).map(|stage| stage.environment.to_string());
        let artifacts = plan.artifacts.iter().map(|a| (a.alias.to_string(), a.digest, a.version()));
        RunContext {
            pipeline: snapshot.pipeline.name.to_string(),
            release: snapshot.name.clone(),
            stage: deployment.stage.to_string(),
            environment: environment.unwrap_or_default(),
            namespace: plan.namespace.clone(),
            attempt: deployment.attempt,
            rehearsal: snapshot.mode == relhost_model::release::Mode::Rehearsal,
            requester: deployment.by.clone(),
            artifacts: artifacts.collect(),
            variables: plan
                .variables
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect(),
            settings: plan.settings.to_string(),
            outputs: self.state.outputs(),
        }
    }

    pub(super) fn set_run(&mut self, run: RunId, from: Vec<RunState>, to: RunState) {
        self.out.changes.push(Change::SetRun { run, from, to, due_at: None, problem: None });
    }
}

/// An approval row from its plan.
pub(crate) fn approval(
    state: &ReleaseState,
    deployment: &Deployment,
    (id, origin): (ApprovalId, Origin),
    plan: &ApprovalPlan,
    now: Timestamp,
) -> Approval {
    let snapshot = &state.snapshot;
    let environment = snapshot.pipeline.stage(&deployment.stage).map(|stage| stage.environment.clone());
    let mut requesters = vec![deployment.by.clone(), snapshot.requester.clone()];
    requesters.extend(snapshot.requested_for.clone());
    requesters.dedup();
    Approval {
        id,
        release: state.id,
        deployment: deployment.id,
        pipeline: snapshot.pipeline.name.clone(),
        stage: deployment.stage.clone(),
        environment: environment.expect("an attempt's stage is in its pipeline: the plan was made from it"),
        origin,
        attempt: deployment.attempt,
        content: plan.content.clone(),
        policies: plan.policies.clone(),
        approvers: plan.approvers.clone(),
        approvals_min: plan.approvals_min,
        requester_may_approve: plan.requester_may_approve,
        requesters,
        instructions: plan.instructions.clone(),
        opened_at: now,
        due_at: now.plus(plan.timeout),
        rehearsal: snapshot.mode == relhost_model::release::Mode::Rehearsal,
    }
}
