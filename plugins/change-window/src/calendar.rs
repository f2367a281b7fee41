//! When the window is open, and when it opens next.

use relhost_sdk::prelude::*;
use relhost_sdk::time::{Civil, UtcOffset};

use crate::Settings;
use crate::setting::{Days, Moment, TimeOfDay};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// How many days ahead an opening is looked for.
const DAYS_AHEAD: u32 = 800;

/// A window with its freezes.
pub(crate) struct Calendar {
    days: Vec<Days>,
    opens: Duration,
    /// From the start of the day on which it opens; more than a day if it closes on the next.
    closes: Duration,
    offset: UtcOffset,
    /// The freezes as start, end and reason.
    frozen: Vec<(Timestamp, Timestamp, String)>,
}

/// Whether the window is open, or when it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It is open.
    Now {
        /// Until when.
        closes_at: Timestamp,
    },
    /// It is closed.
    At {
        /// Until when.
        opens_at: Timestamp,
        /// The freeze that keeps it closed now.
        because: Option<String>,
    },
}

impl Calendar {
    /// Checks what single settings cannot say.
    pub(crate) fn new(settings: Settings) -> Result<Self, Failure> {
        let opens = settings.from.unwrap_or(TimeOfDay::MIDNIGHT).minutes;
        let closes = settings.to.unwrap_or(TimeOfDay::END).minutes;
        if opens == closes {
            return Err(Failure::invalid_settings("to", "the window closes when it opens"));
        }
        if opens == TimeOfDay::END.minutes {
            return Err(Failure::invalid_settings("from", "write `00:00` of the next day"));
        }
        let closes = if closes < opens { closes + TimeOfDay::END.minutes } else { closes };
        let offset = settings.utc_offset;
        let mut frozen = Vec::new();
        for (index, freeze) in settings.freeze.into_iter().enumerate() {
            let start = start_of(freeze.from, offset);
            let end = end_of(freeze.to, offset);
            if end <= start {
                return Err(Failure::invalid_settings(
                    &format!("freeze[{index}]"),
                    "it ends before it begins",
                ));
            }
            frozen.push((start, end, freeze.reason));
        }
        let minutes = |minutes| MINUTE * u32::try_from(minutes).unwrap_or(u32::MAX);
        Ok(Self { days: settings.days, opens: minutes(opens), closes: minutes(closes), offset, frozen })
    }

    /// Whether the window is open now, and otherwise when it opens.
    pub(crate) fn opening(&self, now: Timestamp) -> Result<Opening, Failure> {
        let yesterday = self.yesterday(now);
        let days = (0..=DAYS_AHEAD).map(|day| yesterday.plus(DAY * day));
        let mut open = days.filter_map(|midnight| self.open_in(self.window(midnight)?, now));
        let never =
            || Failure::new("never-open", format!("the window does not open within {DAYS_AHEAD} days"));
        let (from, mut to) = open.next().ok_or_else(never)?;
        if from > now {
            return Ok(Opening::At { opens_at: from, because: self.freeze_at(now) });
        }
        // Windows that touch are one; a week of them is far enough to look.
        for (next, end) in open.take(7) {
            if next <= to {
                to = end;
            }
        }
        Ok(Opening::Now { closes_at: to })
    }

    /// The start of yesterday, as the window's clock shows it: what opened then may still be open.
    fn yesterday(&self, now: Timestamp) -> Timestamp {
        let Civil { year, month, day, .. } = now.civil(self.offset);
        let today = Civil::midnight(year, month, day).map(|midnight| midnight.timestamp(self.offset));
        let day = u64::try_from(DAY.as_millis()).unwrap_or_default();
        Timestamp::from_millis(today.unwrap_or(now).as_millis().saturating_sub(day))
    }

    /// The window that opens on the day that starts then, without regard to freezes.
    fn window(&self, midnight: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let weekday = midnight.civil(self.offset).weekday();
        let opens = self.days.is_empty() || self.days.iter().any(|days| days.has(weekday));
        opens.then(|| (midnight.plus(self.opens), midnight.plus(self.closes)))
    }

    /// The first part of a window from `now` on in which nothing is frozen.
    fn open_in(&self, (from, to): (Timestamp, Timestamp), now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let mut from = from.max(now);
        while let Some((_, end, _)) = self.frozen.iter().find(|(start, end, _)| *start <= from && from < *end)
        {
            from = *end;
        }
        let next_freeze = self.frozen.iter().map(|(start, ..)| *start).filter(|start| *start > from).min();
        let to = next_freeze.map_or(to, |start| start.min(to));
        (from < to).then_some((from, to))
    }

    fn freeze_at(&self, now: Timestamp) -> Option<String> {
        let (_, _, reason) = self.frozen.iter().find(|(start, end, _)| *start <= now && now < *end)?;
        Some(if reason.is_empty() { "frozen".to_owned() } else { format!("frozen: {reason}") })
    }
}

fn start_of(moment: Moment, offset: UtcOffset) -> Timestamp {
    let minutes = moment.time.unwrap_or(TimeOfDay::MIDNIGHT).minutes;
    moment.midnight.timestamp(offset).plus(Duration::from_secs(minutes * 60))
}

/// A day is frozen to its end.
fn end_of(moment: Moment, offset: UtcOffset) -> Timestamp {
    let minutes = moment.time.unwrap_or(TimeOfDay::END).minutes;
    moment.midnight.timestamp(offset).plus(Duration::from_secs(minutes * 60))
}
