//! What a policy answers.

use crate::time::Timestamp;

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
