//! The contract of `relhost_engine::port::store`, as cases against the port alone. A second implementation
//! adds a file like `sqlite.rs` and nothing else.

#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

mod backend;
mod sample;

mod approvals;
mod frames;
mod outbox;
mod releases;
mod runs;

mod sqlite;
