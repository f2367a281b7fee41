//! The words of the settings.

use std::fmt;
use std::str::FromStr;

use relhost_sdk::time::{Civil, Weekday};

/// What cannot be read, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    text: String,
    expected: &'static str,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text, self.expected)
    }
}

fn unreadable(text: &str, expected: &'static str) -> Unreadable {
    Unreadable { text: text.to_owned(), expected }
}

/// A day of the week (`mon`) or a range (`mon..fri`, `fri..mon`).
#[relhost_sdk::settings(text)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: Weekday,
    last: Weekday,
}

impl Days {
    /// Whether a day is one of them.
    pub fn has(self, day: Weekday) -> bool {
        let after_first = |day: Weekday| (day as u8 + 7 - self.first as u8) % 7;
        after_first(day) <= after_first(self.last)
    }
}

impl FromStr for Days {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let day = |name: &str| {
            let named = |day: &Weekday| name.len() == 3 && day.name()[..3].eq_ignore_ascii_case(name);
            let found = Weekday::ALL.into_iter().find(named);
            found.ok_or_else(|| unreadable(text, "a day; write `mon`, `tue`, .., `sun`, or `mon..fri`"))
        };
        let (first, last) = text.split_once("..").or_else(|| text.split_once('-')).unwrap_or((text, text));
        Ok(Self { first: day(first)?, last: day(last)? })
    }
}

/// A time of day as `HH:MM`, up to `24:00`.
#[relhost_sdk::settings(text)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Minutes since midnight.
    pub minutes: u64,
}

impl TimeOfDay {
    /// The start of the day.
    pub const MIDNIGHT: Self = Self { minutes: 0 };
    /// The end of the day.
    pub const END: Self = Self { minutes: 24 * 60 };
}

impl FromStr for TimeOfDay {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let invalid = || unreadable(text, "a time of day; write it as `08:00`, up to `24:00`");
        let (hours, minutes) = text.split_once(':').ok_or_else(invalid)?;
        let hours = number(hours, 2).ok_or_else(invalid)?;
        let minutes = number(minutes, 2).ok_or_else(invalid)?;
        let time = Self { minutes: hours * 60 + minutes };
        if minutes > 59 || time.minutes > Self::END.minutes { Err(invalid()) } else { Ok(time) }
    }
}

/// A date as `2026-12-24`, or a minute of it as `2026-12-24T18:00`.
#[relhost_sdk::settings(text)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The start of the day.
    pub midnight: Civil,
    /// The time of day, if there is one.
    pub time: Option<TimeOfDay>,
}

impl FromStr for Moment {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let invalid =
            || unreadable(text, "a day of the calendar; write it as `2026-12-24` or `2026-12-24T18:00`");
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let mut part = |digits| parts.next().and_then(|part| number(part, digits)).ok_or_else(invalid);
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        if parts.next().is_some() {
            return Err(invalid());
        }
        let small = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
        let year = i64::try_from(year).unwrap_or_default();
        let midnight = Civil::midnight(year, small(month), small(day)).ok_or_else(invalid)?;
        Ok(Self { midnight, time })
    }
}

/// A number with exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
