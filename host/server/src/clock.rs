//! The time of day: the only place that asks the operating system for it.

use std::time::{SystemTime, UNIX_EPOCH};

use relhost_engine::port::Clock;
use relhost_model::time::Timestamp;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port's implementation")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        #[cfg(feature = "kill-points")]
        let millis = millis.saturating_add_signed(offset());
        Timestamp(millis)
    }
}

/// By how many milliseconds a test has moved the clock: what the file that `RELHOST_CLOCK` names says at this moment.
#[cfg(feature = "kill-points")]
fn offset() -> i64 {
    std::env::var_os("RELHOST_CLOCK").map_or(0, |file| {
        let text = std::fs::read_to_string(file).expect("the file of RELHOST_CLOCK can be read");
        text.trim().parse().expect("the file of RELHOST_CLOCK holds milliseconds")
    })
}
