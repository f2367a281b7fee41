//! A clock that jumps: what is due by the new time happens, what is not waits, and nothing is lost or done twice.

use std::ffi::OsStr;

use relhost_engine::port::store::RunState;
use relhost_model::approval::Resolution;
use relhost_tests::journey::{BOUND, Step};
use relhost_tests::program::Running;

use super::*;

/// Longer than any approval may wait.
const YEARS: i64 = 2 * 366 * DAY;
/// Longer than anything waits but people.
const MONTHS: i64 = 100 * DAY;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The clock of a journey.
struct Clock<'a>(&'a Journey);

impl Clock<'_> {
    fn file(&self) -> std::path::PathBuf {
        self.0.place.path().join("clock")
    }

    /// From now on the clock is so many milliseconds ahead.
    fn jump(&self, millis: i64) {
        let (new, file) = (self.0.place.path().join("clock-new"), self.file());
        std::fs::write(&new, millis.to_string()).expect("write it");
        std::fs::rename(new, file).expect("put it there");
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let (trace, file) = (self.0.trace(), self.file());
        let environment: [(&str, &OsStr); 2] =
            [("RELHOST_KILL_TRACE", trace.as_os_str()), ("RELHOST_CLOCK", file.as_os_str())];
        self.0.place.start(arguments, &environment)
    }
}

/// An owner that stays while it waits for people, which it does by now.
fn waiting(clock: &Clock<'_>) -> Running {
    clock.jump(0);
    let mut serving = clock.start(&[&Step::Run.arguments()[..], &["--listen", "127.0.0.1:0"]].concat());
    serving.wait_for("apr-1 asks for approval");
    serving
}

fn resolution(journey: &Journey) -> Option<Resolution> {
    journey.evidence().approvals.first().expect("it was opened").resolution
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_clock_that_jumps_ahead_ends_what_ran_out_and_says_so() {
    let journey = Journey::new(Course::Shop);
    let clock = Clock(&journey);
    let serving = waiting(&clock);
    clock.jump(YEARS);
    // The host looks at the time once more within half a minute.
    let ended = serving.end(BOUND).expect(6);
    assert!(ended.stderr.contains("expired"), "{}", ended.stderr);
    assert_eq!(resolution(&journey), Some(Resolution::Expired));
    journey.holds("ahead");
    // Back again: what ended stays ended, and is started anew as any other stage that failed.
    clock.jump(0);
    let retry = ["release", "retry", "rel-1", "--as", "bob"];
    let _retried = clock.start(&retry).end(BOUND).expect(0);
    let _waits = clock.start(&["resume", "rel-1"]).end(BOUND).expect(10);
    let approve = ["approval", "approve", "apr-2", "--as", "ann"];
    let _approved = clock.start(&approve).end(BOUND).expect(0);
    let _done = clock.start(&["resume", "rel-1"]).end(BOUND).expect(0);
    journey.holds("back again");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_clock_that_jumps_back_loses_nothing() {
    let journey = Journey::new(Course::Shop);
    let clock = Clock(&journey);
    let serving = waiting(&clock);
    clock.jump(-YEARS);
    let approve = ["approval", "approve", "apr-1", "--as", "ann"];
    let _approved = clock.start(&approve).end(BOUND).expect(0);
    let _done = serving.end(BOUND).expect(0);
    journey.holds("back");
    assert_eq!(resolution(&journey), Some(Resolution::Approved));
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn every_process_of_a_release_may_have_another_time() {
    for first in [MONTHS, -MONTHS] {
        let journey = Journey::new(Course::Shop);
        journey.place.edit("pipeline.yaml", "policy: any-one", "policy: any-one\n        timeout: 365d");
        let clock = Clock(&journey);
        for (step, ahead) in Course::Shop.steps().iter().zip([first, 0, -first]) {
            clock.jump(ahead);
            let ended = clock.start(&step.arguments()).end(BOUND);
            assert!(step.is_done(ended.code), "{step:?} at {ahead}: {:?}\n{}", ended.code, ended.stderr);
            journey.holds("with another time");
        }
        assert_eq!(resolution(&journey), Some(Resolution::Approved), "{first}");
        assert!(journey.evidence().runs.iter().all(|run| run.state == RunState::Done), "{first}");
    }
}
