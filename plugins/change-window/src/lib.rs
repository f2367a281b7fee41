//! A policy: only at certain times of the week, and never in a freeze. It looks at no votes, so it stands in a
//! list beside a policy that does.

use relhost_sdk::prelude::*;
use relhost_sdk::time::UtcOffset;

mod setting;

mod calendar;
#[cfg(test)]
mod tests;

use calendar::{Calendar, Opening};
use setting::{Days, Moment, TimeOfDay};

/// When the window is open.
#[relhost_sdk::settings]
#[derive(Debug, Clone)]
pub struct Settings {
    /// The days on which it opens: `mon` to `sun`, or ranges such as `mon..fri`. Every day without.
    #[serde(default)]
    days: Vec<Days>,
    /// When it opens, as in `08:00`; at midnight without.
    from: Option<TimeOfDay>,
    /// When it closes, as in `17:00`; at midnight without. Not later than `from` means on the next day.
    to: Option<TimeOfDay>,
    /// Which clock is meant, as in `+01:00`. A fixed distance from UTC: it knows no summer time. UTC without.
    #[serde(default)]
    utc_offset: UtcOffset,
    /// When it stays closed whatever the day.
    #[serde(default)]
    freeze: Vec<Freeze>,
}

/// A time in which the window stays closed.
#[relhost_sdk::settings]
#[derive(Debug, Clone)]
pub struct Freeze {
    /// The first day (`2026-12-20`) or minute (`2026-12-20T18:00`).
    from: Moment,
    /// The last day, which is frozen to its end, or the minute at which it ends.
    to: Moment,
    /// Why, for people.
    #[serde(default)]
    reason: String,
}

/// Only at certain times of the week, and never in a freeze.
pub struct ChangeWindow;

/// Only at certain times of the week, and never in a freeze; for a list with a policy that looks at votes.
#[relhost_sdk::policy(readme = "README.md")]
impl Policy for ChangeWindow {
    type Settings = Settings;

    fn evaluate(&self, input: &PolicyInput, settings: Settings) -> Result<Verdict, Failure> {
        let offset = settings.utc_offset;
        let calendar = Calendar::new(settings)?;
        let next = calendar.opening(input.now)?;
        let shown =
            |time: Timestamp| format!("{} {}", time.civil(offset).weekday().name(), minute(time, offset));
        Ok(match next {
            Opening::Now { closes_at } => {
                let reason = format!("the change window is open until {}", shown(closes_at));
                Verdict::approve(reason).recheck(closes_at)
            }
            Opening::At { opens_at, because } => {
                let reason = format!("the change window opens on {}", shown(opens_at));
                let because = because.map(|why| format!(" ({why})")).unwrap_or_default();
                Verdict::not_before(opens_at, reason + &because)
            }
        })
    }
}

/// `2026-11-24 08:00 (+01:00)`.
fn minute(time: Timestamp, offset: UtcOffset) -> String {
    let civil = time.civil(offset).to_string();
    let minute = civil.strip_suffix(":00").unwrap_or(&civil);
    format!("{} ({offset})", minute.replace('T', " "))
}
