//! Approvals: the floor that no policy can lower, and what the votes come to.
//!
//! The floor: the voter is known and asked; the requester does not count unless that is allowed; a vote is
//! bound to the content and the attempt that the voter saw; one rejection closes; at the end of its time
//! it is over. A policy may ask for more, never for less.

mod refused;

mod content;

mod floor;

mod judge;

mod call;

pub use call::{POLICY_DEFAULT, from_call};
pub use content::{current_content, policy_digest};
pub use floor::{Candidate, admit, reassign, still_asked};
pub use judge::{Judged, decide, inputs, judge};
pub use refused::{Refused, RefusedKind};
