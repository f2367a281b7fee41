//! Decisions: what a release, a run and an approval do next, as pure functions from state and event to
//! new events and commands. No clock, no I/O, no randomness, no async runtime.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod journal;

pub mod event;

pub mod port;

pub mod asking;
pub mod replay;

pub mod release;

pub mod approval;

pub mod plan;
