//! A policy: one approval of anybody who is asked is enough.

use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// One approval of anybody who is asked is enough.
pub struct AnyOne;

/// One approval of anybody who is asked is enough.
#[relhost_sdk::policy(readme = "README.md")]
impl Policy for AnyOne {
    type Settings = NoSettings;

    fn evaluate(&self, input: &PolicyInput, _: NoSettings) -> Result<Verdict, Failure> {
        Ok(match input.approvals().next() {
            Some(vote) => Verdict::approve(format!("{} approved", vote.voter)),
            None => {
                let missing = Requirement::of(1, "one approval of anybody who is asked", input.undecided());
                Verdict::need([missing]).reason("nobody has approved yet")
            }
        })
    }
}
