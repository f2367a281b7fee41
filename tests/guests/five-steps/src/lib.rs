//! So many host calls one after the other, for replay, kills and measurements.

use relhost_sdk::deploy::DEFAULT_TIMEOUT;
use relhost_sdk::prelude::*;

/// How many calls, and which.
#[relhost_sdk::settings]
pub struct Settings {
    /// How many; 5 without.
    #[serde(default = "five")]
    steps: u32,
    /// Which power; `notify` without.
    #[serde(default)]
    power: Power,
    /// Who is told; `requester` without.
    #[serde(default = "requester")]
    channel: String,
    /// What `deploy` and `wait` apply.
    #[serde(default)]
    manifests: Vec<String>,
}

/// The call that every step makes.
#[relhost_sdk::settings]
#[derive(Clone, Copy, Default)]
pub enum Power {
    /// A message per step.
    #[default]
    Notify,
    /// A message per step, and no line in the log.
    Quiet,
    /// A deployment per step.
    Deploy,
    /// One deployment, and a wait per step.
    Wait,
}

fn five() -> u32 {
    5
}

fn requester() -> String {
    "requester".to_owned()
}

/// So many host calls one after the other.
pub struct FiveSteps;

/// So many host calls one after the other.
#[relhost_sdk::stage]
impl Stage for FiveSteps {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let Settings { steps, power, channel, manifests } = settings;
        match power {
            Power::Notify => {
                for step in 1..=steps {
                    ctx.notify(&channel)
                        .subject(format!("step {step} of {steps}"))
                        .send("one step further")?;
                    info!("step {step} is done"; step = step);
                }
            }
            Power::Quiet => {
                for _ in 0..steps {
                    ctx.notify(&channel).subject("a step").send("one step further")?;
                }
            }
            Power::Deploy => {
                for _ in 0..steps {
                    ctx.deploy().manifests(&manifests).start()?;
                }
            }
            Power::Wait => {
                let deployment = ctx.deploy().manifests(&manifests).start()?;
                for _ in 0..steps {
                    deployment.wait(DEFAULT_TIMEOUT)?;
                }
            }
        }
        Ok(Outcome::succeeded(format!("{steps} steps are done")).output("steps", steps.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use relhost_sdk::mock::{self, MockHost};

    use super::*;

    #[test]
    fn five_messages_without_settings() {
        let host = (0..5).fold(MockHost::new(), |host, _| host.notify(()));
        assert_eq!(host.run(&FiveSteps, json!({})).unwrap().get("steps"), Some("5"));
    }

    #[test]
    fn waits_have_one_deployment() {
        let host =
            MockHost::new().deploy(mock::applied("d", &[])).wait(mock::rollout()).wait(mock::rollout());
        host.run(&FiveSteps, json!({ "steps": 2, "power": "wait" })).unwrap();
        assert_eq!(host.calls().len(), 3);
    }
}
