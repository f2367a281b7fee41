//! A policy that never decides.

use relhost_sdk::prelude::*;

struct Loops;

/// A policy that never decides.
#[relhost_sdk::policy]
impl Policy for Loops {
    type Settings = NoSettings;

    fn evaluate(&self, _: &PolicyInput, _: NoSettings) -> Result<Verdict, Failure> {
        let mut turns: u64 = 0;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}
