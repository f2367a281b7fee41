//! Tells, asks and tells. The same calls as those of its twin, but for one argument: the subject of the first message.

use relhost_sdk::prelude::*;

const FIRST: &str = "first step, which is another one now";

#[relhost_sdk::settings]
struct Settings {
    /// Who is asked.
    approvers: Vec<String>,
}

struct CallsB;

/// Tells, asks and tells. The same calls as those of its twin, but for one argument: the subject of the first message.
#[relhost_sdk::stage]
impl Stage for CallsB {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        ctx.notify("requester").subject(FIRST).send("the twins differ here")?;
        let decision = ctx.approval("Shall this go on?").approvers(settings.approvers).ask()?.require()?;
        ctx.notify("requester").subject("second step").send(&decision.reason)?;
        Ok(Outcome::succeeded(decision.reason))
    }
}
