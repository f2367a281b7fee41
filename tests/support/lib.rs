//! What the suites share: the real binary in a folder of its own, the control plane, the mail server, and
//! waiting for conditions.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod wait;
pub mod workspace;

pub mod canary;

pub mod keys;

pub mod hostile;
pub mod program;
pub mod pulse;
pub mod python;

pub mod evidence;

pub mod invariants;

pub mod journey;

pub mod cluster;
pub mod line;
pub mod manifest;
pub mod page;

pub mod account;
pub mod audit;
pub mod journal;
pub mod mailbox;
pub mod smtp;
pub mod wire;

pub mod shop;

pub mod terminal;
