//! The real binary is killed and gone on with. Everything happens, nothing happens that was not written down
//! first, and the result is that of a release that nobody killed.

mod clock;
mod disk;
mod kinds;
mod labels;
mod matrix;
mod panics;
mod people;
mod poison;
mod random;
mod verbs;

use std::sync::OnceLock;

use relhost_engine::port::store::RunState;
use relhost_tests::evidence::Evidence;
use relhost_tests::journey::{Course, Journey, Kill};
use serde_json::Value;

/// The result of a course that nobody killed.
fn uninterrupted(course: Course) -> &'static Value {
    static OUTCOMES: [OnceLock<Value>; 5] = [const { OnceLock::new() }; 5];
    OUTCOMES[course as usize].get_or_init(|| {
        let journey = Journey::new(course);
        journey.finish(0);
        journey.outcome()
    })
}

/// The kinds of the records of the first run, in order: what a killed process has left.
fn left(evidence: &Evidence) -> String {
    let records = evidence.runs.first().into_iter().flat_map(|run| &run.frames).flat_map(|f| &f.records);
    let kinds = records.map(|record| serde_json::to_value(record).expect("JSON")["record"].clone());
    kinds.map(|kind| kind.as_str().expect("a kind").to_owned()).collect::<Vec<_>>().join(" ")
}

/// The state of the first run.
fn state(journey: &Journey) -> Option<RunState> {
    journey.evidence().runs.first().map(|run| run.state)
}

/// Runs the course up to a step.
#[track_caller]
fn up_to(course: Course, step: usize) -> Journey {
    let journey = Journey::new(course);
    for step in &course.steps()[..step] {
        let ended = journey.step(*step, None);
        assert!(step.is_done(ended.code), "{step:?}: {:?}\n{}", ended.code, ended.stderr);
    }
    journey
}

/// Kills a step of a course at a point, looks at what is left, and goes on to the uninterrupted result.
#[track_caller]
fn killed(course: Course, step: usize, point: &str, leaves: &str) {
    let journey = up_to(course, step);
    let ended = journey.step(course.steps()[step], Some(&Kill::At(point.to_owned())));
    assert_eq!(ended.code, None, "{point} was not reached\n{}\n{}", ended.stdout, ended.stderr);
    let evidence = journey.evidence();
    relhost_tests::invariants::hold(&evidence, point);
    assert_eq!(left(&evidence), leaves, "{point}");
    journey.finish(step);
    assert_eq!(journey.outcome(), *uninterrupted(course), "{point}");
}

/// A second pipeline beside that of the course, in an environment of its own, so that both run at the same time.
fn another_pipeline(journey: &Journey) {
    let pipeline = std::fs::read_to_string(journey.place.path().join("pipeline.yaml")).expect("read it");
    let _other = journey.place.write("other.yaml", &pipeline);
    journey.place.edit("other.yaml", "pipeline: guest", "pipeline: other");
    journey.place.edit("other.yaml", "environment: dev", "environment: prod");
    journey.place.edit("relhost.yaml", ", approvals-min: 1", "");
}
