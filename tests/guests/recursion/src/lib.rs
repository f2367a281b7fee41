//! Calls itself until the stack is full.

use relhost_sdk::prelude::*;

struct Recursion;

/// Calls itself until the stack is full.
#[relhost_sdk::stage]
impl Stage for Recursion {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        Ok(Outcome::succeeded(deeper(0).to_string()))
    }
}

fn deeper(depth: u64) -> u64 {
    // A frame that the optimiser cannot do without.
    let frame = std::hint::black_box([depth; 32]);
    if std::hint::black_box(true) { deeper(depth + 1) + frame[7] } else { depth }
}
