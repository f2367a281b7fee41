//! What cannot be, looked for in the whole database.

use std::collections::{BTreeMap, BTreeSet};

use relhost_engine::journal::{Frame, Record};
use relhost_engine::port::store::RunState;
use relhost_model::digest::Digest;
use relhost_model::id::{ReleaseId, RunId};
use rusqlite::Connection;

use crate::fault::{Fault, Outcome};
use crate::table::column::uint;
use crate::table::{frame, release, run, seal};

/// Every contradiction, one sentence each.
pub(crate) fn check(db: &Connection) -> Outcome<Vec<String>> {
    let mut problems = pages(db)?;
    for run in ids(db, "SELECT id FROM run ORDER BY id")?.into_iter().map(RunId) {
        check_run(db, run, &mut problems)?;
    }
    for id in ids(db, "SELECT id FROM release ORDER BY id")?.into_iter().map(ReleaseId) {
        check_release(db, id, &mut problems)?;
    }
    check_seals(db, &mut problems)?;
    check_blobs(db, &mut problems)?;
    check_counts(db, &mut problems)?;
    Ok(problems)
}

fn pages(db: &Connection) -> Outcome<Vec<String>> {
    let mut problems = Vec::new();
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let verdict: String = row.get(0)?;
        if verdict != "ok" {
            problems.push(format!("database: {verdict}"));
        }
    }
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        problems.push(format!("{table}: a row refers to a {parent} that is not there"));
    }
    Ok(problems)
}

fn ids(db: &Connection, sql: &str) -> Outcome<Vec<u64>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok(uint(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Turns damage of one row into a sentence, so that the check goes on with the next.
fn told<T>(outcome: Outcome<T>, problems: &mut Vec<String>) -> Outcome<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Fault::Damaged(problem)) => {
            problems.push(problem);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn check_run(db: &Connection, id: RunId, problems: &mut Vec<String>) -> Outcome<()> {
    let Some(row) = told(run::row(db, id), problems)?.flatten() else { return Ok(()) };
    let Some(frames) = told(frame::read(db, id), problems)? else { return Ok(()) };
    let records = || frames.iter().flat_map(|frame| &frame.records);
    if !matches!(frames.first().map(|frame| frame.records.as_slice()), Some([Record::Start { .. }])) {
        problems.push(format!("{id}: its first frame is not a start alone"));
    }
    check_epochs(id, &frames, problems);
    let complete = records().any(|record| matches!(record, Record::Complete { .. }));
    // A run that was canceled while it waited ends without another record.
    if complete != (row.state == RunState::Done) && (complete || !row.cancel) {
        let end = if complete { "an end" } else { "no end" };
        problems.push(format!("{id}: it is {:?} and its journal has {end}", row.state));
    }
    if complete && !matches!(records().last(), Some(Record::Complete { .. } | Record::Claim { .. })) {
        problems.push(format!("{id}: its journal goes on after its end"));
    }
    check_calls(id, records(), problems);
    Ok(())
}

/// No frame is older than the latest claim before it.
fn check_epochs(id: RunId, frames: &[Frame], problems: &mut Vec<String>) {
    let mut epoch = 0;
    for frame in frames {
        if frame.records.iter().any(|record| matches!(record, Record::Claim { .. })) {
            epoch = frame.position;
        }
        if frame.epoch != epoch {
            problems.push(format!(
                "{id}: frame {} was written under the claim at {} after the claim at {epoch}",
                frame.position, frame.epoch
            ));
        }
    }
}

/// Every outcome has one intent before it and every end of a wait one beginning, and neither comes twice.
fn check_calls<'a>(id: RunId, records: impl Iterator<Item = &'a Record>, problems: &mut Vec<String>) {
    let (mut calls, mut waits) = (BTreeSet::new(), BTreeSet::new());
    let (mut outcomes, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for record in records {
        match record {
            Record::Intent { ordinal, .. } => drop(calls.insert(*ordinal)),
            Record::WaitOpen { ordinal, .. } => drop(waits.insert(*ordinal)),
            Record::Outcome { ordinal, .. } => {
                *outcomes.entry(*ordinal).or_insert(0) += 1;
                if !calls.contains(ordinal) {
                    problems.push(format!("{id}: call {ordinal} has an outcome and no intent before it"));
                }
            }
            Record::WaitDone { ordinal, .. } => {
                *ends.entry(*ordinal).or_insert(0) += 1;
                if !waits.contains(ordinal) {
                    problems.push(format!("{id}: the wait of call {ordinal} ends and never began"));
                }
            }
            Record::Start { .. } | Record::Claim { .. } | Record::CancelSeen { .. } => {}
            Record::Complete { .. } => {}
        }
    }
    for (what, counts) in [("outcomes", outcomes), ("ends of its wait", ends)] {
        for (ordinal, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
            problems.push(format!("{id}: call {ordinal} has {count} {what}"));
        }
    }
}

fn check_release(db: &Connection, id: ReleaseId, problems: &mut Vec<String>) -> Outcome<()> {
    let Some(row) = told(release::row(db, id), problems)?.flatten() else { return Ok(()) };
    if told(release::snapshot(db, id), problems)?.is_some_and(|snapshot| snapshot.is_none()) {
        problems.push(format!("{id}: its frozen part is gone"));
    }
    let Some(events) = told(release::events(db, id, 0), problems)? else { return Ok(()) };
    let dense = events.iter().zip(0..).all(|(event, seq)| event.seq == seq);
    if !dense || events.len() as u64 != row.events {
        problems.push(format!("{id}: it counts {} events and has {}", row.events, events.len()));
    }
    Ok(())
}

/// Rows that do not fit their seals, but for those that were read above.
fn check_seals(db: &Connection, problems: &mut Vec<String>) -> Outcome<()> {
    for sealed in seal::ALL {
        let (name, table, fits) = (sealed.name, sealed.table, sealed.fits());
        let mut statement = db.prepare(&format!("SELECT {name} FROM {table} WHERE NOT {fits}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let problem = seal::problem(row.get::<_, Option<String>>(0)?.unwrap_or_else(|| table.into()));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    Ok(())
}

fn check_blobs(db: &Connection, problems: &mut Vec<String>) -> Outcome<()> {
    let mut statement = db.prepare("SELECT id, digest, bytes FROM blob ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, digest, bytes): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if Digest::of(&bytes).0.as_slice() != digest {
            problems.push(format!("blob {id}: its bytes have another digest"));
        }
    }
    Ok(())
}

/// Counters that were kept beside what they count.
fn check_counts(db: &Connection, problems: &mut Vec<String>) -> Outcome<()> {
    let queries = [
        (
            "SELECT id FROM approval AS a WHERE version < (SELECT count(*) FROM vote WHERE approval = a.id) \
             + (decision IS NOT NULL)",
            "apr",
            "its version is behind its votes",
        ),
        ("SELECT id FROM run WHERE id > (SELECT high FROM sequence WHERE name = 'run')", "run", BEHIND),
        (
            "SELECT id FROM release WHERE id > (SELECT high FROM sequence WHERE name = 'release')",
            "rel",
            BEHIND,
        ),
        (
            "SELECT id FROM approval WHERE id > (SELECT high FROM sequence WHERE name = 'approval')",
            "apr",
            BEHIND,
        ),
    ];
    for (sql, prefix, problem) in queries {
        problems.extend(ids(db, sql)?.into_iter().map(|id| format!("{prefix}-{id}: {problem}")));
    }
    Ok(())
}

const BEHIND: &str = "the counter of ids is behind it";

#[cfg(test)]
mod tests;
