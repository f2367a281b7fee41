//! Creates a pull secret and a secret of the operator's, deploys, and says everything it knows.

use relhost_sdk::deploy::DEFAULT_TIMEOUT;
use relhost_sdk::prelude::*;

/// Which secrets, and what is deployed.
#[relhost_sdk::settings]
pub struct Settings {
    /// The registry connection of the pull secret.
    registry: String,
    /// The operator's secret that becomes the key `value` of a Kubernetes secret.
    secret: String,
    /// What is applied.
    manifests: Vec<String>,
}

/// Creates secrets and deploys.
pub struct KeepsSecrets;

/// Creates secrets and deploys.
#[relhost_sdk::stage]
impl Stage for KeepsSecrets {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let pull = ctx.secrets().docker_registry("pull", &settings.registry)?;
        let generic = ctx.secrets().generic("generic").entry("value", &settings.secret).create()?;
        info!("what a plugin holds of a secret is its name: {pull:?} {generic:?}");
        let deployment = ctx.deploy().manifests(&settings.manifests).pull_secret(&pull).start()?;
        deployment.wait(DEFAULT_TIMEOUT)?;
        ctx.notify("requester").subject("secrets are kept").send(format!("{pull:?} {generic:?}"))?;
        Ok(Outcome::succeeded("secrets are kept")
            .output("pull", pull.name())
            .output("generic", generic.name()))
    }
}

#[cfg(test)]
mod tests {
    use relhost_sdk::mock::{self, MockHost};

    use super::*;

    #[test]
    fn secrets_come_before_what_needs_them() {
        let host = MockHost::new()
            .docker_registry(())
            .generic(())
            .deploy(mock::applied("d", &["Deployment/web"]))
            .wait(mock::rollout())
            .notify(());
        let settings = json!({ "registry": "company", "secret": "database", "manifests": ["a.yaml"] });
        assert_eq!(host.run(&KeepsSecrets, settings).unwrap().get("generic"), Some("generic"));
    }
}
