//! Reads a file, which the sandbox does not offer: it is refused before it runs.

use relhost_sdk::prelude::*;

struct WantsFiles;

/// Reads a file, which the sandbox does not offer: it is refused before it runs.
#[relhost_sdk::stage]
impl Stage for WantsFiles {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        let names = std::fs::read_to_string("/etc/hostname")?;
        Ok(Outcome::succeeded(names))
    }
}
