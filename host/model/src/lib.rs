//! The words of the domain: ids, artifacts, pipelines, approvals, host calls. Plain data that every
//! other crate shares, and the readers of the files a user writes. No async, no I/O, no clock.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod digest;
pub mod id;
pub mod time;
pub mod yaml;

pub mod actor;
pub mod artifact;
pub mod secret;

pub mod approval;

pub mod call;
pub mod pipeline;

pub mod config;
pub mod release;

pub mod variable;

pub mod release_name;

pub mod definition;

pub mod build_file;
pub mod config_file;
pub mod plugin_set;

pub mod schema;
