//! Makes cheap host calls without end.

use relhost_sdk::prelude::*;

#[relhost_sdk::settings]
struct Settings {
    /// How many calls; without end if it is not given.
    calls: Option<u64>,
}

struct CallFlood;

/// Makes cheap host calls without end.
#[relhost_sdk::stage]
impl Stage for CallFlood {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let mut calls: u64 = 0;
        while settings.calls.is_none_or(|most| calls < most) {
            std::hint::black_box(ctx.now());
            calls += 1;
        }
        Ok(Outcome::succeeded(format!("made {calls} calls")))
    }
}
