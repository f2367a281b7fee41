//! Releases on a real control plane. What happened is read from the control plane: its objects by its own
//! kubectl, its requests from its audit log.

mod cleaning;
mod failing;
mod owning;
mod refusing;
mod seed;
