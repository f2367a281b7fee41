//! Runs: their rows, how they are claimed, and what a crash leaves.

use std::collections::BTreeSet;

use relhost_engine::port::store::{CRASHES_MAX, NewRun, Rows, Run, RunState};
use relhost_model::id::{DeploymentId, ReleaseId, RunId, RunUuid};
use relhost_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{digest, int, moment, small, state, state_word, time, uint};
use super::frame;
use super::seal::{self, RUN};
use crate::fault::{Fault, Outcome, add};

/// Creates a run in state ready.
pub(crate) fn create(db: &Connection, new: &NewRun) -> Outcome<()> {
    let inserted =
        db.prepare_cached(&format!("{} ON CONFLICT DO NOTHING", RUN.insert("INSERT")))?.execute((
            int(new.id.0)?,
            new.uuid.0.as_bytes().as_slice(),
            int(new.release.0)?,
            int(new.deployment.0)?,
            new.component.0.as_slice(),
            time(new.at),
            state_word(RunState::Ready),
            None::<i64>,
            0,
            None::<i64>,
            false,
            None::<String>,
        ))?;
    match inserted {
        0 => Err(Fault::conflict(new.id, "its id or its public id exists")),
        _ => Ok(()),
    }
}

/// A new state for a run.
pub(crate) struct Transition<'a> {
    pub run: RunId,
    pub from: &'a [RunState],
    pub to: RunState,
    pub due_at: Option<Timestamp>,
    pub problem: Option<&'a str>,
}

/// Changes a run's state if it is in one of the expected ones. Whoever takes a run out of quarantine also
/// takes back its crashes.
pub(crate) fn transition(db: &Connection, change: &Transition<'_>) -> Outcome<()> {
    let id = int(change.run.0)?;
    match RUN.verify(db, "id", [id]) {
        // Nothing of a run that ends is read again: one that was set aside can always be ended.
        Err(Fault::Damaged(_)) if change.to == RunState::Done => return end_damaged(db, id),
        other => other?,
    };
    let word: Option<String> = db
        .prepare_cached("SELECT state FROM run WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let word = word.ok_or_else(|| Fault::conflict(change.run, "it does not exist"))?;
    let before = state(&word)?;
    if !change.from.contains(&before) {
        return Err(Fault::conflict(change.run, format!("it is {word}")));
    }
    db.prepare_cached("UPDATE run SET state = ?2, due_at = ?3, problem = ?4 WHERE id = ?1")?.execute((
        id,
        state_word(change.to),
        change.due_at.map(time),
        change.problem,
    ))?;
    if before == RunState::Quarantined && change.to != RunState::Quarantined {
        db.prepare_cached("UPDATE run SET crashes = 0, crashed_after = NULL WHERE id = ?1")?.execute([id])?;
    }
    RUN.reseal(db, "id", [id])
}

fn end_damaged(db: &Connection, run: i64) -> Outcome<()> {
    db.prepare_cached("UPDATE run SET state = 'done', due_at = NULL WHERE id = ?1")?.execute([run])?;
    Ok(())
}

/// Tells a run to stop at its next host call.
pub(crate) fn cancel(db: &Connection, run: RunId) -> Outcome<()> {
    let id = int(run.0)?;
    if !RUN.verify(db, "id", [id])? {
        return Err(Fault::conflict(run, "it does not exist"));
    }
    db.prepare_cached("UPDATE run SET cancel = 1 WHERE id = ?1")?.execute([id])?;
    RUN.reseal(db, "id", [id])
}

/// Takes a run that is ready, or in backoff and due. False if it is neither.
pub(crate) fn claim(db: &Connection, run: RunId, owner: String, at: Timestamp) -> Outcome<bool> {
    RUN.verify(db, "id", [int(run.0)?])?;
    let taken = db
        .prepare_cached(
            "UPDATE run SET state = 'running', due_at = NULL, problem = NULL WHERE id = ?1 \
             AND (state = 'ready' OR (state = 'backoff' AND coalesce(due_at, 0) <= ?2))",
        )?
        .execute((int(run.0)?, time(at)))?;
    if taken == 0 {
        return Ok(false);
    }
    RUN.reseal(db, "id", [int(run.0)?])?;
    frame::claim(db, run, owner, at)?;
    Ok(true)
}

/// Makes every run ready that an owner left running, or puts it into quarantine if it does not get any
/// further. Returns how many there were.
pub(crate) fn recover(db: &Connection) -> Outcome<u64> {
    let mut statement =
        db.prepare_cached("SELECT id, crashes, crashed_after FROM run WHERE state = 'running' ORDER BY id")?;
    let left: Vec<(i64, i64, Option<i64>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, crashes, crashed_after) in &left {
        let found = match left_behind(db, RunId(uint(*id)), (*crashes, *crashed_after)) {
            // Damage of one journal is that run's alone: the host starts, and the others go on.
            Err(Fault::Damaged(reason)) => Left { crashes: 0, crashed_after: None, problem: Some(reason) },
            other => other?,
        };
        let whole = RUN.verify(db, "id", [id]).is_ok();
        let next = if found.problem.is_some() { RunState::Quarantined } else { RunState::Ready };
        db.prepare_cached(
            "UPDATE run SET state = ?2, due_at = NULL, crashes = ?3, crashed_after = ?4, problem = ?5 \
             WHERE id = ?1",
        )?
        .execute((id, state_word(next), found.crashes, found.crashed_after, found.problem))?;
        if whole {
            RUN.reseal(db, "id", [id])?;
        }
    }
    Ok(left.len() as u64)
}

/// What an owner left of a run.
struct Left {
    crashes: u32,
    crashed_after: Option<i64>,
    problem: Option<String>,
}

fn left_behind(db: &Connection, run: RunId, (crashes, after): (i64, Option<i64>)) -> Outcome<Left> {
    RUN.verify(db, "id", [int(run.0)?])?;
    let (position, ordinal) = frame::progress(db, run)?;
    let position = int(position)?;
    let before = if after == Some(position) { small("crash counter", crashes)? } else { 0 };
    let crashes = if frame::ends_with_claim(db, run)? { before + 1 } else { 0 };
    let problem = (crashes >= CRASHES_MAX).then(|| describe(crashes, ordinal));
    Ok(Left { crashes, crashed_after: Some(position), problem })
}

fn describe(crashes: u32, ordinal: Option<u32>) -> String {
    match ordinal {
        Some(ordinal) => format!("host died {crashes} times at ordinal {ordinal}"),
        None => format!("host died {crashes} times before the first host call"),
    }
}

/// A run's row.
pub(crate) fn row(db: &Connection, run: RunId) -> Outcome<Option<Run>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT uuid, release, deployment, component, created_at, state, due_at, crashes, cancel, problem, {} \
         FROM run WHERE id = ?1",
        RUN.fits()
    ))?;
    let mut rows = statement.query([int(run.0)?])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    seal::check(row, 10, run)?;
    let uuid: Vec<u8> = row.get(0)?;
    let uuid = uuid::Uuid::from_slice(&uuid).map_err(|cause| Fault::damaged(run, cause))?;
    let new = NewRun {
        id: run,
        uuid: RunUuid(uuid),
        release: ReleaseId(uint(row.get(1)?)),
        deployment: DeploymentId(uint(row.get(2)?)),
        component: digest(format_args!("component of {run}"), &row.get::<_, Vec<u8>>(3)?)?,
        at: moment(row.get(4)?),
    };
    Ok(Some(Run {
        new,
        state: state(&row.get::<_, String>(5)?)?,
        due_at: row.get::<_, Option<i64>>(6)?.map(moment),
        crashes: small("crash counter", row.get(7)?)?,
        cancel: row.get(8)?,
        problem: row.get(9)?,
    }))
}

/// Every run in quarantine.
pub(crate) fn quarantined(db: &Connection) -> Outcome<Rows<Run>> {
    let mut statement = db.prepare_cached("SELECT id FROM run WHERE state = 'quarantined' ORDER BY id")?;
    let ids = statement.query_map([], |row| Ok(RunId(uint(row.get(0)?))))?;
    let mut runs = Rows::default();
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        if let Some(row) = row(db, id).transpose() {
            add(&mut runs, row)?;
        }
    }
    Ok(runs)
}

/// Runs that are not over and do not fit their seals.
pub(crate) fn damaged(db: &Connection) -> Outcome<Vec<(RunId, String)>> {
    let sql = format!("SELECT id FROM run WHERE state <> 'done' AND NOT {} ORDER BY id", RUN.fits());
    let mut statement = db.prepare_cached(&sql)?;
    let ids = statement.query_map([], |row| Ok(RunId(uint(row.get(0)?))))?;
    Ok(ids.map(|id| id.map(|id| (id, seal::problem(id)))).collect::<rusqlite::Result<_>>()?)
}

/// Keeps a run whose row cannot be read from being claimed. Its seal stays broken.
pub(crate) fn set_aside(db: &Connection, run: RunId, problem: &str) -> Outcome<()> {
    db.prepare_cached("UPDATE run SET state = 'quarantined', due_at = NULL, problem = ?2 WHERE id = ?1")?
        .execute((int(run.0)?, problem))?;
    Ok(())
}

/// The releases of a filter as the JSON that the queries take apart; `None` is no filter.
fn releases(only: Option<&BTreeSet<ReleaseId>>) -> Option<String> {
    let ids = only?.iter().map(|release| release.0.to_string()).collect::<Vec<_>>();
    Some(format!("[{}]", ids.join(",")))
}

/// Runs to claim: the ready ones, then those whose backoff is over.
pub(crate) fn due(
    db: &Connection,
    at: Timestamp,
    limit: u32,
    only: Option<&BTreeSet<ReleaseId>>,
) -> Outcome<Vec<RunId>> {
    let only = releases(only);
    // Two statements, each along its index: one over both would sort every run that is ready, each time.
    let mut ready = db.prepare_cached(
        "SELECT id FROM run WHERE state = 'ready' \
         AND (?2 IS NULL OR release IN (SELECT value FROM json_each(?2))) ORDER BY id LIMIT ?1",
    )?;
    let mut rested = db.prepare_cached(
        "SELECT id FROM run WHERE state = 'backoff' AND coalesce(due_at, 0) <= ?3 \
         AND (?2 IS NULL OR release IN (SELECT value FROM json_each(?2))) \
         ORDER BY coalesce(due_at, 0), id LIMIT ?1",
    )?;
    let id = |row: &Row<'_>| Ok(RunId(uint(row.get(0)?)));
    let mut due: Vec<RunId> = ready.query_map((limit, &only), id)?.collect::<rusqlite::Result<_>>()?;
    let room = limit.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
    for run in rested.query_map((room, &only, time(at)), id)? {
        due.push(run?);
    }
    Ok(due)
}

/// When the next backoff after a time is over.
pub(crate) fn next(
    db: &Connection,
    after: Timestamp,
    only: Option<&BTreeSet<ReleaseId>>,
) -> Outcome<Option<Timestamp>> {
    Ok(db
        .prepare_cached(
            "SELECT min(coalesce(due_at, 0)) FROM run WHERE state = 'backoff' AND coalesce(due_at, 0) > ?1 \
             AND (?2 IS NULL OR release IN (SELECT value FROM json_each(?2)))",
        )?
        .query_row((time(after), releases(only)), |row| Ok(row.get::<_, Option<i64>>(0)?.map(moment)))?)
}

#[cfg(test)]
mod tests;
