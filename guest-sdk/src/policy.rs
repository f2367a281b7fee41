//! Policies: pure functions that decide from votes whether an approval is given.
//!
//! ```
//! use relhost_sdk::mock::{self, Ballot};
//! use relhost_sdk::prelude::*;
//!
//! struct Two;
//!
//! /// Two approvals of anybody who is asked.
//! #[relhost_sdk::policy]
//! impl Policy for Two {
//!     type Settings = NoSettings;
//!
//!     fn evaluate(&self, input: &PolicyInput, _: NoSettings) -> Result<Verdict, Failure> {
//!         let given = input.approvals().count();
//!         Ok(match 2_usize.checked_sub(given) {
//!             None | Some(0) => Verdict::approve("two people approved"),
//!             Some(missing) => Verdict::need([Requirement::of(missing, "two approvals", input.undecided())]),
//!         })
//!     }
//! }
//!
//! let ballot = Ballot::new().asks("ann").asks("bob").asks("carol").approves("bob");
//! let verdict = mock::evaluate(&Two, &ballot, json!({})).expect("no failure");
//! assert_eq!(verdict.requirements()[0].candidates, ["ann", "carol"]);
//! ```

use crate::host::record::Actor;
use crate::outcome::Failure;
use crate::settings::{self, Settings};
use crate::time::Timestamp;

mod slots;
#[cfg(test)]
mod tests;
mod verdict;

pub use slots::{Filling, Slots};
pub use verdict::{Answer, Requirement, Verdict};

/// Decides whether an approval is given.
pub trait Policy {
    /// What the pipeline may write under the policy's `with:`.
    type Settings: Settings;

    /// Evaluates. Called on every vote, on every change of a membership, and at
    /// [`Verdict::recheck_at`]. The same input has to give the same verdict.
    ///
    /// # Errors
    /// If the settings make no sense for these approvers; the gate stays closed and says so.
    fn evaluate(&self, input: &PolicyInput, settings: Self::Settings) -> Result<Verdict, Failure>;
}

/// A person who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The person's id.
    pub id: String,
    /// The groups of the approval's list through which this person is asked; empty if asked by name.
    pub groups: Vec<String>,
}

/// One entry of an approval's list: a group, or a person asked by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The group's name, or the person's id.
    pub name: String,
    /// Who can answer for it.
    pub people: Vec<String>,
}

/// One person's vote. There is at most one per person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// The person's id.
    pub voter: String,
    /// True for approve. A rejection closes the approval before a policy is asked.
    pub approve: bool,
    /// When.
    pub at: Timestamp,
}

/// Everything a policy may know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyInput {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The environment's name.
    pub environment: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// Who asked for the deployment.
    pub requester: Actor,
    /// Everybody who is asked, in the order of the approval's list.
    pub approvers: Vec<Approver>,
    /// The votes so far, oldest first. Only votes that the host admits.
    pub votes: Vec<Vote>,
    /// When the approval was opened.
    pub opened_at: Timestamp,
    /// The time of this evaluation.
    pub now: Timestamp,
    /// Further facts as name and JSON value.
    pub facts: Vec<(String, String)>,
    /// The policy's `with:` as JSON.
    pub settings_json: String,
}

impl PolicyInput {
    /// The votes to approve by people who are asked, oldest first.
    pub fn approvals(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| vote.approve && self.approver(&vote.voter).is_some())
    }

    /// Whether a person has approved.
    #[must_use]
    pub fn has_approved(&self, id: &str) -> bool {
        self.approvals().any(|vote| vote.voter == id)
    }

    /// A person, if asked.
    #[must_use]
    pub fn approver(&self, id: &str) -> Option<&Approver> {
        self.approvers.iter().find(|approver| approver.id == id)
    }

    /// The ids of those who are asked and have not voted, in the order of the list.
    #[must_use]
    pub fn undecided(&self) -> Vec<String> {
        let voted = |id: &str| self.votes.iter().any(|vote| vote.voter == id);
        self.approvers.iter().filter(|approver| !voted(&approver.id)).map(|found| found.id.clone()).collect()
    }

    /// The members of a group of the approval's list, in the order of the list.
    #[must_use]
    pub fn members(&self, group: &str) -> Vec<String> {
        let through = |approver: &&Approver| approver.groups.iter().any(|name| name == group);
        self.approvers.iter().filter(through).map(|member| member.id.clone()).collect()
    }

    /// The approval's list again: its groups, and the people asked by name. Somebody who is asked by name
    /// and through a group is in the group only; the host does not tell them apart.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut seen = Vec::new();
        for approver in &self.approvers {
            if approver.groups.is_empty() {
                entries.push(Entry { name: approver.id.clone(), people: vec![approver.id.clone()] });
            }
            for group in &approver.groups {
                if !seen.contains(&group) {
                    seen.push(group);
                    entries.push(Entry { name: group.clone(), people: self.members(group) });
                }
            }
        }
        entries
    }

    /// One entry as settings write it: a person (`ann`) or a group (`group:qa-leads`), if asked.
    #[must_use]
    pub fn entry(&self, written: &str) -> Option<Entry> {
        let (name, people) = match written.strip_prefix("group:") {
            Some(group) => (group, self.members(group)),
            None => (written, self.approver(written).map(|found| found.id.clone()).into_iter().collect()),
        };
        if people.is_empty() { None } else { Some(Entry { name: name.to_owned(), people }) }
    }

    /// A fact as JSON.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }
}

/// What the host calls: reads the settings and evaluates.
pub(crate) fn evaluate<P: Policy>(policy: &P, input: &PolicyInput) -> Result<Verdict, Failure> {
    policy.evaluate(input, settings::parse(&input.settings_json)?)
}
