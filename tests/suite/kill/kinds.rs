//! Cases of the crash matrix that have nothing to be about yet: K19, compensation, and K21, runs with parents.
//! The day their records appear, this file does not compile, and its reader writes those cases.

use std::collections::BTreeSet;

use relhost_engine::journal::{Record, decode};
use relhost_model::release::RunStart;

/// The case of the matrix that kills around a record. No arm catches the rest: a new kind of record needs a
/// case of its own. For compensation that is K19 (it goes on at undo k of m, each under its key, and one in
/// doubt is made again); for child runs K21 (the end of a child and the wake of its parent share a commit).
fn case(record: &Record) -> &'static str {
    match record {
        // A run that had a parent would start from it.
        Record::Start { at: _, start } => {
            let RunStart { run: _, uuid: _, component: _, seed: _, context: _ } = &**start;
            "K1"
        }
        Record::Claim { .. } => "K2",
        Record::Intent { .. } => "K6",
        Record::Outcome { .. } => "K10",
        Record::WaitOpen { .. } => "K12",
        Record::WaitDone { .. } => "K16",
        Record::CancelSeen { .. } => "K18",
        Record::Complete { .. } => "K20",
    }
}

#[test]
fn k19_and_k21_do_not_apply_until_their_records_exist() {
    // One line for each kind, as the engine keeps it.
    let golden = include_str!("../../../host/engine/tests/golden/bytes.txt");
    let stored = golden.lines().filter_map(|line| line.strip_prefix("record: 01 "));
    let records = stored.flat_map(|json| decode(&[&[1], json.as_bytes()].concat()).expect("a frame's body"));
    let cases: BTreeSet<&str> = records.map(|record| case(&record)).collect();
    assert_eq!(cases, BTreeSet::from(["K1", "K2", "K6", "K10", "K12", "K16", "K18", "K20"]));
}
