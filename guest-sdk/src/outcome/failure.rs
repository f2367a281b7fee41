//! Why a stage could not do its work, and how any error becomes that.

use std::error::Error;
use std::fmt;

use super::Outcome;

/// The code of a failure that came from an ordinary error.
const CODE_OF_AN_ERROR: &str = "failed";

/// Why a stage could not do its work, or why a host call was refused.
///
/// `?` makes one from any error. A failure of a host call keeps the host's code and retryability:
///
/// ```
/// use relhost_sdk::outcome::{Explain as _, Failure};
///
/// fn count(text: &str) -> Result<u32, Failure> {
///     Ok(text.parse::<u32>().context("the variable `replicas`")?)
/// }
///
/// let failure = count("many").expect_err("not a number");
/// assert_eq!(failure.message(), "the variable `replicas`: invalid digit found in string");
/// assert!(!failure.is_retryable());
/// ```
///
/// It is not itself a `std::error::Error`, because then it could not be made from every error.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    Fault {
        code: String,
        message: String,
        retryable: bool,
        details: Vec<(String, String)>,
    },
    /// Not a failure: an outcome on its way up through `?`.
    Ended(Outcome),
}

impl Failure {
    /// A failure that will not go away by itself. `code` is a stable word such as `image-not-found`.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self(Box::new(Inner::Fault { code, message, retryable: false, details: Vec::new() }))
    }

    /// Settings that make no sense: code `invalid-settings`. `field` is a path such as `pull-secret.name`.
    #[must_use]
    pub fn invalid_settings(field: &str, problem: impl fmt::Display) -> Self {
        let message = if field.is_empty() { problem.to_string() } else { format!("`{field}`: {problem}") };
        Self::new("invalid-settings", message).detail("field", field)
    }

    /// The stage ends here with an outcome, from however deep in its code. Used by
    /// [`Decision::require`](crate::approval::Decision::require): people who say no are no failure.
    #[must_use]
    pub fn ended(outcome: Outcome) -> Self {
        Self(Box::new(Inner::Ended(outcome)))
    }

    /// Says that the same may succeed later without a change.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        if let Inner::Fault { retryable, .. } = &mut *self.0 {
            *retryable = true;
        }
        self
    }

    /// Puts what was being done before the message: `what: message`. An outcome stays as it is.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        if let Inner::Fault { message, .. } = &mut *self.0 {
            *message = format!("{what}: {message}");
        }
        self
    }

    /// Adds a fact as name and value: object, container, field.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Inner::Fault { details, .. } = &mut *self.0 {
            details.push((name.into(), value.into()));
        }
        self
    }

    /// The stable word for what happened; `ended` for an outcome on its way up.
    #[must_use]
    pub fn code(&self) -> &str {
        match &*self.0 {
            Inner::Fault { code, .. } => code,
            Inner::Ended(_) => "ended",
        }
    }

    /// One sentence for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        match &*self.0 {
            Inner::Fault { message, .. } => message,
            Inner::Ended(outcome) => outcome.summary(),
        }
    }

    /// Whether the same may succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(&*self.0, Inner::Fault { retryable: true, .. })
    }

    /// Further facts.
    #[must_use]
    pub fn details(&self) -> &[(String, String)] {
        match &*self.0 {
            Inner::Fault { details, .. } => details,
            Inner::Ended(_) => &[],
        }
    }

    /// The outcome, if this is one on its way up; otherwise the failure. What a stage returns goes through
    /// here before the host sees it.
    ///
    /// # Errors
    /// If it is a failure.
    pub fn into_outcome(self) -> Result<Outcome, Self> {
        match *self.0 {
            Inner::Ended(outcome) => Ok(outcome),
            fault @ Inner::Fault { .. } => Err(Self(Box::new(fault))),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Failure {
    /// `code: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl<E: Error> From<E> for Failure {
    /// Code `failed`, not retryable; the message has the error and its causes.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(CODE_OF_AN_ERROR, message)
    }
}

/// Says more about an error on its way up.
pub trait Explain<T> {
    /// Puts what was being done before the message.
    ///
    /// # Errors
    /// If this is an error.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;

    /// Says that the same may succeed later without a change.
    ///
    /// # Errors
    /// If this is an error.
    fn retryable(self) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Explain<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().context(what))
    }

    fn retryable(self) -> Result<T, Failure> {
        self.map_err(|error| error.into().retryable())
    }
}
