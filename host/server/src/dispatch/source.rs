//! What the engine may ask for while it decides: time, ids, random bytes and a stage's plan.

use relhost_engine::plan;
use relhost_engine::port::store::{Sequence, Store as _};
use relhost_engine::release::{PlanRequest, ReleaseState, Source};
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::id::RunUuid;
use relhost_model::release::DeploymentPlan;
use relhost_model::time::Timestamp;

use crate::host::Host;

/// The host as the engine sees it.
pub struct HostSource<'a>(pub &'a Host);

impl Source for HostSource<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn id(&mut self, sequence: Sequence) -> u64 {
        self.0.store.allocate(sequence)
    }

    fn uuid(&mut self) -> RunUuid {
        RunUuid(uuid::Uuid::new_v4())
    }

    fn seed(&mut self) -> String {
        // Two version-4 UUIDs are 244 random bits from the operating system.
        format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
    }

    fn plan(&mut self, state: &ReleaseState, request: &PlanRequest) -> Result<DeploymentPlan, CallError> {
        plan::for_state(state, &self.0.config, request)
    }

    fn config(&self) -> &Config {
        &self.0.config
    }
}
