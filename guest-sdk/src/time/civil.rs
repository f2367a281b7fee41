//! The calendar in integers: no clock, no time zone table, no dependency.

use std::fmt;
use std::str::FromStr;

use relhost_sdk_macros::settings;

use super::Timestamp;

const MILLIS_PER_MINUTE: i64 = 60_000;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// All of them, from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its English name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }
}

/// A fixed distance from UTC, written `+01:00`, `-05:30` or `Z`.
#[settings(text)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcOffset {
    minutes: i16,
}

/// Something that is not written as `+01:00`, `-05:30` or `Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOffset(String);

impl fmt::Display for InvalidOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an offset from UTC; write it as `+01:00`, `-05:30` or `Z`", self.0)
    }
}

impl std::error::Error for InvalidOffset {}

impl UtcOffset {
    /// No distance.
    pub const UTC: Self = Self { minutes: 0 };

    /// Minutes to the east of UTC.
    #[must_use]
    pub const fn minutes(self) -> i16 {
        self.minutes
    }
}

impl FromStr for UtcOffset {
    type Err = InvalidOffset;

    fn from_str(text: &str) -> Result<Self, InvalidOffset> {
        if text == "Z" {
            return Ok(Self::UTC);
        }
        let invalid = || InvalidOffset(text.to_owned());
        let two = |digits: &str| match digits.as_bytes() {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Ok(i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
            }
            _ => Err(invalid()),
        };
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(invalid()),
        };
        let (hours, minutes) = rest.split_once(':').ok_or_else(invalid)?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        // No place on earth is further away than this.
        if hours > 14 || minutes > 59 {
            return Err(invalid());
        }
        Ok(Self { minutes: sign * (hours * 60 + minutes) })
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// What a wall clock and a calendar show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// For example 2026.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub hour: u8,
    /// From 0.
    pub minute: u8,
    /// From 0.
    pub second: u8,
}

impl Civil {
    pub(super) fn at(time: Timestamp, offset: UtcOffset) -> Self {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2);
        let local = millis + i64::from(offset.minutes()) * MILLIS_PER_MINUTE;
        let second_of_day = local.rem_euclid(MILLIS_PER_DAY) / 1000;
        let (year, month, day) = date_of(local.div_euclid(MILLIS_PER_DAY));
        let part = |value: i64| u8::try_from(value).unwrap_or_default();
        Self {
            year,
            month,
            day,
            hour: part(second_of_day / 3600),
            minute: part(second_of_day / 60 % 60),
            second: part(second_of_day % 60),
        }
    }

    /// The start of a day; `None` if the calendar has no such day.
    #[must_use]
    pub fn midnight(year: i64, month: u8, day: u8) -> Option<Self> {
        let exists = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        if !exists || date_of(days_to(year, month, day)) != (year, month, day) {
            return None;
        }
        Some(Self { year, month, day, hour: 0, minute: 0, second: 0 })
    }

    /// The point in time at which a clock with this offset shows this; times before 1970 become 1970.
    #[must_use]
    pub fn timestamp(self, offset: UtcOffset) -> Timestamp {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let local = days_to(self.year, self.month, self.day) * MILLIS_PER_DAY + seconds * 1000;
        let millis = local - i64::from(offset.minutes()) * MILLIS_PER_MINUTE;
        Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// The day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday, three days after a Monday.
        let index = (days_to(self.year, self.month, self.day) + 3).rem_euclid(7);
        Weekday::ALL[usize::try_from(index).unwrap_or_default()]
    }

    /// Minutes since midnight.
    #[must_use]
    pub fn minute_of_day(self) -> u16 {
        u16::from(self.hour) * 60 + u16::from(self.minute)
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// The Gregorian calendar repeats after this many years and days.
const CYCLE_YEARS: i64 = 400;
const CYCLE_DAYS: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// Days from 1970-01-01. A year is counted from March, so that the leap day is its last day and the
/// lengths of the months before it follow one rule.
fn days_to(year: i64, month: u8, day: u8) -> i64 {
    let from_march = (i64::from(month) + 9) % 12;
    let year = if from_march >= 10 { year - 1 } else { year };
    let (cycle, in_cycle) = (year.div_euclid(CYCLE_YEARS), year.rem_euclid(CYCLE_YEARS));
    let leap_days = in_cycle / 4 - in_cycle / 100;
    let day_of_year = days_before(from_march) + i64::from(day) - 1;
    cycle * CYCLE_DAYS + in_cycle * 365 + leap_days + day_of_year - EPOCH_DAYS
}

/// Days of a year before a month, both counted from March: 31, 30, 31, 30, 31 repeats.
const fn days_before(from_march: i64) -> i64 {
    (153 * from_march + 2) / 5
}

/// The date so many days after 1970-01-01.
fn date_of(days: i64) -> (i64, u8, u8) {
    let shifted = days + EPOCH_DAYS;
    let (cycle, day) = (shifted.div_euclid(CYCLE_DAYS), shifted.rem_euclid(CYCLE_DAYS));
    // Take the leap days out: one in 1,460 days, except one in 36,524, plus the last one of the cycle.
    let in_cycle = (day - day / 1460 + day / 36_524 - day / (CYCLE_DAYS - 1)) / 365;
    let day_of_year = day - (in_cycle * 365 + in_cycle / 4 - in_cycle / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    let year = cycle * CYCLE_YEARS + in_cycle + i64::from(month <= 2);
    let part = |value: i64| u8::try_from(value).unwrap_or_default();
    (year, part(month), part(day_of_year - days_before(from_march) + 1))
}
