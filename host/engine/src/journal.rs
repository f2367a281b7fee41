//! A run's journal: records in frames. A frame is what was committed together, one row, and its position
//! is the fence: an owner that was replaced collides with the key on its next append.

use relhost_model::actor::Actor;
use relhost_model::approval::Decision;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::digest::{Digest, canonical};
use relhost_model::id::{ApprovalId, RunId};
use relhost_model::release::{RunEnd, RunStart};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The first byte of a frame's body. Readers know this format and, later, the two before it.
pub const FORMAT: u8 = 1;

/// One fact of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// The run was created. Always the first record, alone at position 0.
    Start {
        /// When.
        at: Timestamp,
        /// What it starts from.
        start: Box<RunStart>,
    },
    /// An owner took the run. Every older owner's next append is refused from here on.
    Claim {
        /// When.
        at: Timestamp,
        /// Which owner: process and incarnation.
        owner: String,
        /// The host's version.
        version: String,
    },
    /// A call is about to be made. Nothing leaves the host before this is durable.
    Intent {
        /// When.
        at: Timestamp,
        /// The call's index in program order, from 0.
        ordinal: u32,
        /// `package/interface@major#function`.
        operation: String,
        /// What is compared on replay.
        fingerprint: Digest,
        /// The call itself.
        call: Box<HostCall>,
    },
    /// A call was answered.
    Outcome {
        /// When.
        at: Timestamp,
        /// The call.
        ordinal: u32,
        /// The answer.
        answer: Box<Answer>,
        /// Set if a person filled it in: who and why.
        attested: Option<(Actor, String)>,
    },
    /// A call waits for people.
    WaitOpen {
        /// When.
        at: Timestamp,
        /// The call.
        ordinal: u32,
        /// `package/interface@major#function`.
        operation: String,
        /// What is compared on replay.
        fingerprint: Digest,
        /// The call itself.
        call: Box<HostCall>,
        /// The approval that was opened.
        approval: ApprovalId,
    },
    /// The wait is over and its owner has seen it.
    WaitDone {
        /// When.
        at: Timestamp,
        /// The call.
        ordinal: u32,
        /// How it ended.
        decision: Box<Decision>,
    },
    /// The run was told that it is canceled; told once.
    CancelSeen {
        /// When.
        at: Timestamp,
        /// The call that was answered with it.
        ordinal: u32,
    },
    /// The run is over. Always the last record.
    Complete {
        /// When.
        at: Timestamp,
        /// How it ended.
        end: Box<RunEnd>,
    },
}

/// Records that were committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The run.
    pub run: RunId,
    /// Dense position, from 0.
    pub position: u64,
    /// The position of the claim under which it was written; 0 for the first frame.
    pub epoch: u64,
    /// The records.
    pub records: Vec<Record>,
    /// SHA-256 over the previous frame's hash and this body.
    pub hash: Digest,
    /// When it was committed, by the host's clock.
    pub at: Timestamp,
    /// Log lines that belong to it: the ordinal they came after, and their index under it.
    pub logs: Vec<(u32, u32, LogLine)>,
}

/// A frame's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer host.
    #[error("read a journal frame of format {0}; this host knows format {FORMAT}")]
    Format(u8),
    /// No bytes at all.
    #[error("read an empty journal frame")]
    Empty,
    /// Not what the format says.
    #[error("read a journal frame")]
    Body(#[source] serde_json::Error),
}

/// The bytes of a frame's body: the format, then the records as canonical JSON.
#[must_use]
pub fn encode(records: &[Record]) -> Vec<u8> {
    let mut body = vec![FORMAT];
    body.extend(canonical(records));
    body
}

/// Reads a frame's body.
///
/// # Errors
/// If the format is unknown or the bytes are not of it.
pub fn decode(body: &[u8]) -> Result<Vec<Record>, DecodeError> {
    match body.split_first() {
        None => Err(DecodeError::Empty),
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(DecodeError::Body),
        Some((&other, _)) => Err(DecodeError::Format(other)),
    }
}

/// The rolling hash of a frame: over the hash of the one before it (zeros for the first) and its body.
#[must_use]
pub fn chain(previous: Option<Digest>, body: &[u8]) -> Digest {
    let previous = previous.map_or([0; 32], |digest| digest.0);
    Digest::of_parts([previous.as_slice(), body])
}
