//! A defect of the host: a panic at a point stops what it happened in, and is told; nothing is lost by it, and a person
//! sets it going again.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use relhost_engine::port::store::RunState;
use relhost_tests::journey::{BOUND, Step};
use relhost_tests::program::Ended;

use super::*;

/// Runs a step that panics at a point.
fn panics(journey: &Journey, arguments: &[&str], point: &str) -> Ended {
    let trace = journey.trace();
    let environment = [("RELHOST_PANIC", OsStr::new(point)), ("RELHOST_KILL_TRACE", trace.as_os_str())];
    journey.place.start(arguments, &environment).end(BOUND)
}

/// Every label that a step passes when nothing happens to it.
fn passed(course: Course, step: usize) -> BTreeSet<String> {
    let journey = up_to(course, step);
    let _before = std::fs::remove_file(journey.trace());
    let _ended = journey.step(course.steps()[step], None);
    let trace = std::fs::read_to_string(journey.trace()).expect("read the trace");
    let labels = trace.lines().filter_map(|line| line.strip_prefix("point ")?.split(' ').next());
    labels.filter(|label| !label.contains('@')).map(str::to_owned).collect()
}

/// Sets every run going again that a person has to look at.
fn retried(journey: &Journey) -> usize {
    let quarantined = journey.evidence().runs.iter().filter(|run| run.state == RunState::Quarantined).count();
    for _ in 0..quarantined {
        let _retried = journey.command(&["release", "retry", "rel-1", "--as", "ann"], None).expect(0);
    }
    quarantined
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_panic_anywhere_is_told_and_loses_nothing() {
    let (mut points, mut stopped) = (0, 0);
    for step in 0..Course::Shop.steps().len() {
        let before = up_to(Course::Shop, step);
        for label in passed(Course::Shop, step) {
            let journey = before.copy();
            let ended = panics(&journey, &Course::Shop.steps()[step].arguments(), &format!("{label}:1"));
            let place = format!("{label} in step {step}");
            assert!(ended.code.is_some(), "{place}: it was killed\n{}", ended.stderr);
            assert!(ended.stderr.contains("RELHOST_PANIC asks for it"), "{place}: {}", ended.stderr);
            journey.holds(&place);
            points += 1;
            stopped += retried(&journey);
            journey.finish(step);
            assert_eq!(journey.outcome(), *uninterrupted(Course::Shop), "{place}");
        }
    }
    assert!(points > 40 && stopped > 5, "{points} points, {stopped} runs");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_run_whose_host_panics_waits_for_a_person_and_others_go_on() {
    let journey = Journey::new(Course::Messages);
    another_pipeline(&journey);
    let ended = panics(&journey, &Step::Run.arguments(), "session.at-call:2");
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    assert!(ended.stderr.contains("the host panicked"), "{}", ended.stderr);
    let evidence = journey.evidence();
    assert_eq!(evidence.runs[0].state, RunState::Quarantined);
    let problem = evidence.runs[0].problem.as_deref().unwrap_or_default();
    assert!(problem.contains("the host panicked: RELHOST_PANIC asks for it"), "{problem}");

    let _other = journey.command(&["run", "other.yaml", "--rehearse", "--key", "two"], None).expect(0);
    assert_eq!(
        journey.evidence().runs[0].state,
        RunState::Quarantined,
        "nobody but a person goes on with it"
    );
    assert_eq!(retried(&journey), 1);
    journey.finish(0);
}
