//! The schema, step by step. `user_version` counts the steps that a database has seen.

use relhost_engine::port::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::fault::{Fault, Outcome};

/// Every step in order. A released step is never changed; a new one is added.
const STEPS: &[&str] = &[
    include_str!("migration/0001_first.sql"),
    include_str!("migration/0002_seal.sql"),
    include_str!("migration/0003_quarantined.sql"),
];

/// The schema version of this host.
pub(crate) fn newest() -> u32 {
    u32::try_from(STEPS.len()).expect("there are fewer than four billion migrations")
}

/// Refuses a database that a newer host has migrated.
pub(crate) fn check(db: &Connection) -> Outcome<u32> {
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > newest() {
        return Err(Fault::Refused(StoreError::Damaged {
            reason: format!(
                "it has schema {version} and this host knows {}: start the host that wrote it, or a newer one",
                newest()
            ),
        }));
    }
    Ok(version)
}

/// Takes the steps that are missing, on a connection that knows how to seal a row. Each is one transaction
/// together with its `user_version`, so a host that dies in between goes on where it stopped.
pub(crate) fn migrate(db: &mut Connection) -> Outcome<()> {
    let version = check(db)?;
    for (index, step) in (1u32..).zip(STEPS).skip(version as usize) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index)?;
        crate::kill::point!("store.before-migration-commit");
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
