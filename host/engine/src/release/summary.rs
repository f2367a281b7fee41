//! The read model of a release.

use relhost_model::pipeline::{After, Stage};
use relhost_model::release::Status;

use super::state::{Phase, ReleaseState};
use crate::port::store::{ReleaseSummary, StageState, StageSummary};

impl ReleaseState {
    /// The read model. The status is `None` while anything is active.
    #[must_use]
    pub fn summary(&self) -> ReleaseSummary {
        let stages: Vec<StageSummary> =
            self.snapshot.pipeline.stages.iter().map(|stage| self.stage_summary(stage)).collect();
        ReleaseSummary { status: self.status(), stages }
    }

    fn status(&self) -> Option<Status> {
        if self.deployments().iter().any(super::Deployment::is_active) {
            return None;
        }
        let latest = self.snapshot.pipeline.stages.iter().filter_map(|stage| self.latest(&stage.name));
        let ended = latest.filter_map(super::Deployment::status);
        let ends: Vec<Status> = ended.chain(self.lacks_a_plan().then_some(Status::Failed)).collect();
        // Worst first: a release is what its worst stage is.
        let order = [
            Status::Failed,
            Status::Rejected,
            Status::Expired,
            Status::Canceled,
            Status::Superseded,
            Status::PartiallySucceeded,
        ];
        let worst = order.into_iter().find(|status| ends.contains(status));
        Some(match worst {
            Some(worst) => worst,
            None if self.is_canceled() => Status::Canceled,
            None => Status::Succeeded,
        })
    }

    fn stage_summary(&self, stage: &Stage) -> StageSummary {
        let latest = self.latest(&stage.name);
        let skipped = self.skipped(&stage.name);
        let state = match (latest, skipped) {
            (_, Some(_)) => StageState::Finished(Status::Skipped),
            (None, None) if stage.after == After::Manual && !self.is_canceled() => StageState::Manual,
            (None, None) => StageState::NotStarted,
            (Some(latest), None) => match &latest.phase {
                Phase::Queued => StageState::Queued,
                Phase::Before(id) => StageState::AwaitingBefore(*id),
                Phase::Running(run) => StageState::Running(*run),
                Phase::Call(_, id) => StageState::AwaitingCall(*id),
                Phase::Quarantined(run, _) => StageState::Quarantined(*run),
                Phase::After(id, _) => StageState::AwaitingAfter(*id),
                Phase::Finished(status) => StageState::Finished(*status),
                // Left within the commit that enters them.
                Phase::Started | Phase::Ran(_) => StageState::Queued,
            },
        };
        StageSummary {
            stage: stage.name.clone(),
            environment: stage.environment.clone(),
            state,
            deployment: latest.map(|latest| latest.id),
            attempt: latest.map_or(0, |latest| latest.attempt),
            summary: skipped
                .map_or_else(|| latest.map(|l| l.summary.clone()).unwrap_or_default(), str::to_owned),
        }
    }
}
