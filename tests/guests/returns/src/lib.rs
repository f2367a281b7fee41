//! Ends well at once, with an output.

use relhost_sdk::prelude::*;

struct Returns;

/// Ends well at once, with an output.
#[relhost_sdk::stage]
impl Stage for Returns {
    type Settings = NoSettings;

    fn run(&self, ctx: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        Ok(Outcome::succeeded("nothing to do").output("stage", ctx.stage()))
    }
}
