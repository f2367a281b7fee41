//! The power `await-approval`: asks people from inside a stage's code. The wait may take a year; the run
//! uses no memory meanwhile, and the host may be restarted.
//!
//! ```
//! use relhost_sdk::mock::{self, MockHost};
//! use relhost_sdk::prelude::*;
//!
//! fn ask(ctx: &Context) -> Result<Outcome, Failure> {
//!     let approved = ctx
//!         .approval("Does the new version answer?")
//!         .approver("group:qa-leads")
//!         .policy("quorum")
//!         .policy_settings(json!({ "count": 2 }))?
//!         .timeout(Duration::from_secs(7 * 86_400))
//!         .ask()?
//!         .require()?;
//!     Ok(Outcome::succeeded(format!("approved by {}", approved.voters())))
//! }
//!
//! struct Confirm;
//!
//! #[relhost_sdk::stage]
//! impl Stage for Confirm {
//!     type Settings = NoSettings;
//!
//!     fn run(&self, ctx: &Context, _: NoSettings) -> Result<Outcome, Failure> {
//!         ask(ctx)
//!     }
//! }
//!
//! // A rejection is an outcome of the stage, not a failure.
//! let host = MockHost::new().await_approval(mock::decision().reject("ann", "it does not"));
//! let outcome = host.run(&Confirm, json!({})).expect("no failure");
//! assert_eq!(outcome.status(), Status::Rejected);
//! ```

use std::time::Duration;

use serde::Serialize;

use crate::host::record::ApprovalCall;
use crate::host::{self, Active, Host};
use crate::outcome::{Failure, Outcome};

pub use crate::host::record::{Decision, Resolution, Vote};

/// A question that is being put together; from [`Context::approval`](crate::context::Context::approval).
#[must_use = "people are asked by `ask`"]
pub struct Approval<'a> {
    host: &'a Active,
    call: ApprovalCall,
}

impl<'a> Approval<'a> {
    pub(crate) fn new(host: &'a Active, instructions: String) -> Self {
        Self { host, call: ApprovalCall { instructions, ..ApprovalCall::default() } }
    }

    /// Adds a person (`ann`) or a group (`group:qa-leads`). At least one is needed.
    pub fn approver(mut self, who: impl Into<String>) -> Self {
        self.call.approvers.push(who.into());
        self
    }

    /// Adds several people and groups.
    pub fn approvers<W: Into<String>>(mut self, who: impl IntoIterator<Item = W>) -> Self {
        self.call.approvers.extend(who.into_iter().map(Into::into));
        self
    }

    /// The policy that decides: a plugin name of the pipeline. Without it the host takes `any-one`.
    pub fn policy(mut self, name: impl Into<String>) -> Self {
        self.call.policy = Some(name.into());
        self
    }

    /// The policy's settings: `json!({ "count": 2 })` or anything else that can be written as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn policy_settings(mut self, settings: impl Serialize) -> Result<Self, Failure> {
        self.call.policy_settings = Some(serde_json::to_string(&settings)?);
        Ok(self)
    }

    /// Closes the approval as expired after this time, rounded up to whole seconds. Without it 30 days; at
    /// most 365 days.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout_seconds = Some(host::seconds(timeout));
        self
    }

    /// Opens the approval and waits for its end.
    ///
    /// # Errors
    /// If the host refuses the question: nobody is asked, the policy is not known, the power is not granted.
    /// However people decide, it is not an error.
    pub fn ask(self) -> Result<Decision, Failure> {
        self.host.await_approval(&self.call)
    }
}

impl Decision {
    /// Whether it was approved.
    #[must_use]
    pub fn approved(&self) -> bool {
        self.resolution == Resolution::Approved
    }

    /// Who approved, as `ann, bob`.
    #[must_use]
    pub fn voters(&self) -> String {
        let approved = self.votes.iter().filter(|vote| vote.approve);
        approved.map(|vote| vote.voter.id.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Goes on only if it was approved; otherwise `?` ends the stage with the right outcome.
    ///
    /// # Errors
    /// [`NotApproved`], from which `?` makes an [`Outcome`] on its way up, not a failure.
    pub fn require(self) -> Result<Self, NotApproved> {
        if self.approved() { Ok(self) } else { Err(NotApproved(self)) }
    }
}

/// A decision that was not an approval, on its way out of the stage. To do something else first, take it
/// apart with `match` instead of `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotApproved(pub Decision);

impl NotApproved {
    /// How the stage ends: rejected or expired.
    ///
    /// # Errors
    /// If the approval was canceled or superseded: then somebody ended the run, and there is no outcome.
    pub fn into_outcome(self) -> Result<Outcome, Failure> {
        let Decision { resolution, reason, .. } = self.0;
        match resolution {
            Resolution::Expired => Ok(Outcome::expired(reason)),
            Resolution::Rejected | Resolution::Approved => Ok(Outcome::rejected(reason)),
            Resolution::Canceled => Err(Failure::new("canceled", reason)),
            Resolution::Superseded => Err(Failure::new("superseded", reason)),
        }
    }
}

impl From<NotApproved> for Failure {
    fn from(end: NotApproved) -> Self {
        match end.into_outcome() {
            Ok(outcome) => Self::ended(outcome),
            Err(failure) => failure,
        }
    }
}
