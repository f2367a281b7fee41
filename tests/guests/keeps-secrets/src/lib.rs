//! Creates a pull secret and one of the operator's secrets, deploys, and says everything it knows.

use relhost_sdk::deploy::DEFAULT_TIMEOUT;
use relhost_sdk::prelude::*;

/// Which secrets, and what is deployed.
#[relhost_sdk::settings]
pub struct Settings {
    /// The registry connection of the pull secret.
    registry: String,
    /// The operator's secrets that become keys of one Kubernetes secret.
    secrets: Vec<String>,
    /// What is applied.
    manifests: Vec<String>,
    /// Whether it panics with everything it knows instead of deploying.
    #[serde(default)]
    panics: bool,
}

/// Creates secrets and deploys.
pub struct KeepsSecrets;

/// Creates secrets and deploys.
#[relhost_sdk::stage]
impl Stage for KeepsSecrets {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let pull = ctx.secrets().docker_registry("pull", &settings.registry)?;
        let generic = ctx.secrets().generic("generic");
        let generic =
            settings.secrets.iter().fold(generic, |generic, name| generic.entry(name, name)).create()?;
        info!("what a plugin holds of a secret is its name: {pull:?} {generic:?}");
        assert!(!settings.panics, "this is all that a plugin knows: {pull:?} {generic:?}");
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
        let settings = json!({ "registry": "company", "secrets": ["database"], "manifests": ["a.yaml"] });
        assert_eq!(host.run(&KeepsSecrets, settings).unwrap().get("generic"), Some("generic"));
    }
}
