//! A release: its state is the fold of its events, and what it does next is decided here.
//!
//! ```text
//! stage:       NotStarted ─ condition holds ─► Queued ─ slot ─► Before ─ approved ─► Running ─ ok ─► After ─► Finished
//!                  │  ▲                          │              │ rejected             │ failed      │ rejected
//!                  │  └ redeploy, retry ─────────┴──────────────┴──────────────────────┴─────────────┘
//!                  └ an earlier stage did not succeed ─► Skipped
//! ```
//!
//! `Before` and `After` are left out where nobody is asked. The environment is held from the slot to the
//! end, through both approvals. Cancel and supersede end an attempt wherever it is.

mod decide;
mod state;
mod summary;

pub(crate) use decide::approval as approval_of;
pub use decide::{Decision, Input, PlanRequest, Refusal, Source, decide};
pub use state::{Deployment, FoldError, Phase, ReleaseState};
