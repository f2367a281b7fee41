//! The store on a disk that loses what was not synced, fails, or gives back other bytes than it got.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the numbers are a result")]

mod disk;
#[path = "../conformance/sample.rs"]
#[allow(dead_code, reason = "the cases of the port use the rest of it")]
mod sample;
mod vfs;
mod work;

mod fault;
mod flip;
mod power_cut;
mod row;
