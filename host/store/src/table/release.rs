//! Releases, their frozen part and their events.

use relhost_engine::event::{Event, Recorded};
use relhost_engine::port::store::{
    AppendEvents, ReleaseFilter, ReleaseRow, ReleaseSummary, Rows, StoreError,
};
use relhost_model::id::{PipelineName, ReleaseId};
use relhost_model::release::{Mode, Snapshot, Status};
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{int, mode, mode_word, moment, text, time, uint, value};
use super::queue;
use super::seal::{self, EVENT, RELEASE, SNAPSHOT};
use crate::fault::{Fault, Outcome, add};

/// How many releases a list shows if nobody says otherwise.
const LIST: u32 = 50;
const COLUMNS: &str = "id, name, pipeline, mode, key, version, created_at, events, summary";

/// Creates a release. Refused if one with its key exists in the same mode, unless that was superseded.
pub(crate) fn create(db: &Connection, id: ReleaseId, snapshot: &Snapshot, counter: u64) -> Outcome<()> {
    if let Some(existing) = with_key(db, snapshot)? {
        return Err(Fault::Refused(StoreError::KeyExists { existing }));
    }
    let inserted = db
        .prepare_cached(&format!("{} ON CONFLICT (id) DO NOTHING", RELEASE.insert("INSERT")))?
        .execute((
        int(id.0)?,
        &snapshot.name,
        snapshot.pipeline.name.as_str(),
        int(counter)?,
        mode_word(snapshot.mode),
        &snapshot.key,
        snapshot.artifacts.first().map(|artifact| artifact.version()).unwrap_or_default(),
        time(snapshot.created_at),
        0,
        None::<String>,
        text(&ReleaseSummary { status: None, stages: Vec::new() }),
    ))?;
    if inserted == 0 {
        return Err(Fault::conflict(id, "it exists"));
    }
    db.prepare_cached(&SNAPSHOT.insert("INSERT"))?.execute((int(id.0)?, text(snapshot)))?;
    Ok(())
}

fn with_key(db: &Connection, snapshot: &Snapshot) -> Outcome<Option<ReleaseId>> {
    Ok(db
        .prepare_cached(
            "SELECT id FROM release WHERE key = ?1 AND mode = ?2 AND coalesce(status, '') <> ?3 \
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row((&snapshot.key, mode_word(snapshot.mode), status_word(Status::Superseded)), |row| {
            Ok(ReleaseId(uint(row.get(0)?)))
        })
        .optional()?)
}

fn status_word(status: Status) -> String {
    text(&status).trim_matches('"').to_owned()
}

/// Appends events and replaces the read model. Refused if the first event's number is taken or not reached.
pub(crate) fn append(db: &Connection, append: &AppendEvents) -> Outcome<()> {
    let release = append.release;
    RELEASE.verify(db, "id", [int(release.0)?])?;
    let found = db
        .prepare_cached("SELECT events, mode FROM release WHERE id = ?1")?
        .query_row([int(release.0)?], |row| Ok((uint(row.get(0)?), row.get::<_, String>(1)?)))
        .optional()?;
    let (events, mode_of_release) = found.ok_or_else(|| Fault::conflict(release, "it does not exist"))?;
    if events != append.expected {
        return Err(Fault::Refused(StoreError::SequenceConflict { release, expected: append.expected }));
    }
    for (seq, event) in (events..).zip(&append.events) {
        db.prepare_cached(&EVENT.insert("INSERT"))?.execute((
            int(release.0)?,
            int(seq)?,
            time(append.at),
            text(event),
        ))?;
    }
    db.prepare_cached("UPDATE release SET events = ?2, status = ?3, summary = ?4 WHERE id = ?1")?.execute(
        (
            int(release.0)?,
            int(events + append.events.len() as u64)?,
            append.summary.status.map(status_word),
            text(&append.summary),
        ),
    )?;
    RELEASE.reseal(db, "id", [int(release.0)?])?;
    queue::update(db, release, mode(&mode_of_release)?, &append.summary)
}

/// A release's frozen part.
pub(crate) fn snapshot(db: &Connection, release: ReleaseId) -> Outcome<Option<Snapshot>> {
    let sql = format!("SELECT body, {} FROM snapshot WHERE release = ?1", SNAPSHOT.fits());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([int(release.0)?])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let what = format!("the frozen part of {release}");
    seal::check(row, 1, &what)?;
    value(what, &row.get::<_, String>(0)?).map(Some)
}

/// One release's row.
pub(crate) fn row(db: &Connection, release: ReleaseId) -> Outcome<Option<ReleaseRow>> {
    let sql = format!("SELECT {COLUMNS}, {} FROM release WHERE id = ?1", RELEASE.fits());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([int(release.0)?])?;
    rows.next()?.map(decode).transpose()
}

/// Rows, newest first.
pub(crate) fn list(db: &Connection, filter: &ReleaseFilter) -> Outcome<Rows<ReleaseRow>> {
    let limit = if filter.limit == 0 { LIST } else { filter.limit };
    let active = if filter.active { "status IS NULL" } else { "true" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM release WHERE {active} AND (?1 IS NULL OR pipeline = ?1) \
         ORDER BY id DESC LIMIT ?2",
        RELEASE.fits()
    ))?;
    let mut rows = statement.query((filter.pipeline.as_ref().map(PipelineName::as_str), limit))?;
    let mut list = Rows::default();
    while let Some(row) = rows.next()? {
        add(&mut list, decode(row))?;
    }
    Ok(list)
}

fn decode(row: &Row<'_>) -> Outcome<ReleaseRow> {
    let id = ReleaseId(uint(row.get(0)?));
    seal::check(row, 9, id)?;
    let pipeline: String = row.get(2)?;
    Ok(ReleaseRow {
        id,
        name: row.get(1)?,
        pipeline: PipelineName::new(pipeline).map_err(|cause| Fault::damaged(id, cause))?,
        mode: mode(&row.get::<_, String>(3)?)?,
        key: row.get(4)?,
        version: row.get(5)?,
        created_at: moment(row.get(6)?),
        events: uint(row.get(7)?),
        summary: value(format_args!("summary of {id}"), &row.get::<_, String>(8)?)?,
    })
}

/// The newest release of a mode with a key.
pub(crate) fn by_key(db: &Connection, key: &str, mode: Mode) -> Outcome<Option<ReleaseId>> {
    Ok(db
        .prepare_cached("SELECT max(id) FROM release WHERE key = ?1 AND mode = ?2")?
        .query_row((key, mode_word(mode)), |row| row.get::<_, Option<i64>>(0))?
        .map(|id| ReleaseId(uint(id))))
}

/// The highest counter of a pipeline.
pub(crate) fn counter(db: &Connection, pipeline: &PipelineName) -> Outcome<u64> {
    Ok(db
        .prepare_cached("SELECT coalesce(max(counter), 0) FROM release WHERE pipeline = ?1")?
        .query_row([pipeline.as_str()], |row| Ok(uint(row.get(0)?)))?)
}

/// Events from a number on.
pub(crate) fn events(db: &Connection, release: ReleaseId, since: u64) -> Outcome<Vec<Recorded>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT seq, at, body, {} FROM event WHERE release = ?1 AND seq >= ?2 ORDER BY seq",
        EVENT.fits()
    ))?;
    let mut rows = statement.query((int(release.0)?, int(since)?))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = uint(row.get(0)?);
        let what = format!("event {seq} of {release}");
        seal::check(row, 3, &what)?;
        let event: Event = value(what, &row.get::<_, String>(2)?)?;
        events.push(Recorded { seq, at: moment(row.get(1)?), event });
    }
    Ok(events)
}
