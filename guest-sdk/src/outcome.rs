//! How a stage ends: with an [`Outcome`], or with a [`Failure`].

mod failure;
#[cfg(test)]
mod tests;

pub use failure::{Explain, Failure};

/// How a stage ended when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Everything was done.
    Succeeded,
    /// Done with something left out that the summary names.
    PartiallySucceeded,
    /// People said no. Not a failure.
    Rejected,
    /// People did not answer in time. Not a failure.
    Expired,
}

/// What a stage returns: how it ended, one sentence for people, and named results.
///
/// ```
/// use relhost_sdk::outcome::{Outcome, Status};
///
/// let outcome = Outcome::succeeded("web runs at 10.0.0.7").output("address.web", "10.0.0.7");
/// assert_eq!(outcome.status(), Status::Succeeded);
/// assert_eq!(outcome.get("address.web"), Some("10.0.0.7"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    status: Status,
    summary: String,
    outputs: Vec<(String, String)>,
}

impl Outcome {
    fn new(status: Status, summary: impl Into<String>) -> Self {
        Self { status, summary: summary.into(), outputs: Vec::new() }
    }

    /// Everything was done.
    #[must_use]
    pub fn succeeded(summary: impl Into<String>) -> Self {
        Self::new(Status::Succeeded, summary)
    }

    /// Done with something left out; the summary names it.
    #[must_use]
    pub fn partially_succeeded(summary: impl Into<String>) -> Self {
        Self::new(Status::PartiallySucceeded, summary)
    }

    /// People said no; the summary says who and why.
    #[must_use]
    pub fn rejected(summary: impl Into<String>) -> Self {
        Self::new(Status::Rejected, summary)
    }

    /// People did not answer in time; the summary says who was asked for what.
    #[must_use]
    pub fn expired(summary: impl Into<String>) -> Self {
        Self::new(Status::Expired, summary)
    }

    /// Adds a named result, which later stages read with
    /// [`Context::previous_output`](crate::context::Context::previous_output). A name that is there already
    /// gets the new value.
    ///
    /// A name has letters, digits, `-`, `_` and `.`, at most 253; a value at most 32 KiB. The host refuses
    /// an outcome that does not keep to this.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.outputs.iter_mut().find(|(present, _)| *present == name) {
            Some((_, old)) => *old = value,
            None => self.outputs.push((name, value)),
        }
        self
    }

    /// Adds several named results.
    #[must_use]
    pub fn outputs_from(self, outputs: impl IntoIterator<Item = (String, String)>) -> Self {
        outputs.into_iter().fold(self, |outcome, (name, value)| outcome.output(name, value))
    }

    /// How it ended.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// One sentence for a person.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The named results, in the order in which they were added.
    #[must_use]
    pub fn outputs(&self) -> &[(String, String)] {
        &self.outputs
    }

    /// One named result.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.outputs.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, Vec<(String, String)>) {
        (self.summary, self.outputs)
    }
}
