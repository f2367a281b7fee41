//! A policy that panics instead of deciding.

use relhost_sdk::prelude::*;

struct Traps;

/// A policy that panics instead of deciding.
#[relhost_sdk::policy]
impl Policy for Traps {
    type Settings = NoSettings;

    fn evaluate(&self, input: &PolicyInput, _: NoSettings) -> Result<Verdict, Failure> {
        panic!("{} votes are too many for me", input.votes.len())
    }
}
