//! What a release does when it is told something.

use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Origin, Resolution};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::id::{ApprovalId, DeploymentId, EnvironmentName, RunId, RunUuid, StageName};
use relhost_model::pipeline::{After, Predecessor};
use relhost_model::release::{ApprovalPlan, DeploymentPlan, RunContext, RunEnd, RunStart, Status};
use relhost_model::time::Timestamp;

use super::state::{Deployment, FoldError, Phase, ReleaseState};
use crate::asking;
use crate::event::{Event, Trigger};
use crate::journal::Record;
use crate::port::store::{AppendFrame, Change, NewRun, RunState, Sequence};

/// What a release is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// It was created.
    Create {
        /// By whom.
        by: Actor,
    },
    /// An attempt holds its environment.
    SlotGranted {
        /// Which.
        deployment: DeploymentId,
    },
    /// An approval is over. The caller closes its row in the same commit.
    ApprovalClosed {
        /// The row, as it was opened.
        approval: Box<Approval>,
        /// How it ended.
        resolution: Resolution,
        /// Why, for people.
        reason: String,
    },
    /// A stage's code asks people.
    ApprovalOpened {
        /// What it asks.
        approval: Box<Approval>,
    },
    /// A run is over.
    RunEnded {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// How it ended.
        end: RunEnd,
    },
    /// A run cannot go on without a person.
    RunQuarantined {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// Why.
        problem: CallError,
    },
    /// A person set a run going again.
    RunReleased {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// Who.
        by: Actor,
        /// `retry` or `attest`.
        verb: String,
        /// Why.
        reason: String,
    },
    /// Somebody wants a stage that has not run. Trigger conditions do not count, approvals do.
    Promote {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
    },
    /// Somebody wants a stage again. A waiting attempt is superseded.
    Redeploy {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
        /// Other artifacts for this attempt.
        artifacts: Option<Vec<FrozenArtifact>>,
    },
    /// Somebody wants a stage that did not succeed to be tried again.
    Retry {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
    },
    /// Somebody wants it to stop.
    Cancel {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
}

/// Which attempt is to be planned.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The stage.
    pub stage: StageName,
    /// The number of the attempt.
    pub attempt: u32,
    /// Its id.
    pub deployment: DeploymentId,
    /// By whom.
    pub by: Actor,
    /// Other artifacts than the release's.
    pub artifacts: Option<Vec<FrozenArtifact>>,
}

/// What a decision may ask for: time, ids, randomness, a stage's plan.
pub trait Source {
    /// Now.
    fn now(&self) -> Timestamp;
    /// A new id.
    fn id(&mut self, sequence: Sequence) -> u64;
    /// A run's public id.
    fn uuid(&mut self) -> RunUuid;
    /// The seed of a run's random bytes, hexadecimal.
    fn seed(&mut self) -> String;
    /// Everything an attempt of a stage needs.
    ///
    /// # Errors
    /// If it cannot be resolved.
    fn plan(&mut self, state: &ReleaseState, request: &PlanRequest) -> Result<DeploymentPlan, CallError>;
    /// The operator's configuration.
    fn config(&self) -> &Config;
}

/// What is to be committed.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Changes of rows that belong to them.
    pub changes: Vec<Change>,
    /// The first frame of a new run.
    pub frame: Option<AppendFrame>,
    /// Environments that were asked for or became free.
    pub environments: Vec<EnvironmentName>,
}

/// Why a release does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such stage.
    #[error("the pipeline has no stage `{0}`")]
    UnknownStage(StageName),
    /// What it is told is no longer so: somebody was quicker.
    #[error("{0} has moved on")]
    Stale(DeploymentId),
    /// The stage has an attempt under way.
    #[error("`{0}` is under way; wait for it, or cancel the release")]
    Active(StageName),
    /// The stage has run.
    #[error("`{0}` has run already; `release redeploy` runs it again")]
    HasRun(StageName),
    /// The stage has never run, or succeeded.
    #[error("`{0}` has nothing to retry")]
    NothingToRetry(StageName),
    /// The release was canceled.
    #[error("the release was canceled")]
    Canceled,
    /// Nothing is under way.
    #[error("nothing of the release is under way")]
    Idle,
    /// The stage cannot be planned.
    #[error("`{stage}` cannot be planned")]
    Plan {
        /// The stage.
        stage: StageName,
        /// Why.
        #[source]
        cause: CallError,
    },
    /// The decision's own events do not fold, which is a defect.
    #[error("the decision does not hold")]
    Defect(#[from] FoldError),
}

impl Refusal {
    /// Whether the request itself was wrong, rather than the moment.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownStage(_) | Self::Plan { .. })
    }
}

/// Decides. The state is not changed; the caller applies the events when they are durable.
///
/// # Errors
/// If the release does not do what it is told. Nothing is to be committed then.
pub fn decide(state: &ReleaseState, input: Input, source: &mut dyn Source) -> Result<Decision, Refusal> {
    let mut draft = Draft { state: state.clone(), out: Decision::default(), source };
    match input {
        Input::Create { by } => draft.create(by)?,
        Input::SlotGranted { deployment } => draft.slot_granted(deployment)?,
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

/// A decision in the making: the state already has its events.
struct Draft<'a> {
    state: ReleaseState,
    out: Decision,
    source: &'a mut dyn Source,
}

impl Draft<'_> {
    fn push(&mut self, event: Event) -> Result<(), Refusal> {
        self.state.apply(&event, self.source.now())?;
        self.out.events.push(event);
        Ok(())
    }

    fn deployment(&self, id: DeploymentId) -> Result<Deployment, Refusal> {
        self.state.deployment(id).cloned().ok_or(Refusal::Stale(id))
    }

    fn touch(&mut self, stage: &StageName) {
        let environment = self.state.snapshot.pipeline.stage(stage).map(|stage| stage.environment.clone());
        self.out.environments.extend(environment);
    }

    fn create(&mut self, by: Actor) -> Result<(), Refusal> {
        self.push(Event::Created { by: by.clone() })?;
        let stages = self.state.snapshot.pipeline.stages.clone();
        for stage in stages.iter().filter(|stage| stage.after == After::Release) {
            if !self.state.is_manual(stage) {
                self.request_or_skip(&stage.name, &by)?;
            }
        }
        Ok(())
    }

    /// Requests a stage whose condition has come true. One that cannot be planned is skipped: the release
    /// fails with the reason, and nothing else is lost.
    fn request_or_skip(&mut self, stage: &StageName, by: &Actor) -> Result<(), Refusal> {
        match self.request(stage, Trigger::Automatic, by.clone(), None) {
            Err(Refusal::Plan { stage, cause }) => {
                self.push(Event::StageSkipped { stage, reason: format!("it cannot be planned: {cause}") })
            }
            other => other,
        }
    }

    fn request(
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

    fn open(&mut self, deployment: &Deployment, origin: Origin, plan: &ApprovalPlan) -> Result<(), Refusal> {
        let id = ApprovalId(self.source.id(Sequence::Approval));
        let approval = approval(&self.state, deployment, (id, origin), plan, self.source.now());
        self.announce(approval)
    }

    /// Opens an approval and tells those who may decide.
    fn announce(&mut self, approval: Approval) -> Result<(), Refusal> {
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
        self.out.changes.push(Change::Recheck { approval: id, at, waiting_for: String::new() });
        self.out.changes.extend(mails);
        Ok(())
    }

    fn start_run(&mut self, deployment: &Deployment) -> Result<(), Refusal> {
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

    fn approval_closed(
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

    fn set_run(&mut self, run: RunId, from: Vec<RunState>, to: RunState) {
        self.out.changes.push(Change::SetRun { run, from, to, due_at: None, problem: None });
    }

    fn run_ended(&mut self, run: RunId, id: DeploymentId, end: RunEnd) -> Result<(), Refusal> {
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
    fn finish(&mut self, id: DeploymentId, status: Status, summary: &str) -> Result<(), Refusal> {
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
    fn follow_up(&mut self, stage: &StageName, by: &Actor) -> Result<(), Refusal> {
        let stages = self.state.snapshot.pipeline.stages.clone();
        for next in &stages {
            let After::Stages(predecessors) = &next.after else { continue };
            let waits = predecessors.iter().any(|predecessor| predecessor.stage == *stage);
            if !waits || self.state.is_manual(next) || self.state.latest(&next.name).is_some() {
                continue;
            }
            if predecessors.iter().all(|predecessor| self.holds(predecessor)) {
                self.request_or_skip(&next.name, by)?;
                continue;
            }
            let spoilt = predecessors.iter().find_map(|predecessor| self.spoilt(predecessor));
            if let Some(reason) = spoilt.filter(|_| self.state.skipped(&next.name).is_none()) {
                self.push(Event::StageSkipped { stage: next.name.clone(), reason })?;
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

    fn known(&self, stage: &StageName) -> Result<(), Refusal> {
        match self.state.snapshot.pipeline.stage(stage) {
            Some(_) if self.state.is_canceled() => Err(Refusal::Canceled),
            Some(_) => Ok(()),
            None => Err(Refusal::UnknownStage(stage.clone())),
        }
    }

    fn promote(&mut self, stage: StageName, by: Actor) -> Result<(), Refusal> {
        self.known(&stage)?;
        match self.state.latest(&stage) {
            None => self.request(&stage, Trigger::Promotion, by, None),
            Some(latest) if latest.is_active() => Err(Refusal::Active(stage)),
            Some(_) => Err(Refusal::HasRun(stage)),
        }
    }

    fn retry(&mut self, stage: StageName, by: Actor) -> Result<(), Refusal> {
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

    fn redeploy(
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

    fn cancel(&mut self, by: Actor, reason: String) -> Result<(), Refusal> {
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
