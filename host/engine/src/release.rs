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

mod state;
mod summary;

mod input;

mod draft;

mod ending;

mod verb;

mod decide;

pub use decide::decide;
pub(crate) use draft::approval as approval_of;
pub use input::{Decision, Input, PlanRequest, Refusal, Source};
pub use state::{Deployment, FoldError, Phase, ReleaseState};
