//! Journals of runs.

use relhost_connect::printable::lines;
use serde_json::Value;

use super::super::table::table;
use crate::protocol::RunJournalView;

/// The journals of a release's runs.
#[must_use]
pub fn runs(runs: &[RunJournalView]) -> String {
    if runs.is_empty() {
        return "no run yet\n".into();
    }
    let text = runs.iter().map(|run| {
        let head = format!("{} {}, attempt {}: {}\n", run.run, run.stage, run.attempt, lines(&run.state));
        head + &records(run)
    });
    text.collect::<Vec<_>>().join("\n")
}

fn records(run: &RunJournalView) -> String {
    let rows = run.frames.iter().flat_map(|(position, at, records)| {
        let records = records.as_array().into_iter().flatten();
        records.map(move |record| {
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let call = record["ordinal"].as_u64().map(|ordinal| ordinal.to_string()).unwrap_or_default();
            [position.to_string(), at.to_string(), text("record"), call, lines(&what(record))]
        })
    });
    table(["frame", "time", "record", "call", "what"], rows)
}

/// The part of a record that says what happened; answers are whole, because an operator may need their form.
fn what(record: &Value) -> String {
    let word = |name: &str| record[name].as_str().unwrap_or_default();
    match word("record") {
        "start" => format!("component {}", record["start"]["component"].as_str().unwrap_or_default()),
        "claim" => format!("{}, version {}", word("owner"), word("version")),
        "intent" => format!("{}\n{}", word("operation"), record["call"]),
        "wait-open" => format!("{}, {}\n{}", word("operation"), record["approval"], record["call"]),
        "outcome" if record["attested"].is_null() => record["answer"].to_string(),
        "outcome" => format!("{}\nattested: {}", record["answer"], record["attested"]),
        "wait-done" => record["decision"].to_string(),
        "complete" => record["end"].to_string(),
        _ => record.to_string(),
    }
}
