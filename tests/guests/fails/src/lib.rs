//! Fails with a failure of its own, and says whether it may go away.

use relhost_sdk::prelude::*;

#[relhost_sdk::settings]
struct Settings {
    /// The stable word.
    #[serde(default = "code")]
    code: String,
    /// The sentence.
    #[serde(default = "message")]
    message: String,
    /// Whether the same may succeed later; it may without.
    #[serde(default = "retryable")]
    retryable: bool,
}

fn code() -> String {
    "not-today".to_owned()
}

fn message() -> String {
    "the stars are not right".to_owned()
}

fn retryable() -> bool {
    true
}

struct Fails;

/// Fails with a failure of its own, and says whether it may go away.
#[relhost_sdk::stage]
impl Stage for Fails {
    type Settings = Settings;

    fn run(&self, _: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let Settings { code, message, retryable } = settings;
        let failure = Failure::new(code, message).detail("pod", "web-1");
        Err(if retryable { failure.retryable() } else { failure })
    }
}
