//! Opens the database: checks that it is ours, whole and durable before anybody relies on it.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relhost_engine::port::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::fault::{Fault, Outcome};
use crate::table::seal;
use crate::{lock, migration, wal};

/// 3.51.3 fixed a race between two connections that could damage a database in WAL mode.
const SQLITE_OLDEST: i32 = 3_051_003;
/// `relh` in ASCII: tells our file from any other database of that name.
const APPLICATION_ID: i32 = 0x7265_6c68;
/// How long to wait for a tool that has the database locked. A backup holds no write lock; somebody's
/// interactive session might, and 10 s is longer than any statement typed by hand.
const BUSY: Duration = Duration::from_secs(10);
/// Up to so many pages (64 MiB) every entry of every index is compared with its row at the start. A bigger database
/// would keep a restart waiting: its pages are looked at by [`pages`] while the host works. Whatever is read before
/// that is read through the seals of rows.
const CHECKED_WHOLE: i64 = 16 * 1024;
/// Pages of 4 KiB that a reader keeps: every commit makes them stale, so more of them would only fill memory.
const READER_PAGES: i64 = 64;
/// Statements kept prepared per connection; the store has fewer.
const STATEMENTS: usize = 128;

/// Opens the connection that writes. The database is created, checked and migrated first.
pub(crate) fn writer(held: &lock::Held) -> Result<Connection, StoreError> {
    let version = rusqlite::version_number();
    if version < SQLITE_OLDEST {
        let reason = format!("this host was built with SQLite {}; 3.51.3 is needed", rusqlite::version());
        return Err(StoreError::Damaged { reason });
    }
    let path = held.database();
    create(held.folder(), &path)?;
    verify_log(&path)?;
    prepare_writer(&path).map_err(|fault| explain(&path, fault))
}

/// Opens a connection that can only read.
pub(crate) fn reader(held: &lock::Held) -> Result<Connection, StoreError> {
    let path = held.database();
    prepare_reader(&path).map_err(|fault| explain(&path, fault))
}

fn verify_log(path: &Path) -> Result<(), StoreError> {
    wal::verify(path)
        .map_err(|problem| StoreError::Damaged { reason: format!("{}: {problem}", path.display()) })
}

/// Reads a database that nobody has open, as it is.
pub(crate) fn unopened<T>(held: &lock::Held, read: fn(&Connection) -> Outcome<T>) -> Result<T, StoreError> {
    let path = held.database();
    verify_log(&path)?;
    let db = reader(held)?;
    migration::check(&db).and_then(|_| read(&db)).map_err(|fault| explain(&path, fault))
}

/// Makes a new database under another name and renames it, so that an empty or half-made file under the
/// real name is always damage and never a fresh start.
fn create(folder: &Path, path: &Path) -> Result<(), StoreError> {
    let io = |cause: &std::io::Error| StoreError::Damaged {
        reason: format!("create the database {}: {cause}", path.display()),
    };
    if path.try_exists().map_err(|cause| io(&cause))? {
        return Ok(());
    }
    if beside(path, "-wal").exists() {
        let reason =
            format!("{} is gone but its log is there: restore the file, or a backup of it", path.display());
        return Err(StoreError::Damaged { reason });
    }
    let new = beside(path, ".new");
    for leftover in [new.clone(), beside(&new, "-journal"), wal::mark_file(path)] {
        match std::fs::remove_file(leftover) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(io(&cause)),
            _ => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(|cause| io(&cause))?;
    fill(&new).map_err(|fault| explain(&new, fault))?;
    crate::kill::point!("store.before-first-rename");
    std::fs::rename(&new, path).map_err(|cause| io(&cause))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| io(&cause))
}

fn fill(path: &Path) -> Outcome<()> {
    let mut db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "synchronous", "EXTRA")?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    seal::register(&db)?;
    migration::migrate(&mut db)?;
    db.close().map_err(|(_, error)| Fault::from(error))
}

fn prepare_writer(path: &Path) -> Outcome<Connection> {
    let mut db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(BUSY)?;
    // What a start that fails leaves must be what it found; and the log is moved when its mark is cleared.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    keep_prepared(&db)?;
    seal::register(&db)?;
    check_whole(&db)?;
    configure(&db)?;
    migration::migrate(&mut db)?;
    Ok(db)
}

fn prepare_reader(path: &Path) -> Outcome<Connection> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(BUSY)?;
    keep_prepared(&db)?;
    seal::register(&db)?;
    set(&db, "mmap_size", 0)?;
    set(&db, "query_only", 1)?;
    set(&db, "cache_size", READER_PAGES)?;
    Ok(db)
}

/// Statements stay prepared, whatever is bound to them: beside a partial index `SQLite` would otherwise look at the
/// values, and prepare a statement again each time they are bound.
fn keep_prepared(db: &Connection) -> Outcome<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Ours, not newer, and every page readable, unless there are too many.
fn check_whole(db: &Connection) -> Outcome<()> {
    let id: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(Fault::Damaged("it is not a database of relhost, or it was emptied".into()));
    }
    migration::check(db)?;
    if !is_large(db)? {
        // A value that breaks a constraint is one damaged row, which its seal finds; the others are whole.
        db.pragma_update(None, "ignore_check_constraints", 1)?;
        verdict(db, "PRAGMA integrity_check(1)")?;
        db.pragma_update(None, "ignore_check_constraints", 0)?;
    }
    Ok(())
}

fn is_large(db: &Connection) -> Outcome<bool> {
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    Ok(pages > CHECKED_WHOLE)
}

/// Looks at every page of a large database, one table after the other, until it is to stop. A small one was looked
/// at when it was opened.
pub(crate) fn pages(db: &Connection, stop: impl Fn() -> bool) -> Outcome<()> {
    if !is_large(db)? {
        return Ok(());
    }
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    db.pragma_update(None, "ignore_check_constraints", 1)?;
    for table in tables {
        if stop() {
            break;
        }
        verdict(db, &format!("PRAGMA quick_check('{table}')"))?;
    }
    Ok(())
}

fn verdict(db: &Connection, check: &str) -> Outcome<()> {
    let verdict: String = db.query_row(check, [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Fault::Damaged(verdict)) }
}

/// Sets what durability rests on, and reads it back: a word that `SQLite` does not know is no error to it.
fn configure(db: &Connection) -> Outcome<()> {
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Damaged(format!("journal_mode is `{mode}` and not `wal`")));
    }
    set(db, "synchronous", 2)?;
    set(db, "foreign_keys", 1)?;
    // The writer moves the log itself.
    set(db, "wal_autocheckpoint", 0)?;
    // One field report blames memory-mapped reads for turning a race into structural damage.
    set(db, "mmap_size", 0)?;
    // What a refused change of a batch is undone with: by default a file of its own for every larger batch.
    set(db, "temp_store", 2)?;
    set(db, "trusted_schema", 0)?;
    set(db, "cell_size_check", 1)?;
    Ok(())
}

fn set(db: &Connection, pragma: &str, value: i64) -> Outcome<()> {
    db.pragma(None, pragma, value, |_| Ok(()))?;
    verify(db, pragma, value)
}

/// A pragma that reads back differently means a promise that cannot be kept: the host does not start.
pub(crate) fn verify(db: &Connection, pragma: &str, wanted: i64) -> Outcome<()> {
    let mut actual = None;
    db.pragma_query(None, pragma, |row| {
        actual = Some(row.get::<_, i64>(0)?);
        Ok(())
    })?;
    // Without memory mapping compiled in, `mmap_size` answers with no row at all.
    match actual.unwrap_or_default() == wanted {
        true => Ok(()),
        false => Err(Fault::Damaged(format!("{pragma} is {} and not {wanted}", actual.unwrap_or_default()))),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Names the file and what can be done.
fn explain(path: &Path, fault: Fault) -> StoreError {
    match fault {
        Fault::Refused(StoreError::Damaged { reason }) => {
            StoreError::Damaged { reason: format!("{}: {reason}", path.display()) }
        }
        Fault::Refused(other) => other,
        fault => {
            let cause = match fault.reading() {
                StoreError::Damaged { reason } => reason,
                other => other.to_string(),
            };
            let reason = format!(
                "{}: {cause}; nothing was changed: restore a backup, or move the file and its `-wal` aside to \
                 start with an empty state",
                path.display()
            );
            StoreError::Damaged { reason }
        }
    }
}

#[cfg(test)]
mod tests;
