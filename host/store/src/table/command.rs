//! Commands: what is to be done once, keyed by its effect key, until it is done.

use relhost_engine::port::store::Command;
use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;
use relhost_model::time::Timestamp;
use rusqlite::{Connection, Params};

use super::column::{digest, int, moment, small, text, time, uint, value};
use crate::fault::Outcome;

const COLUMNS: &str = "key, release, body, attempts, due_at, error";

/// Puts a command; one that is there under the same key stays as it is.
pub(crate) fn put(db: &Connection, command: &Command) -> Outcome<()> {
    db.prepare_cached(
        "INSERT INTO command (key, release, body, attempts, due_at, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (key) DO NOTHING",
    )?
    .execute((
        command.key.0.as_slice(),
        int(command.release.0)?,
        text(&command.body),
        command.attempts,
        time(command.due_at),
        &command.error,
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
    db.prepare_cached(
        "UPDATE command SET attempts = ?2, due_at = coalesce(?3, due_at), given_up = ?3 IS NULL, error = ?4 \
         WHERE key = ?1",
    )?
    .execute((key.0.as_slice(), attempts, due_at.map(time), error))?;
    Ok(())
}

/// Commands to carry out, the longest overdue first.
pub(crate) fn due(db: &Connection, at: Timestamp, limit: u32) -> Outcome<Vec<Command>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM command WHERE given_up = 0 AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2"
    );
    select(db, &sql, (time(at), limit))
}

/// When the next command after a time is due.
pub(crate) fn next(db: &Connection, after: Timestamp) -> Outcome<Option<Timestamp>> {
    Ok(db
        .prepare_cached("SELECT min(due_at) FROM command WHERE given_up = 0 AND due_at > ?1")?
        .query_row([time(after)], |row| Ok(row.get::<_, Option<i64>>(0)?.map(moment)))?)
}

/// Every command that is left, of one release or of all, oldest first.
pub(crate) fn list(db: &Connection, release: Option<ReleaseId>) -> Outcome<Vec<Command>> {
    let sql = format!("SELECT {COLUMNS} FROM command WHERE ?1 IS NULL OR release = ?1 ORDER BY id");
    select(db, &sql, [release.map(|release| int(release.0)).transpose()?])
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Outcome<Vec<Command>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut commands = Vec::new();
    while let Some(row) = rows.next()? {
        let key = digest("key of a command", &row.get::<_, Vec<u8>>(0)?)?;
        commands.push(Command {
            key,
            release: ReleaseId(uint(row.get(1)?)),
            body: value(format_args!("command {key}"), &row.get::<_, String>(2)?)?,
            attempts: small("attempts of a command", row.get(3)?)?,
            due_at: moment(row.get(4)?),
            error: row.get(5)?,
        });
    }
    Ok(commands)
}
