//! The cluster: manifests, images, namespaces, apply, readiness and diagnosis, and the rehearsal cluster
//! behind the same port.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod object;

pub mod image;
pub mod manifest;

pub mod inject;
pub mod policy;

pub mod client;

pub mod status;

pub mod diagnose;

pub mod wait;

pub mod apply;

pub mod connect;
pub mod rehearsal;

pub use connect::KubeCluster;
pub use rehearsal::RehearsalCluster;
