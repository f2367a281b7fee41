//! Release names out of masks such as `Release-$(Rev:r)`.
//!
//! `$(Rev:r)` is the counter; more `r` pad it with zeros. `$(Date:format)` is the time in UTC; the format
//! holds runs of `y` `M` `d` `H` `h` `m` `s`, anything else stays, and the default is `MMddyy`.
//! Everything else is a variable: `$(Build.BuildNumber)`, `$(Release.DefinitionName)`, the pipeline's own.

use crate::time::Timestamp;
use crate::variable::{VariableError, Variables, references};

/// The mask of a pipeline that gives none (Azure's).
pub const MASK_DEFAULT: &str = "Release-$(Rev:r)";
/// The longest name of a release, in characters: it stands in the subject of a mail.
pub const NAME_MAX: usize = 200;
/// `$(Date)` without a format (Azure's).
const DATE_DEFAULT: &str = "MMddyy";

/// Why a mask makes no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Something behind `Rev:` that is not a run of `r`.
    #[error("`$({0})` is not a counter; write `$(Rev:r)`, or `$(Rev:rrr)` for three digits")]
    Counter(String),
    /// The time is out of range.
    #[error("the date {0} cannot be written")]
    Date(Timestamp),
    /// A variable in the mask.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// Nothing is left of it.
    #[error("the name is empty")]
    Empty,
    /// Too long.
    #[error("the name is longer than {NAME_MAX} characters")]
    TooLong,
    /// A character that would break a terminal or a mail.
    #[error("the name holds the control character {0:?}")]
    Control(char),
}

/// What a name is made of.
#[derive(Debug, Clone, Copy)]
pub struct NameFacts<'a> {
    /// The pipeline's counter for this release.
    pub counter: u64,
    /// When the release is created.
    pub at: Timestamp,
    /// The variables of the release and the pipeline.
    pub variables: &'a Variables,
}

/// The name of a release.
///
/// # Errors
/// If the mask is not well-formed, a variable is not defined, or the result is no name.
pub fn render(mask: &str, facts: &NameFacts<'_>) -> Result<String, NameError> {
    let mut name = String::new();
    let mut copied = 0;
    for reference in references(mask) {
        name.push_str(&mask[copied..reference.start]);
        let whole = &mask[reference.start..reference.end];
        name.push_str(&match part(reference.name)? {
            Part::Counter(digits) => format!("{:0digits$}", facts.counter),
            Part::Date(format) => date(format, facts.at)?,
            Part::Variable => facts.variables.resolve(whole)?,
        });
        copied = reference.end;
    }
    name.push_str(&mask[copied..]);
    check(name)
}

/// Checks a mask without making a name: counters and dates are well-formed. Variables are not looked at.
///
/// # Errors
/// If a counter is not well-formed.
pub fn check_mask(mask: &str) -> Result<(), NameError> {
    references(mask).try_for_each(|reference| part(reference.name).map(drop))
}

/// Whether a name in a mask is a counter or a date, hence no variable.
#[must_use]
pub fn is_special(name: &str) -> bool {
    !matches!(part(name), Ok(Part::Variable))
}

enum Part<'a> {
    Counter(usize),
    Date(&'a str),
    Variable,
}

fn part(name: &str) -> Result<Part<'_>, NameError> {
    let (kind, format) = name.split_once(':').map_or((name, None), |(kind, format)| (kind, Some(format)));
    match (kind.to_lowercase().as_str(), format) {
        ("rev", Some(run)) if !run.is_empty() && run.len() <= 20 && run.chars().all(|c| c == 'r') => {
            Ok(Part::Counter(run.len()))
        }
        ("rev", _) => Err(NameError::Counter(name.to_owned())),
        ("date", format) => Ok(Part::Date(format.unwrap_or(DATE_DEFAULT))),
        _ => Ok(Part::Variable),
    }
}

fn check(name: String) -> Result<String, NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().count() > NAME_MAX {
        return Err(NameError::TooLong);
    }
    match name.chars().find(|c| c.is_control()) {
        Some(c) => Err(NameError::Control(c)),
        None => Ok(name),
    }
}

fn date(format: &str, at: Timestamp) -> Result<String, NameError> {
    let invalid = || NameError::Date(at);
    let millis = i64::try_from(at.0).map_err(|_| invalid())?;
    let time = jiff::Timestamp::from_millisecond(millis).map_err(|_| invalid())?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let mut text = String::new();
    let mut rest = format;
    while let Some(letter) = rest.chars().next() {
        let run = rest.chars().take_while(|c| *c == letter).count();
        let number = match letter {
            'y' if run <= 2 => i32::from(time.year()) % 100,
            'y' => i32::from(time.year()),
            'M' => i32::from(time.month()),
            'd' => i32::from(time.day()),
            'H' => i32::from(time.hour()),
            'h' => (i32::from(time.hour()) + 11) % 12 + 1,
            'm' => i32::from(time.minute()),
            's' => i32::from(time.second()),
            other => {
                text.extend(std::iter::repeat_n(other, run));
                rest = &rest[run * other.len_utf8()..];
                continue;
            }
        };
        text.push_str(&format!("{number:0run$}"));
        rest = &rest[run..];
    }
    Ok(text)
}
