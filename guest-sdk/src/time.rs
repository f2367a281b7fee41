//! Points in time and spans as plain numbers. There is no clock in a plugin: the time comes from
//! [`Context::now`](crate::context::Context::now) or [`PolicyInput::now`](crate::policy::PolicyInput::now).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use relhost_sdk_macros::settings;

mod civil;
#[cfg(test)]
mod tests;

pub use civil::{Civil, InvalidOffset, UtcOffset, Weekday};

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This time plus a span; stops at the end of the range.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The span from `earlier` to this time; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The date and time of day that a wall clock shows at this offset from UTC.
    #[must_use]
    pub fn civil(self, offset: UtcOffset) -> Civil {
        Civil::at(self, offset)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with seconds, for example `2026-11-24T14:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil(UtcOffset::UTC))
    }
}

/// A span of time, written as `90s`, `10m`, `36h` or `30d`.
///
/// ```
/// use relhost_sdk::time::Span;
/// use std::time::Duration;
///
/// let span: Span = "10m".parse().expect("a number and a unit");
/// assert_eq!(Duration::from(span), Duration::from_secs(600));
/// assert_eq!(span.to_string(), "10m");
/// ```
#[settings(text)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(Duration);

/// Something that is not written as `90s`, `10m`, `36h` or `30d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSpan(String);

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a span of time; write a number and a unit, as in `90s`, `10m`, `36h` or `30d`",
            self.0
        )
    }
}

impl std::error::Error for InvalidSpan {}

/// The units in which people write spans, the longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let number: u64 = text[..digits].parse().map_err(|_| invalid())?;
        let (_, millis) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..]).ok_or_else(invalid)?;
        number.checked_mul(*millis).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(invalid)
    }
}

impl fmt::Display for Span {
    /// In the longest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let whole = UNITS.iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
        let (unit, size) = whole.unwrap_or(&("s", 1000));
        write!(f, "{}{unit}", millis / size)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}
