//! The store port on `SQLite`: the journal of every run, the events of every release, and what is read
//! from them. The only crate with SQL in it.
//!
//! ```text
//! StateFolder::acquire ── Held ── SqliteStore::open ──┬── SqliteStore   (clone it; reads and requests)
//!                                                     └── Writer::run   (blocking; one named thread)
//! ```
//!
//! Every write goes through the one [`Writer`], which puts whatever is queued into one transaction and
//! answers after `COMMIT` has returned. Reads run on read-only connections, on the caller's thread.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

#[cfg(test)]
#[path = "../tests/conformance/sample.rs"]
#[allow(dead_code, reason = "the cases of the port use the rest of it")]
mod sample;

mod fault;
pub mod kill;
pub mod lock;

mod migration;
mod table;
mod wal;

mod apply;
mod check;
mod open;
mod sequence;
mod transaction;

mod read;
mod writer;

mod sqlite;

pub use lock::{Held, Owner, StateFolder};
pub use sqlite::SqliteStore;
pub use writer::Writer;
