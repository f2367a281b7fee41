//! Writes to the standard streams, which become log lines.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what becomes of it is what this guest tries out"
)]

use relhost_sdk::prelude::*;

struct Prints;

/// Writes to the standard streams, which become log lines.
#[relhost_sdk::stage]
impl Stage for Prints {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        println!("this went to stdout");
        eprintln!("this went to stderr");
        print!("a line without an end");
        Ok(Outcome::succeeded("printed"))
    }
}
