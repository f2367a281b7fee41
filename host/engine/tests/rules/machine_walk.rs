//! Random pipelines under random inputs: what holds wherever a release goes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relhost_engine::approval::from_call;
use relhost_engine::event::{Event, Trigger};
use relhost_engine::port::store::{Change, StageState};
use relhost_engine::release::{Decision, Input, Phase, ReleaseState};
use relhost_model::approval::{Approval, Origin, Resolution};
use relhost_model::call::{ApprovalCall, CallError};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, ReleaseId, RunId, StageName};
use relhost_model::pipeline::{After, Predecessor, Stage};
use relhost_model::release::{RunEnd, StageOutcome, Status};
use relhost_model::time::Timestamp;

use crate::world::{Release, artifact, asks, name, person, stage};

const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

/// A stage as numbers: how it starts, and whom it asks.
type Shape = (u8, u8, bool, bool, bool);

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    prop::collection::vec(
        (0_u8..8, any::<u8>(), any::<bool>(), any::<bool>(), any::<bool>()),
        1..=NAMES.len(),
    )
}

fn pipeline(shapes: &[Shape]) -> Vec<Stage> {
    let build = |(index, (kind, mask, partial, before, after)): (usize, &Shape)| {
        let chosen = NAMES[..index].iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
        let chosen: Vec<Predecessor> =
            chosen.map(|(_, text)| Predecessor { stage: name(text), partial: *partial }).collect();
        let start = match kind {
            0 => After::Manual,
            _ if chosen.is_empty() => After::Release,
            _ => After::Stages(chosen),
        };
        let mut stage = stage(NAMES[index], start);
        stage.approval.before = before.then(|| asks(&["group:leads"]));
        stage.approval.after = after.then(|| asks(&["dan"]));
        stage
    };
    shapes.iter().enumerate().map(build).collect()
}

/// Everything the walk has seen, from outside.
struct Walk {
    release: Release,
    approvals: BTreeMap<ApprovalId, Box<Approval>>,
    open: BTreeSet<ApprovalId>,
    approved: BTreeSet<(DeploymentId, bool)>,
    runs: BTreeSet<RunId>,
    calls: u64,
}

impl Walk {
    fn new(stages: Vec<Stage>) -> Self {
        let snapshot = crate::world::snapshot(stages);
        let config = crate::world::config(&snapshot);
        let mut walk = Self {
            release: Release::blank(snapshot, config),
            approvals: BTreeMap::new(),
            open: BTreeSet::new(),
            approved: BTreeSet::new(),
            runs: BTreeSet::new(),
            calls: 10_000,
        };
        walk.tell(Input::Create { by: person("rita") }).expect("a release can be created");
        walk
    }

    fn tell(&mut self, input: Input) -> Result<(), relhost_engine::release::Refusal> {
        let granted = match &input {
            Input::SlotGranted { deployment } => Some(*deployment),
            _ => None,
        };
        if let Input::ApprovalClosed { approval, resolution: Resolution::Approved, .. } = &input {
            // Noted before the decision, which may start the run at once; a refusal takes it back.
            self.approved.insert((approval.deployment, approval.origin == Origin::Before));
        }
        let before = self.release.state.clone();
        let closing = match &input {
            Input::ApprovalClosed { approval, .. } => Some(approval.id),
            _ => None,
        };
        let decision = match self.release.tell(input.clone()) {
            Ok(decision) => decision,
            Err(refusal) => {
                assert_eq!(
                    format!("{before:?}"),
                    format!("{:?}", self.release.state),
                    "a refusal does nothing"
                );
                if let Input::ApprovalClosed { approval, .. } = &input {
                    self.approved.remove(&(approval.deployment, approval.origin == Origin::Before));
                }
                return Err(refusal);
            }
        };
        if let Some(id) = closing {
            assert!(self.open.remove(&id), "only what is open can be closed");
        }
        self.check_decision(&before, &decision, granted);
        self.check_state();
        Ok(())
    }

    fn check_decision(&mut self, before: &ReleaseState, decision: &Decision, granted: Option<DeploymentId>) {
        let mut frames = 0;
        for event in &decision.events {
            match event {
                Event::DeploymentStarted { deployment } => {
                    assert_eq!(Some(*deployment), granted, "nothing starts without its slot");
                }
                Event::RunCreated { deployment, run } => {
                    frames += 1;
                    assert!(self.runs.insert(*run), "a run is created once");
                    let plan = &self.deployment(*deployment).plan;
                    let may = plan.before.is_none() || self.approved.contains(&(*deployment, true));
                    assert!(may, "its approval comes first");
                    let created =
                        |change: &Change| matches!(change, Change::CreateRun(new) if new.id == *run);
                    assert!(decision.changes.iter().any(created));
                    assert_eq!(decision.frame.as_ref().map(|frame| frame.run), Some(*run));
                }
                Event::DeploymentRequested { stage, trigger: Trigger::Automatic, .. } => {
                    self.check_condition(stage);
                }
                Event::DeploymentFinished { deployment, status, .. } => {
                    let deployment = self.deployment(*deployment);
                    let good = matches!(status, Status::Succeeded | Status::PartiallySucceeded);
                    let asked = deployment.plan.after.is_some();
                    let may = !good || !asked || self.approved.contains(&(deployment.id, false));
                    assert!(may, "it succeeds when the people after it say so");
                    let environment = name(&deployment.stage.as_str().to_lowercase());
                    assert!(decision.environments.contains(&environment), "its environment is looked at");
                }
                _ => {}
            }
        }
        assert_eq!(frames, usize::from(decision.frame.is_some()), "a frame starts a run");
        for change in &decision.changes {
            match change {
                Change::OpenApproval(approval) => {
                    assert!(self.approvals.insert(approval.id, approval.clone()).is_none(), "a new id");
                    self.open.insert(approval.id);
                }
                Change::EndApproval { approval, .. } => {
                    assert!(self.open.remove(approval), "only what is open can be ended");
                }
                _ => {}
            }
        }
        for old in before.deployments().iter().filter(|old| !old.is_active()) {
            assert_eq!(self.deployment(old.id).phase, old.phase, "what is over stays over");
        }
    }

    fn check_condition(&self, stage: &StageName) {
        let state = &self.release.state;
        let stage = state.snapshot.pipeline.stage(stage).expect("it is in the pipeline");
        assert!(stage.after != After::Manual && !state.is_canceled());
        let After::Stages(predecessors) = &stage.after else { return };
        for predecessor in predecessors {
            let status = state.latest(&predecessor.stage).and_then(|latest| latest.status());
            let partial = status == Some(Status::PartiallySucceeded) && predecessor.partial;
            assert!(status == Some(Status::Succeeded) || partial, "{} after {predecessor:?}", stage.name);
        }
    }

    fn check_state(&self) {
        let state = &self.release.state;
        let mut active = BTreeSet::new();
        let mut attempts = BTreeMap::new();
        for deployment in state.deployments() {
            let attempt = attempts.entry(&deployment.stage).or_insert(0);
            *attempt += 1;
            assert_eq!(deployment.attempt, *attempt, "attempts are dense");
            if deployment.is_active() {
                assert!(active.insert(&deployment.stage), "one active attempt of a stage");
            }
            let between = matches!(deployment.phase, Phase::Started | Phase::Ran(_));
            assert!(!between, "no commit ends between two phases");
        }
        let waiting: BTreeSet<ApprovalId> = state.deployments().iter().filter_map(|d| d.approval()).collect();
        assert_eq!(waiting, self.open, "whoever is asked is waited for, and the other way round");
        let summary = state.summary();
        assert_eq!(summary.status.is_none(), !active.is_empty(), "over when nothing is active");
        for stage in &summary.stages {
            let skipped = stage.state == StageState::Finished(Status::Skipped);
            assert!(!skipped || stage.deployment.is_none(), "what ran was not skipped");
        }
        let fold = ReleaseState::fold(ReleaseId(1), state.snapshot.clone(), &self.release.history);
        let fold = fold.expect("what was committed folds");
        assert_eq!(format!("{fold:?}"), format!("{state:?}"), "recovery sees what live sees");
    }

    fn deployment(&self, id: DeploymentId) -> &relhost_engine::release::Deployment {
        self.release.state.deployment(id).expect("it was requested")
    }

    /// Any input, fitting or not.
    fn input(&mut self, kind: u8, pick: u8, more: u8) -> Option<Input> {
        let state = &self.release.state;
        let stages = &state.snapshot.pipeline.stages;
        let stage = stages[usize::from(pick) % stages.len()].name.clone();
        let by = person(["ann", "bob", "rita"][usize::from(more) % 3]);
        let all = state.deployments();
        let deployment = all.get(usize::from(pick) % all.len().max(1)).cloned();
        // A run that waits for people has no owner, so nobody ends or quarantines it.
        let waits = deployment.as_ref().is_some_and(|d| matches!(d.phase, Phase::Call(..)));
        let run = deployment.as_ref().and_then(|deployment| deployment.run);
        if waits && matches!(kind, 10..=14 | 16) {
            return None;
        }
        let id = deployment.as_ref().map(|deployment| deployment.id);
        Some(match kind {
            0..=5 => Input::SlotGranted { deployment: id? },
            6..=9 => {
                let approval =
                    self.approvals.values().nth(usize::from(pick) % self.approvals.len().max(1))?;
                Input::ApprovalClosed {
                    approval: approval.clone(),
                    resolution: resolution(more),
                    reason: "so".into(),
                }
            }
            10..=14 => Input::RunEnded { run: run?, deployment: id?, end: end(more) },
            15 => Input::ApprovalOpened { approval: self.call(id?, run?) },
            16 => Input::RunQuarantined { run: run?, deployment: id?, problem: problem() },
            17 => {
                let (verb, reason) = ("retry".into(), String::new());
                Input::RunReleased { run: run?, deployment: id?, by, verb, reason }
            }
            18 => Input::Promote { stage, by },
            19 | 20 => {
                let artifacts = (more > 128).then(|| vec![artifact("second")]);
                Input::Redeploy { stage, by, artifacts }
            }
            21 | 22 => Input::Retry { stage, by },
            _ if more > 200 => Input::Cancel { by, reason: String::new() },
            _ => return None,
        })
    }

    fn call(&mut self, deployment: DeploymentId, run: RunId) -> Box<Approval> {
        self.calls += 1;
        let call = ApprovalCall {
            instructions: String::new(),
            policy: None,
            policy_settings: serde_json::Value::Null,
            approvers: vec![name("eve")],
            timeout_seconds: None,
        };
        let ids = (ApprovalId(self.calls), run, 0);
        let journal = (Digest::of(b"journal"), Timestamp(1));
        Box::new(from_call(&self.release.state, deployment, ids, &call, journal).expect("it may ask"))
    }

    /// What brings the first active attempt further.
    fn onward(&self) -> Option<Input> {
        let deployment = self.release.state.deployments().iter().find(|deployment| deployment.is_active())?;
        let (id, by) = (deployment.id, person("ann"));
        Some(match &deployment.phase {
            Phase::Queued => Input::SlotGranted { deployment: id },
            Phase::Before(approval) | Phase::Call(_, approval) | Phase::After(approval, _) => {
                let approval = self.approvals[approval].clone();
                Input::ApprovalClosed { approval, resolution: Resolution::Approved, reason: "so".into() }
            }
            Phase::Running(run) => Input::RunEnded { run: *run, deployment: id, end: end(0) },
            Phase::Quarantined(run, _) => {
                let (verb, reason) = ("retry".into(), String::new());
                Input::RunReleased { run: *run, deployment: id, by, verb, reason }
            }
            other => unreachable!("{other:?} does not outlive its commit"),
        })
    }
}

fn resolution(pick: u8) -> Resolution {
    match pick % 6 {
        0 => Resolution::Rejected,
        1 => Resolution::Expired,
        _ => Resolution::Approved,
    }
}

fn problem() -> CallError {
    CallError::permanent("broken", "it broke")
}

fn end(pick: u8) -> RunEnd {
    let returned =
        |status| RunEnd::Returned(StageOutcome { status, summary: String::new(), outputs: BTreeMap::new() });
    match pick % 8 {
        1 => RunEnd::Failed(problem()),
        2 => returned(Status::PartiallySucceeded),
        3 => returned(Status::Rejected),
        4 => RunEnd::Aborted { by: person("ann"), reason: String::new() },
        _ => returned(Status::Succeeded),
    }
}

proptest! {
    #[test]
    fn a_release_keeps_its_invariants_wherever_it_goes(
        shapes in shapes(),
        steps in prop::collection::vec((0_u8..24, any::<u8>(), any::<u8>()), 0..60),
    ) {
        let mut walk = Walk::new(pipeline(&shapes));
        for (kind, pick, more) in steps {
            if let Some(input) = walk.input(kind, pick, more) {
                // A refusal is fine, a broken invariant panics.
                let _ = walk.tell(input);
            }
        }
        // From everywhere there is a way to the end, and every stage has at most one more attempt.
        for _ in 0..200 {
            let Some(input) = walk.onward() else { break };
            walk.tell(input).expect("the way on is open");
        }
        prop_assert!(walk.release.state.summary().status.is_some(), "it comes to an end");
        prop_assert!(walk.open.is_empty(), "nobody is asked about what is over");
    }

    #[test]
    fn a_release_without_trouble_runs_every_stage_that_starts_by_itself(shapes in shapes()) {
        let stages = pipeline(&shapes);
        let mut walk = Walk::new(stages.clone());
        while let Some(input) = walk.onward() {
            walk.tell(input).expect("the way on is open");
        }
        // By itself: not manual, and nothing before it is manual.
        let mut runs = BTreeSet::new();
        for stage in &stages {
            let starts = match &stage.after {
                After::Release => true,
                After::Manual => false,
                After::Stages(before) => before.iter().all(|predecessor| runs.contains(&predecessor.stage)),
            };
            if starts {
                runs.insert(stage.name.clone());
            }
        }
        let ran: BTreeSet<StageName> = walk.release.state.outputs().keys().map(|text| name(text)).collect();
        prop_assert_eq!(ran, runs);
        prop_assert_eq!(walk.release.state.summary().status, Some(Status::Succeeded));
    }
}
