//! Log lines of runs and notes about releases.

use relhost_engine::port::store::{AppendFrame, LogEntry, Rows};
use relhost_model::call::LogLine;
use relhost_model::id::{ReleaseId, RunId};
use relhost_model::time::Timestamp;
use rusqlite::{Connection, Row};

use super::column::{int, moment, small, text, time, uint, value};
use super::seal::{self, LOG};
use crate::fault::{Outcome, add};

/// At most so many lines in one read: about what a screenful of a log viewer loads.
const PAGE: u32 = 1000;

/// Stores a frame's lines. A line that a run writes again after a crash is there already and is ignored.
pub(crate) fn append(db: &Connection, frame: &AppendFrame) -> Outcome<()> {
    for (ordinal, n, line) in &frame.logs {
        db.prepare_cached(
            "INSERT INTO log (release, at, run, position, ordinal, n, line, seal) \
             SELECT release, ?2, id, ?3, ?4, ?5, ?6, seal('log', release, ?2, id, ?3, ?4, ?5, ?6) \
             FROM run WHERE id = ?1 ON CONFLICT (run, ordinal, n) WHERE run IS NOT NULL DO NOTHING",
        )?
        .execute((
            int(frame.run.0)?,
            time(frame.at),
            int(frame.position)?,
            ordinal,
            n,
            text(line),
        ))?;
    }
    Ok(())
}

/// Stores a line about a release.
pub(crate) fn note(db: &Connection, release: ReleaseId, at: Timestamp, line: &LogLine) -> Outcome<()> {
    db.prepare_cached(
        "INSERT INTO log (release, at, line, seal) \
         VALUES (?1, ?2, ?3, seal('log', ?1, ?2, NULL, NULL, NULL, NULL, ?3))",
    )?
    .execute((int(release.0)?, time(at), text(line)))?;
    Ok(())
}

/// Lines of a release from a number on.
pub(crate) fn read(db: &Connection, release: ReleaseId, since: u64) -> Outcome<Rows<LogEntry>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT id, at, run, line, {} FROM log WHERE release = ?1 AND id >= ?2 ORDER BY id LIMIT ?3",
        LOG.fits()
    ))?;
    let mut rows = statement.query((int(release.0)?, int(since)?, PAGE))?;
    let mut entries = Rows::default();
    while let Some(row) = rows.next()? {
        add(&mut entries, decode(row, release))?;
    }
    Ok(entries)
}

fn decode(row: &Row<'_>, release: ReleaseId) -> Outcome<LogEntry> {
    let seq = uint(row.get(0)?);
    let what = format!("log line {seq} of {release}");
    seal::check(row, 4, &what)?;
    Ok(LogEntry {
        seq,
        at: moment(row.get(1)?),
        run: row.get::<_, Option<i64>>(2)?.map(|run| RunId(uint(run))),
        line: value(what, &row.get::<_, String>(3)?)?,
    })
}

/// A line of a frame: the ordinal it came after, its index under it, the line.
type FrameLine = (u32, u32, LogLine);

/// Lines of a run with the positions of their frames, ordered by frame. One that is damaged is left out: no
/// replay needs it, and whoever reads the log is told.
pub(crate) fn of_run(db: &Connection, run: RunId) -> Outcome<Vec<(u64, FrameLine)>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT position, ordinal, n, line, {} FROM log WHERE run = ?1 ORDER BY position, ordinal, n",
        LOG.fits()
    ))?;
    let mut rows = statement.query([int(run.0)?])?;
    let mut lines = Rows::default();
    while let Some(row) = rows.next()? {
        add(&mut lines, decode_of_run(row))?;
    }
    Ok(lines.rows)
}

fn decode_of_run(row: &Row<'_>) -> Outcome<(u64, FrameLine)> {
    seal::check(row, 4, "log line")?;
    let (ordinal, n) = (small("log ordinal", row.get(1)?)?, small("log index", row.get(2)?)?);
    Ok((uint(row.get(0)?), (ordinal, n, value("log line", &row.get::<_, String>(3)?)?)))
}
