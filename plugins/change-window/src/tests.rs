//! Known weeks, and an independent reckoning for any.

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use relhost_sdk::mock::{Ballot, evaluate};

use super::*;
use relhost_sdk::time::Weekday;

fn at(text: &str) -> Timestamp {
    let (date, time) = text.split_once(' ').unwrap();
    let moment: Moment = format!("{date}T{time}").parse().unwrap();
    let minutes = moment.time.unwrap().minutes;
    moment.midnight.timestamp(UtcOffset::UTC).plus(Duration::from_secs(minutes * 60))
}

fn decide(now: &str, settings: &Value) -> Verdict {
    evaluate(&ChangeWindow, Ballot::new().now(at(now)), settings.clone()).unwrap()
}

fn opens(now: &str, settings: &Value) -> String {
    let verdict = decide(now, settings);
    assert!(!verdict.approved() && verdict.requirements().is_empty(), "{verdict:?}");
    verdict.recheck_at().unwrap().to_string()
}

fn office_hours() -> Value {
    json!({ "days": ["mon..fri"], "from": "08:00", "to": "17:00", "utc-offset": "+01:00" })
}

#[test]
fn open_in_office_hours_of_the_given_clock() {
    // 2026-11-24 is a Tuesday.
    let verdict = decide("2026-11-24 07:00", &office_hours());
    assert!(verdict.approved());
    assert_eq!(verdict.reasons(), ["the change window is open until Tuesday 2026-11-24 17:00 (+01:00)"]);
    assert_eq!(verdict.recheck_at().unwrap().to_string(), "2026-11-24T16:00:00Z");
    assert!(decide("2026-11-24 15:59", &office_hours()).approved());
    assert_eq!(opens("2026-11-24 06:59", &office_hours()), "2026-11-24T07:00:00Z");
    assert_eq!(opens("2026-11-24 16:00", &office_hours()), "2026-11-25T07:00:00Z");
}

#[test]
fn a_weekend_is_waited_for() {
    let verdict = decide("2026-11-27 16:00", &office_hours());
    assert_eq!(verdict.recheck_at().unwrap().to_string(), "2026-11-30T07:00:00Z");
    assert_eq!(verdict.reasons(), ["the change window opens on Monday 2026-11-30 08:00 (+01:00)"]);
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let settings = json!({ "days": ["fri"], "from": "22:00", "to": "04:00" });
    assert!(decide("2026-11-27 23:00", &settings).approved());
    assert!(decide("2026-11-28 03:59", &settings).approved());
    assert_eq!(opens("2026-11-28 04:00", &settings), "2026-12-04T22:00:00Z");
    assert_eq!(opens("2026-11-27 03:00", &settings), "2026-11-27T22:00:00Z");
}

#[test]
fn a_freeze_is_waited_for_and_named() {
    let mut settings = office_hours();
    settings["freeze"] = json!([{ "from": "2026-12-21", "to": "2026-12-31", "reason": "year end" }]);
    let verdict = decide("2026-12-24 10:00", &settings);
    assert_eq!(
        verdict.reasons(),
        ["the change window opens on Friday 2027-01-01 08:00 (+01:00) (frozen: year end)"]
    );
    assert_eq!(opens("2026-12-18 20:00", &settings), "2027-01-01T07:00:00Z");
    // It closes when the freeze begins.
    settings["freeze"] = json!([{ "from": "2026-11-24T12:00", "to": "2026-11-24T13:30" }]);
    assert_eq!(decide("2026-11-24 10:00", &settings).recheck_at().unwrap(), at("2026-11-24 11:00"));
    assert_eq!(opens("2026-11-24 11:30", &settings), "2026-11-24T12:30:00Z");
}

#[test]
fn without_settings_it_is_always_open() {
    let verdict = decide("2026-11-24 23:59", &json!({}));
    assert!(verdict.approved());
    assert!(verdict.recheck_at().unwrap() > at("2026-12-01 00:00"));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |settings: Value| evaluate(&ChangeWindow, Ballot::new(), settings).unwrap_err().to_string();
    for (settings, text) in [
        (json!({ "days": ["someday"] }), "`days[0]`: `someday` is not a day"),
        (json!({ "days": ["mon..frz"] }), "`days[0]`: `mon..frz` is not a day"),
        (json!({ "from": "8" }), "`from`: `8` is not a time of day"),
        (json!({ "to": "24:01" }), "`to`: `24:01` is not a time of day"),
        (json!({ "from": "08:00", "to": "08:00" }), "closes when it opens"),
        (json!({ "from": "24:00", "to": "08:00" }), "write `00:00`"),
        (json!({ "utc-offset": "CET" }), "`utc-offset`: `CET` is not an offset"),
        (json!({ "freeze": [{ "from": "2026-02-30", "to": "2026-03-01" }] }), "`freeze[0].from`"),
        (json!({ "freeze": [{ "from": "2026-03-02", "to": "2026-03-01" }] }), "`freeze[0]`: it ends before"),
        (json!({ "freeze": [{ "from": "1971-01-01", "to": "9999-01-01" }] }), "does not open within"),
    ] {
        let refused = refused(settings.clone());
        assert!(refused.contains(text), "{settings}: {refused}");
    }
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60;

/// A week's window and its freezes in plain minutes.
#[derive(Debug, Clone)]
struct Case {
    /// From Monday.
    days: [bool; 7],
    from: i64,
    to: i64,
    offset: i64,
    /// As minute of the window's clock, and length in minutes.
    freezes: Vec<(i64, i64)>,
    now: i64,
}

/// 2026-01-01 in minutes since 1970.
const YEAR: i64 = 20_454 * DAY;

fn cases() -> impl Strategy<Value = Case> {
    let times = (0..DAY, 0..DAY).prop_filter("an empty window", |(from, to)| from != to);
    let freezes = proptest::collection::vec((YEAR..YEAR + 30 * DAY, 1..6 * DAY), 0..4);
    let days = any::<[bool; 7]>().prop_filter("a day at least", |days| days.contains(&true));
    (days, times, -12 * 60..=14 * 60_i64, freezes, YEAR..YEAR + 30 * DAY)
        .prop_map(|(days, (from, to), offset, freezes, now)| Case { days, from, to, offset, freezes, now })
}

impl Case {
    fn settings(&self) -> Value {
        let days = Weekday::ALL.iter().zip(self.days).filter(|(_, open)| *open);
        let days: Vec<_> = days.map(|(day, _)| day.name()[..3].to_lowercase()).collect();
        let time = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let moment = |minutes: i64| {
            let shown = timestamp(minutes).to_string();
            shown[..16].to_owned()
        };
        let freezes = self.freezes.iter();
        let freezes: Vec<_> = freezes
            .map(|(from, length)| json!({ "from": moment(*from), "to": moment(from + length) }))
            .collect();
        let sign = if self.offset < 0 { '-' } else { '+' };
        let offset = format!("{sign}{}", time(self.offset.abs()));
        json!({ "days": days, "from": time(self.from), "to": time(self.to), "utc-offset": offset, "freeze": freezes })
    }

    /// Whether the window is open, from the words of its definition.
    fn is_open(&self, minute: i64) -> bool {
        let local = minute + self.offset;
        // 1970-01-01 was a Thursday.
        let opens_on = |day: i64| self.days[usize::try_from((day + 3).rem_euclid(7)).unwrap()];
        let (day, of_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let today = opens_on(day) && of_day >= self.from && (of_day < self.to || self.to < self.from);
        let since_yesterday = opens_on(day - 1) && self.to < self.from && of_day < self.to;
        let frozen = self.freezes.iter().any(|(from, length)| (*from..from + length).contains(&local));
        (today || since_yesterday) && !frozen
    }

    fn decide(&self, minute: i64) -> Verdict {
        evaluate(&ChangeWindow, Ballot::new().now(timestamp(minute)), self.settings()).unwrap()
    }
}

fn timestamp(minutes: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(minutes * MINUTE).unwrap())
}

proptest! {
    #[test]
    fn it_is_open_exactly_when_it_says(case in cases()) {
        prop_assert_eq!(case.decide(case.now).approved(), case.is_open(case.now));
    }

    #[test]
    fn the_next_change_is_really_the_next(case in cases()) {
        let verdict = case.decide(case.now);
        let next = i64::try_from(verdict.recheck_at().unwrap().as_millis()).unwrap() / MINUTE;
        prop_assert!(next > case.now);
        // A week of windows that touch is as far as it looks for the end.
        let far = next - case.now > 7 * DAY;
        prop_assert_eq!(case.is_open(next), far && verdict.approved() || !verdict.approved());
        for minute in (case.now..next).step_by(7).chain([next - 1]) {
            prop_assert_eq!(case.is_open(minute), verdict.approved(), "at {}", minute);
        }
    }
}
