//! The fold of a release's events.

use std::collections::BTreeMap;

use relhost_model::actor::Actor;
use relhost_model::approval::{Origin, Resolution};
use relhost_model::call::CallError;
use relhost_model::id::{ApprovalId, DeploymentId, ReleaseId, RunId, StageName};
use relhost_model::release::{DeploymentPlan, Snapshot, Status};
use relhost_model::time::Timestamp;

use crate::event::{Event, Recorded, Trigger};

/// A release as its events made it.
#[derive(Debug, Clone)]
pub struct ReleaseState {
    /// Its id.
    pub id: ReleaseId,
    /// What is frozen.
    pub snapshot: Snapshot,
    /// The sequence number of the next event.
    pub next: u64,
    /// Every attempt of every stage, in the order they were requested.
    deployments: Vec<Deployment>,
    /// Stages that cannot start by themselves any more, and why.
    skipped: BTreeMap<StageName, Skipped>,
    /// Who canceled it, and why.
    canceled: Option<(Actor, String)>,
}

/// A stage that was left out.
#[derive(Debug, Clone)]
struct Skipped {
    reason: String,
    /// Whether the release fails by it.
    failed: bool,
}

/// One attempt of one stage.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// The stage.
    pub stage: StageName,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Why it was requested.
    pub trigger: Trigger,
    /// By whom.
    pub by: Actor,
    /// Everything it needs.
    pub plan: DeploymentPlan,
    /// Where it is.
    pub phase: Phase,
    /// The run of its code, once there is one.
    pub run: Option<RunId>,
    /// Named results.
    pub outputs: BTreeMap<String, String>,
    /// What people are told about it last.
    pub summary: String,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Where an attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It waits for its environment.
    Queued,
    /// It holds its environment; what is next is decided in the same commit.
    Started,
    /// It waits for people before its code.
    Before(ApprovalId),
    /// Its code runs.
    Running(RunId),
    /// Its code waits for people.
    Call(RunId, ApprovalId),
    /// Its run needs a person.
    Quarantined(RunId, CallError),
    /// Its code is over with this status; what is next is decided in the same commit.
    Ran(Status),
    /// It waits for people after its code, which ended with this status.
    After(ApprovalId, Status),
    /// It is over.
    Finished(Status),
}

impl Deployment {
    /// Whether it is not over.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Finished(_))
    }

    /// Whether it holds its environment.
    #[must_use]
    pub fn holds_environment(&self) -> bool {
        !matches!(self.phase, Phase::Queued | Phase::Finished(_))
    }

    /// The approval it waits for.
    #[must_use]
    pub fn approval(&self) -> Option<ApprovalId> {
        match self.phase {
            Phase::Before(id) | Phase::Call(_, id) | Phase::After(id, _) => Some(id),
            _ => None,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self.phase {
            Phase::Finished(status) => Some(status),
            _ => None,
        }
    }
}

/// An event that cannot follow the ones before it: the stored events are not a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// It names an attempt that was not requested.
    #[error("fold event {seq}: {deployment} was never requested")]
    UnknownDeployment {
        /// The event.
        seq: u64,
        /// The attempt.
        deployment: DeploymentId,
    },
    /// It does not fit where the attempt is.
    #[error("fold event {seq}: `{event}` does not follow {phase}")]
    Illegal {
        /// The event.
        seq: u64,
        /// Its kind.
        event: &'static str,
        /// Where the attempt is.
        phase: String,
    },
    /// An event is missing.
    #[error("fold event {found}: {expected} is missing")]
    Gap {
        /// What belongs there.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// Two attempts of one stage at once, or a number that was used before.
    #[error("fold event {seq}: attempt {attempt} of `{stage}` was not to be requested")]
    Attempt {
        /// The event.
        seq: u64,
        /// The stage.
        stage: StageName,
        /// The number.
        attempt: u32,
    },
}

impl ReleaseState {
    /// A release that nothing has happened to yet.
    #[must_use]
    pub fn new(id: ReleaseId, snapshot: Snapshot) -> Self {
        Self { id, snapshot, next: 0, deployments: Vec::new(), skipped: BTreeMap::new(), canceled: None }
    }

    /// Folds events from the first on.
    ///
    /// # Errors
    /// If one is missing or cannot follow the ones before it.
    pub fn fold(id: ReleaseId, snapshot: Snapshot, events: &[Recorded]) -> Result<Self, FoldError> {
        let mut state = Self::new(id, snapshot);
        state.extend(events)?;
        Ok(state)
    }

    /// Folds the events that follow.
    ///
    /// # Errors
    /// If one is missing or cannot follow the ones before it; the state is then no release.
    pub fn extend(&mut self, events: &[Recorded]) -> Result<(), FoldError> {
        for recorded in events {
            if recorded.seq != self.next {
                return Err(FoldError::Gap { expected: self.next, found: recorded.seq });
            }
            self.apply(&recorded.event, recorded.at)?;
        }
        Ok(())
    }

    /// Applies one event: the same function live and at recovery.
    ///
    /// # Errors
    /// If it cannot follow the ones before it.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), FoldError> {
        match event {
            Event::Created { .. } => {}
            Event::DeploymentRequested { .. } => self.requested(event)?,
            Event::StageSkipped { stage, reason, failed } => {
                let skipped = Skipped { reason: reason.clone(), failed: *failed };
                self.skipped.insert(stage.clone(), skipped);
            }
            Event::CancelRequested { by, reason } => self.canceled = Some((by.clone(), reason.clone())),
            other => self.moved(other, at)?,
        }
        self.next += 1;
        Ok(())
    }

    fn requested(&mut self, event: &Event) -> Result<(), FoldError> {
        let Event::DeploymentRequested { deployment, stage, attempt, trigger, by, plan } = event else {
            return Ok(());
        };
        let latest = self.latest(stage);
        let follows = latest.map_or(1, |latest| latest.attempt + 1) == *attempt;
        if !follows || latest.is_some_and(Deployment::is_active) {
            return Err(FoldError::Attempt { seq: self.next, stage: stage.clone(), attempt: *attempt });
        }
        self.skipped.remove(stage);
        self.deployments.push(Deployment {
            id: *deployment,
            stage: stage.clone(),
            attempt: *attempt,
            trigger: *trigger,
            by: by.clone(),
            plan: plan.as_ref().clone(),
            phase: Phase::Queued,
            run: None,
            outputs: BTreeMap::new(),
            summary: String::new(),
            ended_at: None,
        });
        Ok(())
    }

    fn moved(&mut self, event: &Event, at: Timestamp) -> Result<(), FoldError> {
        let seq = self.next;
        let (id, kind) = subject(event);
        let deployment = self
            .deployments
            .iter_mut()
            .find(|deployment| deployment.id == id)
            .ok_or(FoldError::UnknownDeployment { seq, deployment: id })?;
        let Some(next) = next_phase(deployment, event) else {
            return Err(FoldError::Illegal { seq, event: kind, phase: format!("{:?}", deployment.phase) });
        };
        deployment.phase = next;
        match event {
            Event::RunCreated { run, .. } => deployment.run = Some(*run),
            Event::RunQuarantined { problem, .. } => deployment.summary.clone_from(&problem.message),
            Event::RunReleased { .. } => deployment.summary.clear(),
            Event::RunFinished { outputs, summary, .. } => {
                deployment.outputs.clone_from(outputs);
                deployment.summary.clone_from(summary);
            }
            Event::DeploymentFinished { summary, .. } => {
                deployment.summary.clone_from(summary);
                deployment.ended_at = Some(at);
            }
            _ => {}
        }
        Ok(())
    }

    /// Every attempt, in the order they were requested.
    #[must_use]
    pub fn deployments(&self) -> &[Deployment] {
        &self.deployments
    }

    /// One attempt.
    #[must_use]
    pub fn deployment(&self, id: DeploymentId) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The latest attempt of a stage.
    #[must_use]
    pub fn latest(&self, stage: &StageName) -> Option<&Deployment> {
        self.deployments.iter().rev().find(|deployment| deployment.stage == *stage)
    }

    /// Why a stage cannot start by itself any more.
    #[must_use]
    pub fn skipped(&self, stage: &StageName) -> Option<&str> {
        self.skipped.get(stage).map(|skipped| skipped.reason.as_str())
    }

    /// Whether a stage could not be planned, and was not requested since.
    pub(super) fn lacks_a_plan(&self) -> bool {
        self.skipped.values().any(|skipped| skipped.failed)
    }

    /// Whether it was canceled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.canceled.is_some()
    }

    /// The outputs of every stage whose latest attempt succeeded.
    #[must_use]
    pub fn outputs(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let stages = self.snapshot.pipeline.stages.iter().filter_map(|stage| self.latest(&stage.name));
        stages
            .filter(|latest| matches!(latest.status(), Some(Status::Succeeded | Status::PartiallySucceeded)))
            .map(|latest| (latest.stage.to_string(), latest.outputs.clone()))
            .collect()
    }
}

/// The attempt that an event is about, and the event's name.
fn subject(event: &Event) -> (DeploymentId, &'static str) {
    match event {
        Event::DeploymentRequested { deployment, .. } => (*deployment, "deployment-requested"),
        Event::DeploymentStarted { deployment } => (*deployment, "deployment-started"),
        Event::ApprovalOpened { deployment, .. } => (*deployment, "approval-opened"),
        Event::ApprovalClosed { deployment, .. } => (*deployment, "approval-closed"),
        Event::RunCreated { deployment, .. } => (*deployment, "run-created"),
        Event::RunQuarantined { deployment, .. } => (*deployment, "run-quarantined"),
        Event::RunReleased { deployment, .. } => (*deployment, "run-released"),
        Event::RunFinished { deployment, .. } => (*deployment, "run-finished"),
        Event::DeploymentFinished { deployment, .. } => (*deployment, "deployment-finished"),
        Event::Created { .. } | Event::StageSkipped { .. } | Event::CancelRequested { .. } => {
            (DeploymentId(0), "of the release")
        }
    }
}

/// The transition table of an attempt: where an event leads from where it is; `None` is illegal.
fn next_phase(deployment: &Deployment, event: &Event) -> Option<Phase> {
    use Phase as P;
    let approved = |resolution: &Resolution| *resolution == Resolution::Approved;
    Some(match (&deployment.phase, event) {
        (P::Queued, Event::DeploymentStarted { .. }) => P::Started,
        (P::Started, Event::ApprovalOpened { approval, origin: Origin::Before, .. }) => P::Before(*approval),
        (P::Before(open), Event::ApprovalClosed { approval, resolution, .. }) if open == approval => {
            if approved(resolution) {
                P::Started
            } else {
                P::Before(*open)
            }
        }
        (P::Started, Event::RunCreated { run, .. }) => P::Running(*run),
        (P::Running(run), Event::ApprovalOpened { approval, origin: Origin::Call(of, _), .. })
            if of == run =>
        {
            P::Call(*run, *approval)
        }
        (P::Call(run, open), Event::ApprovalClosed { approval, .. }) if open == approval => P::Running(*run),
        (P::Running(of) | P::Call(of, _), Event::RunQuarantined { run, problem, .. }) if of == run => {
            P::Quarantined(*run, problem.clone())
        }
        (P::Quarantined(of, _), Event::RunReleased { run, .. }) if of == run => P::Running(*run),
        (P::Running(of) | P::Call(of, _) | P::Quarantined(of, _), Event::RunFinished { run, status, .. })
            if of == run =>
        {
            P::Ran(*status)
        }
        (P::Ran(status), Event::ApprovalOpened { approval, origin: Origin::After, .. }) => {
            P::After(*approval, *status)
        }
        (P::After(open, status), Event::ApprovalClosed { approval, .. }) if open == approval => {
            P::After(*open, *status)
        }
        (P::Finished(_), _) => return None,
        // An attempt may be canceled or superseded wherever it is.
        (_, Event::DeploymentFinished { status, .. }) => P::Finished(*status),
        _ => return None,
    })
}
