//! Decisions: what a release, a run and an approval do next, as pure functions from state and event to
//! new events and commands. No clock, no I/O, no randomness, no async runtime.
//!
//! A module imports only modules declared above it.

pub mod event;
pub mod journal;
pub mod port;
