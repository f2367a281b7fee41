//! A seal on every row: the beginning of the SHA-256 of its columns, stored beside them. A bit that flipped
//! on the disk, or a hand that changed a row, is found out by whoever reads it; without the seal, a body that
//! is still valid JSON would be believed.
//!
//! A frame's body is not sealed again, so that the seal of a frame is one hash of a hundred bytes: its hash
//! covers the body, and the seal covers the hash. A blob is found by the digest of its bytes.
//! Numbers that `SQLite` gives out by itself (of log lines, commands, places in a queue) are not covered,
//! because the row is sealed before they are known; `quick_check` finds one that is out of order.
//!
//! A row that does not fit its seal is never sealed again, so that damage is not made true by the next change.

use relhost_model::digest::Digest;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::fault::{Fault, Outcome};

/// A sealed table: what people call its rows, its key, and the seal that its columns must have.
pub(crate) struct Sealed {
    pub table: &'static str,
    /// An expression that names a row.
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

pub(crate) const SEQUENCE: Sealed =
    Sealed { table: "sequence", name: "'the counter of ' || name || ' ids'", columns: &["name", "high"] };
pub(crate) const RELEASE: Sealed = Sealed {
    table: "release",
    name: "'rel-' || id",
    columns: &[
        "id",
        "name",
        "pipeline",
        "counter",
        "mode",
        "key",
        "version",
        "created_at",
        "events",
        "status",
        "summary",
    ],
};
pub(crate) const SNAPSHOT: Sealed =
    Sealed { table: "snapshot", name: "'the frozen part of rel-' || release", columns: &["release", "body"] };
pub(crate) const EVENT: Sealed = Sealed {
    table: "event",
    name: "'event ' || seq || ' of rel-' || release",
    columns: &["release", "seq", "at", "body"],
};
pub(crate) const QUEUE: Sealed = Sealed {
    table: "queue",
    name: "'the place of dep-' || deployment || ' in the queue of ' || environment",
    columns: &["environment", "mode", "release", "deployment", "active"],
};
pub(crate) const RUN: Sealed = Sealed {
    table: "run",
    name: "'run-' || id",
    columns: &[
        "id",
        "uuid",
        "release",
        "deployment",
        "component",
        "created_at",
        "state",
        "due_at",
        "crashes",
        "crashed_after",
        "cancel",
        "problem",
    ],
};
pub(crate) const FRAME: Sealed = Sealed {
    table: "frame",
    name: "'frame ' || position || ' of run-' || run",
    columns: &["run", "position", "epoch", "at", "hash"],
};
pub(crate) const LOG: Sealed = Sealed {
    table: "log",
    name: "'log line ' || id || ' of rel-' || release",
    columns: &["release", "at", "run", "position", "ordinal", "n", "line"],
};
pub(crate) const APPROVAL: Sealed = Sealed {
    table: "approval",
    name: "'apr-' || id",
    columns: &["id", "release", "version", "due_at", "recheck_at", "waiting_for", "decision", "body"],
};
pub(crate) const VOTE: Sealed = Sealed {
    table: "vote",
    name: "'vote ' || n || ' of apr-' || approval",
    columns: &["approval", "n", "voter", "body"],
};
pub(crate) const COMMAND: Sealed = Sealed {
    table: "command",
    name: "'command ' || id || ' of rel-' || release",
    columns: &["key", "release", "attempts", "due_at", "given_up", "error", "body"],
};
pub(crate) const APPLIED: Sealed = Sealed {
    table: "applied",
    name: "'what is applied in ' || environment || ': ' || kind || ' ' || name",
    columns: &["environment", "mode", "api_group", "kind", "name", "release", "body"],
};

/// Every sealed table.
pub(crate) const ALL: [&Sealed; 12] = [
    &SEQUENCE, &RELEASE, &SNAPSHOT, &EVENT, &QUEUE, &RUN, &FRAME, &LOG, &APPROVAL, &VOTE, &COMMAND, &APPLIED,
];

impl Sealed {
    /// The seal that a row's columns must have.
    pub fn seal(&self) -> String {
        format!("seal('{}', {})", self.table, self.columns.join(", "))
    }

    /// Whether a row fits its seal, as a column to select.
    pub fn fits(&self) -> String {
        format!("(seal = {})", self.seal())
    }

    /// The values of an `INSERT` that gives every column, in order, as ?1, ?2, and so on, and its seal.
    pub fn insert(&self, verb: &str) -> String {
        let values: Vec<String> = (1..=self.columns.len()).map(|n| format!("?{n}")).collect();
        let (columns, values, table) = (self.columns.join(", "), values.join(", "), self.table);
        format!("{verb} INTO {table} ({columns}, seal) VALUES ({values}, seal('{table}', {values}))")
    }

    /// Whether there is a row under a key; refused if it does not fit its seal. Ask before changing it.
    pub fn verify(&self, db: &Connection, key: &str, value: impl Params) -> Outcome<bool> {
        let (name, fits, table) = (self.name, self.fits(), self.table);
        let sql = format!("SELECT {fits}, {name} FROM {table} WHERE {key} = ?1");
        let found: Option<(bool, String)> =
            db.prepare_cached(&sql)?.query_row(value, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((false, name)) => Err(broken(name)),
            found => Ok(found.is_some()),
        }
    }

    /// Seals a row that was verified before it was changed.
    pub fn reseal(&self, db: &Connection, key: &str, value: impl Params) -> Outcome<()> {
        let sql = format!("UPDATE {} SET seal = {} WHERE {key} = ?1", self.table, self.seal());
        db.prepare_cached(&sql)?.execute(value)?;
        Ok(())
    }
}

/// Refuses a row whose column says that it does not fit its seal.
pub(crate) fn check(row: &Row<'_>, column: usize, what: impl std::fmt::Display) -> Outcome<()> {
    if row.get(column)? { Ok(()) } else { Err(broken(what)) }
}

/// The damage of a row that does not fit its seal.
pub(crate) fn broken(what: impl std::fmt::Display) -> Fault {
    Fault::Damaged(problem(what))
}

/// What people are told about it.
pub(crate) fn problem(what: impl std::fmt::Display) -> String {
    format!(
        "{what}: its columns do not fit its seal: the disk gave back other bytes, or somebody changed them"
    )
}

/// Gives a connection the function `seal(table, column, ...)`.
pub(crate) fn register(db: &Connection) -> Outcome<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function("seal", -1, flags, |context| {
        Ok(seal((0..context.len()).map(|index| context.get_raw(index))))
    })?;
    Ok(())
}

/// A seal: each value with its type and its length, so that no two lists of values agree.
fn seal<'a>(values: impl Iterator<Item = ValueRef<'a>>) -> i64 {
    let mut bytes = Vec::with_capacity(256);
    let mut add = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend((value.len() as u64).to_be_bytes());
        bytes.extend(value);
    };
    for value in values {
        match value {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_be_bytes()),
            ValueRef::Real(number) => add(2, &number.to_be_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(blob) => add(4, blob),
        }
    }
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(&bytes).0;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
