//! A policy: everybody in the approval's list approves. A group is satisfied by any of its members, and
//! nobody stands for two entries.

use relhost_sdk::policy::Slots;
use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// Everybody in the approval's list approves.
pub struct AllOf;

/// Everybody in the approval's list approves; a group is satisfied by any of its members.
#[relhost_sdk::policy(readme = "README.md")]
impl Policy for AllOf {
    type Settings = NoSettings;

    fn evaluate(&self, input: &PolicyInput, _: NoSettings) -> Result<Verdict, Failure> {
        let entries = input.entries();
        if entries.is_empty() {
            return Err(Failure::new("nobody-asked", "nobody is asked, so nobody can approve"));
        }
        let slots =
            entries.into_iter().fold(Slots::new(), |slots, entry| slots.add(&entry.name, 1, entry.people));
        slots.decide(input)
    }
}
