//! The words of the domain: ids, artifacts, pipelines, approvals, host calls. Plain data that every
//! other crate shares. No async, no I/O, no clock.
//!
//! A module imports only modules declared above it.

pub mod actor;
pub mod approval;
pub mod artifact;
pub mod call;
pub mod config;
pub mod digest;
pub mod id;
pub mod pipeline;
pub mod release;
pub mod secret;
pub mod time;
