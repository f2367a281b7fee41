//! Mail, artifacts and secrets: how the host talks to mail servers, takes in what a build made, and reads
//! what it must not show. Owns lettre, tar and zip.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod printable;

pub mod redact;

pub mod secrets;

pub mod artifact;

pub mod mail;
