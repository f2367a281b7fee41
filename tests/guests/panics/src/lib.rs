//! Panics with a text that a person has to see.

use relhost_sdk::prelude::*;

#[relhost_sdk::settings]
struct Settings {
    /// What it panics with.
    text: Option<String>,
}

struct Panics;

/// Panics with a text that a person has to see.
#[relhost_sdk::stage]
impl Stage for Panics {
    type Settings = Settings;

    fn run(&self, _: &Context, settings: Settings) -> Result<Outcome, Failure> {
        panic!("{}", settings.text.as_deref().unwrap_or("the reactor is on fire"))
    }
}
