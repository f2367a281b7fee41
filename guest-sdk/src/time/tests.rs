//! Spans and the calendar, checked against known dates.

use super::*;

#[test]
fn spans_are_read_and_written() {
    for text in ["250ms", "90s", "10m", "36h", "30d"] {
        assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
    }
    assert_eq!("0m".parse::<Span>().unwrap().to_string(), "0s");
    for text in ["", "10", "m", "10 m", "-1s", "1.5h", "10min", "99999999999999999d"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

#[test]
fn known_times_have_known_dates() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399_000, "2000-02-28T23:59:59Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_709_251_199_000, "2024-02-29T23:59:59Z"),
        (1_795_529_045_123, "2026-11-24T14:04:05Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(Timestamp::from_millis(millis).to_string(), text);
    }
}

#[test]
fn every_day_of_four_centuries_comes_back() {
    let mut weekday = Timestamp::default().civil(UtcOffset::UTC).weekday();
    for day in 0..146_097_u64 {
        let time = Timestamp::from_millis(day * 86_400_000);
        let civil = time.civil(UtcOffset::UTC);
        assert_eq!(civil.timestamp(UtcOffset::UTC), time);
        assert_eq!(Civil::midnight(civil.year, civil.month, civil.day), Some(civil));
        assert_eq!(civil.weekday(), weekday);
        weekday = Weekday::ALL[(weekday as usize + 1) % 7];
    }
}

#[test]
fn weekdays_and_days_that_do_not_exist() {
    assert_eq!(Civil::midnight(2026, 11, 24).unwrap().weekday(), Weekday::Tuesday);
    assert_eq!(Civil::midnight(2026, 2, 29), None);
    assert_eq!(Civil::midnight(2026, 4, 31), None);
    assert_eq!(Civil::midnight(2026, 13, 1), None);
    assert_eq!(Civil::midnight(2026, 1, 0), None);
}

#[test]
fn offsets_move_the_wall_clock() {
    let time = Timestamp::from_millis(1_795_529_045_000);
    let shown = |offset: &str| time.civil(offset.parse().unwrap()).to_string();
    assert_eq!(shown("+01:00"), "2026-11-24T15:04:05");
    assert_eq!(shown("-05:30"), "2026-11-24T08:34:05");
    assert_eq!(shown("+14:00"), "2026-11-25T04:04:05");
    for text in ["", "1", "01:00", "+1:00", "+01:60", "+15:00", "utc", "+0100", "+é1:00"] {
        assert!(text.parse::<UtcOffset>().is_err(), "{text}");
    }
}
