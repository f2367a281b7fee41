//! Transactions whose statements stay prepared. What the library offers prepares `BEGIN` and `COMMIT` anew each time,
//! which costs a small read as much as what it reads.

use rusqlite::Connection;

/// Everything that is read while it lives is one and the same state.
pub(crate) struct Reading<'a>(&'a Connection);

impl<'a> Reading<'a> {
    pub(crate) fn begin(db: &'a Connection) -> rusqlite::Result<Self> {
        execute(db, "BEGIN").map(|()| Self(db))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // Nothing was written, so there is nothing to lose; and the next `BEGIN` fails if this did.
        let _ = execute(self.0, "ROLLBACK");
    }
}

/// Begins, ends or undoes a transaction or a part of it.
pub(crate) fn execute(db: &Connection, statement: &'static str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(|_| ())
}
