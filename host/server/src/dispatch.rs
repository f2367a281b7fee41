//! Carries out what the engine decides. `advance` loads, decides and commits; `session` answers a running
//! component; `runner` drives one run; `cycle` is the loop that wakes for whatever is due.

pub mod advance;
pub mod cycle;
pub mod effect;
pub mod facts;
pub mod look_back;
pub mod outbox;
pub mod plugin;
pub mod queue;
pub mod runner;
pub mod session;
pub mod set_aside;
pub mod source;
pub mod verdict;
