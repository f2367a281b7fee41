//! Never ends and never calls the host.

use relhost_sdk::prelude::*;

struct Loops;

/// Never ends and never calls the host.
#[relhost_sdk::stage]
impl Stage for Loops {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        let mut turns: u64 = 0;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}
