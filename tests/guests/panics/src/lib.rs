//! Panics with a text that a person has to see.

use relhost_sdk::prelude::*;

/// What it panics with.
#[relhost_sdk::settings]
pub struct Settings {
    /// The text.
    #[serde(default)]
    text: Option<String>,
}

/// Panics.
pub struct Panics;

/// Panics with a text.
#[relhost_sdk::stage]
impl Stage for Panics {
    type Settings = Settings;

    fn run(&self, _: &Context, settings: Settings) -> Result<Outcome, Failure> {
        panic!("{}", settings.text.as_deref().unwrap_or("the reactor is on fire"))
    }
}
