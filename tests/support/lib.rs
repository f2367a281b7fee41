//! What the suites share: the real binary in a folder of its own, the control plane, the mail server, and
//! waiting for conditions.

pub mod wait;
pub mod workspace;

pub mod cluster;
pub mod program;
pub mod python;

pub mod manifest;

pub mod account;
pub mod audit;
pub mod mailbox;
pub mod smtp;

pub mod shop;
