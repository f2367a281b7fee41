//! What the suites share: the real binary in a folder of its own, the control plane, the mail server, and
//! waiting for conditions.

pub mod wait;
pub mod workspace;

pub mod program;
