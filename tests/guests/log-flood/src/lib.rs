//! Writes more log lines than anybody may, and then ends well.

use relhost_sdk::prelude::*;

#[relhost_sdk::settings]
struct Settings {
    /// How many lines; 20,000 without.
    #[serde(default = "lines")]
    lines: u32,
    /// How long each is, in bytes; 200 without.
    #[serde(default = "length")]
    length: usize,
}

fn lines() -> u32 {
    20_000
}

fn length() -> usize {
    200
}

struct LogFlood;

/// Writes more log lines than anybody may, and then ends well.
#[relhost_sdk::stage]
impl Stage for LogFlood {
    type Settings = Settings;

    fn run(&self, _: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let text = "x".repeat(settings.length);
        for line in 0..settings.lines {
            info!("{line} {text}");
        }
        Ok(Outcome::succeeded(format!("wrote {} lines", settings.lines)))
    }
}
