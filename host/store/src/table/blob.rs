//! Bytes by digest.

use relhost_model::digest::Digest;
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Outcome;

/// Stores bytes; ignored if they are there.
pub(crate) fn put(db: &Connection, bytes: &[u8]) -> Outcome<()> {
    db.prepare_cached("INSERT INTO blob (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")?
        .execute((Digest::of(bytes).0.as_slice(), bytes))?;
    Ok(())
}

/// The bytes as they are stored. The caller compares the digest, outside the transaction.
pub(crate) fn read(db: &Connection, digest: Digest) -> Outcome<Option<Vec<u8>>> {
    Ok(db
        .prepare_cached("SELECT bytes FROM blob WHERE digest = ?1")?
        .query_row([digest.0.as_slice()], |row| row.get(0))
        .optional()?)
}
