//! Asks people, then applies: the effect behind a gate, for measurements.

use relhost_sdk::prelude::*;

/// Who is asked, and what is applied then.
#[relhost_sdk::settings]
pub struct Settings {
    /// People and groups.
    approvers: Vec<String>,
    /// Manifest files of the artifact.
    manifests: Vec<String>,
}

/// Asks people, then applies.
pub struct Gate;

/// Asks people, then applies.
#[relhost_sdk::stage]
impl Stage for Gate {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let decision = ctx.approval("Shall it be applied?").approvers(settings.approvers).ask()?.require()?;
        ctx.deploy().manifests(&settings.manifests).start()?;
        Ok(Outcome::succeeded(decision.reason))
    }
}

#[cfg(test)]
mod tests {
    use relhost_sdk::mock::{self, MockHost};

    use super::*;

    #[test]
    fn nothing_is_applied_without_an_approval() {
        let host = MockHost::new().await_approval(mock::decision().reject("ann", "no"));
        let settings = json!({ "approvers": ["ann"], "manifests": ["a.yaml"] });
        assert_eq!(host.run(&Gate, settings).unwrap().status(), Status::Rejected);
    }
}
