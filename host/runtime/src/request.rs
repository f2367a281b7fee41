//! What a guest builds up before it makes a call, and the handle of its context: the host's side of the
//! contract's resources.

/// The run context. It has no content: its getters answer from the activation.
#[derive(Debug, Clone, Copy)]
pub struct ContextHandle;

/// The handle's number. There is one context per activation, and nobody can make another.
pub const CONTEXT_REP: u32 = 0;

/// Arguments of `await-approval` as the guest gave them, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalDraft {
    /// What to check.
    pub instructions: String,
    /// A policy's name.
    pub policy: Option<String>,
    /// JSON.
    pub policy_settings: Option<String>,
    /// `ann`, `group:qa-leads`.
    pub approvers: Vec<String>,
    /// How long it waits.
    pub timeout_seconds: Option<u64>,
}
