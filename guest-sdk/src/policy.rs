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

    /// A fact as JSON.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }
}

/// What is still missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// For a person: `one more of qa-leads`.
    pub description: String,
    /// The people who could give it.
    pub candidates: Vec<String>,
    /// How many of them are needed.
    pub count: u32,
}

impl Requirement {
    /// So many of these people.
    #[must_use]
    pub fn of(count: usize, description: impl Into<String>, candidates: Vec<String>) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self { description: description.into(), candidates, count }
    }
}

/// What a policy decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Enough.
    Approve,
    /// Never.
    Reject,
    /// Not yet: these are needed. An empty list means that only time is.
    Need(Vec<Requirement>),
    /// No opinion. If all policies abstain the gate stays closed.
    Abstain,
}

/// A policy's answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    answer: Answer,
    reasons: Vec<String>,
    recheck_at: Option<Timestamp>,
}

impl Verdict {
    fn new(answer: Answer) -> Self {
        Self { answer, reasons: Vec::new(), recheck_at: None }
    }

    /// Enough.
    #[must_use]
    pub fn approve(reason: impl Into<String>) -> Self {
        Self::new(Answer::Approve).reason(reason)
    }

    /// Never.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::new(Answer::Reject).reason(reason)
    }

    /// Not yet: these are needed.
    #[must_use]
    pub fn need(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        Self::new(Answer::Need(requirements.into_iter().collect()))
    }

    /// Not yet, and no vote changes that: ask again at this time.
    #[must_use]
    pub fn not_before(time: Timestamp, reason: impl Into<String>) -> Self {
        Self::need([]).reason(reason).recheck(time)
    }

    /// No opinion.
    #[must_use]
    pub fn abstain(reason: impl Into<String>) -> Self {
        Self::new(Answer::Abstain).reason(reason)
    }

    /// Adds a reason, for a person.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }

    /// Asks to be evaluated again at this time even if nobody votes.
    #[must_use]
    pub fn recheck(mut self, time: Timestamp) -> Self {
        self.recheck_at = Some(time);
        self
    }

    /// The answer.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Whether it is approved.
    #[must_use]
    pub fn approved(&self) -> bool {
        self.answer == Answer::Approve
    }

    /// What is still missing; nothing unless the answer is [`Answer::Need`].
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        match &self.answer {
            Answer::Need(requirements) => requirements,
            Answer::Approve | Answer::Reject | Answer::Abstain => &[],
        }
    }

    /// Why, for a person.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// When to ask again even if nobody votes.
    #[must_use]
    pub const fn recheck_at(&self) -> Option<Timestamp> {
        self.recheck_at
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (Answer, Vec<String>) {
        (self.answer, self.reasons)
    }
}

/// What the host calls: reads the settings and evaluates.
pub(crate) fn evaluate<P: Policy>(policy: &P, input: &PolicyInput) -> Result<Verdict, Failure> {
    policy.evaluate(input, settings::parse(&input.settings_json)?)
}
