//! Takes memory until there is none.

use relhost_sdk::prelude::*;

struct MemoryBomb;

/// Takes memory until there is none.
#[relhost_sdk::stage]
impl Stage for MemoryBomb {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        let mut taken = Vec::new();
        loop {
            // Touched, so that it is really taken.
            taken.push(vec![1_u8; 1 << 20]);
            std::hint::black_box(&taken);
        }
    }
}
