//! Leaves through the door of a command line program.

use relhost_sdk::prelude::*;

struct Exits;

/// Leaves through the door of a command line program.
#[relhost_sdk::stage]
impl Stage for Exits {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        std::process::exit(3)
    }
}
