//! Asks the system for the time, which the sandbox does not offer: it is refused before it runs.

use relhost_sdk::prelude::*;

struct WantsClock;

/// Asks the system for the time, which the sandbox does not offer: it is refused before it runs.
#[relhost_sdk::stage]
impl Stage for WantsClock {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        #[expect(clippy::disallowed_methods, reason = "the system's clock is what this guest wants")]
        let now = std::time::SystemTime::now();
        Ok(Outcome::succeeded(format!("{now:?}")))
    }
}
