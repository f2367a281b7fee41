//! Commands: what is to be done once, keyed by its effect key, until it is done.

use relhost_engine::port::store::{Command, DamagedCommand, Rows};
use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;
use relhost_model::time::Timestamp;
use rusqlite::{Connection, Row};

use super::column::{digest, int, moment, small, text, time, uint, value};
use super::seal::{self, COMMAND};
use crate::fault::{Fault, Outcome, add};

const COLUMNS: &str = "key, release, body, attempts, due_at, error, id";

/// Puts a command; one that is there under the same key stays as it is.
pub(crate) fn put(db: &Connection, command: &Command) -> Outcome<()> {
    let sql = format!("{} ON CONFLICT (key) DO NOTHING", COMMAND.insert("INSERT"));
    db.prepare_cached(&sql)?.execute((
        command.key.0.as_slice(),
        int(command.release.0)?,
        command.attempts,
        time(command.due_at),
        false,
        &command.error,
        text(&command.body),
    ))?;
    Ok(())
}

/// Drops a command that is done.
pub(crate) fn drop(db: &Connection, key: Digest) -> Outcome<()> {
    db.prepare_cached("DELETE FROM command WHERE key = ?1")?.execute([key.0.as_slice()])?;
    Ok(())
}

/// Sets when a command is tried again; without a time it is kept and never due. One that is gone stays gone.
pub(crate) fn retry(
    db: &Connection,
    key: Digest,
    (attempts, due_at): (u32, Option<Timestamp>),
    error: &str,
) -> Outcome<()> {
    let bytes = key.0.as_slice();
    COMMAND.verify(db, "key", [bytes])?;
    db.prepare_cached(
        "UPDATE command SET attempts = ?2, due_at = coalesce(?3, due_at), given_up = ?3 IS NULL, error = ?4 \
         WHERE key = ?1",
    )?
    .execute((bytes, attempts, due_at.map(time), error))?;
    COMMAND.reseal(db, "key", [bytes])
}

/// Keeps a command that cannot be read from being due. Its seal stays broken.
pub(crate) fn set_aside(db: &Connection, row: u64) -> Outcome<()> {
    db.prepare_cached("UPDATE command SET given_up = 1 WHERE id = ?1")?.execute([int(row)?])?;
    Ok(())
}

/// Commands to carry out, the longest overdue first; and those that cannot be read.
pub(crate) fn due(
    db: &Connection,
    at: Timestamp,
    limit: u32,
) -> Outcome<(Vec<Command>, Vec<DamagedCommand>)> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM command WHERE given_up = 0 AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
        COMMAND.fits()
    ))?;
    let mut rows = statement.query((time(at), limit))?;
    let (mut commands, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        match decode(row) {
            Ok(command) => commands.push(command),
            Err(Fault::Damaged(problem)) => {
                let release = ReleaseId(uint(row.get(1)?));
                damaged.push(DamagedCommand { row: uint(row.get(6)?), release, problem });
            }
            Err(other) => return Err(other),
        }
    }
    Ok((commands, damaged))
}

/// When the next command after a time is due.
pub(crate) fn next(db: &Connection, after: Timestamp) -> Outcome<Option<Timestamp>> {
    Ok(db
        .prepare_cached("SELECT min(due_at) FROM command WHERE given_up = 0 AND due_at > ?1")?
        .query_row([time(after)], |row| Ok(row.get::<_, Option<i64>>(0)?.map(moment)))?)
}

/// Every command that is left, of one release or of all, oldest first.
pub(crate) fn list(db: &Connection, release: Option<ReleaseId>) -> Outcome<Rows<Command>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM command WHERE ?1 IS NULL OR release = ?1 ORDER BY id",
        COMMAND.fits()
    ))?;
    let mut rows = statement.query([release.map(|release| int(release.0)).transpose()?])?;
    let mut commands = Rows::default();
    while let Some(row) = rows.next()? {
        add(&mut commands, decode(row))?;
    }
    Ok(commands)
}

fn decode(row: &Row<'_>) -> Outcome<Command> {
    let release = ReleaseId(uint(row.get(1)?));
    let what = format!("command {} of {release}", row.get::<_, i64>(6)?);
    seal::check(row, 7, &what)?;
    Ok(Command {
        key: digest(&what, &row.get::<_, Vec<u8>>(0)?)?,
        release,
        body: value(&what, &row.get::<_, String>(2)?)?,
        attempts: small(&what, row.get(3)?)?,
        due_at: moment(row.get(4)?),
        error: row.get(5)?,
    })
}
