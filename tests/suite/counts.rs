//! What costs the same on every machine, counted and held against committed numbers: a change that makes a
//! step, an object or a call dearer is seen in the change itself, not months later in a benchmark.

use serde_json::Value;

mod instruction;
mod request;

/// The numbers, beside this file. A change that is meant changes them in the same commit.
const COMMITTED: &str = include_str!("counts/committed.json");

/// Holds a count against its committed number, which may be missed by `tolerance` of it.
#[track_caller]
fn holds(name: &str, seen: f64, tolerance: f64) {
    let committed: Value = serde_json::from_str(COMMITTED).expect("committed.json is JSON");
    let number = committed[name].as_f64().unwrap_or_else(|| panic!("committed.json has no `{name}`"));
    let room = number * tolerance;
    assert!(
        (seen - number).abs() <= room,
        "{name}: {seen:.2} now, {number} is committed (within {room:.2}). If this is meant, or better, write \
         it into tests/suite/counts/committed.json."
    );
}
