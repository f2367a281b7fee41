//! Whether frames are a journal, and what an operator may add to one.

use relhost_model::actor::Actor;
use relhost_model::call::Answer;
use relhost_model::digest::Digest;
use relhost_model::release::RunEnd;
use relhost_model::time::Timestamp;

use super::damage::ReplayError;
use super::program::Program;
use crate::journal::{Frame, Record, chain, encode};
use crate::port::store::AppendFrame;

/// An outcome cannot be attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Attested {
    /// The journal is damaged.
    #[error(transparent)]
    Damaged(#[from] ReplayError),
    /// The call has an outcome, or waits for people, or was never made.
    #[error("attest call {ordinal}: it is not in doubt")]
    NotInDoubt {
        /// Which.
        ordinal: u32,
    },
    /// The outcome is not one of this call.
    #[error("attest call {ordinal}: `{operation}` is not answered like this")]
    WrongKind {
        /// Which.
        ordinal: u32,
        /// Its operation.
        operation: String,
    },
}

/// Checks frames: dense positions from 0, an unbroken hash chain, no frame of an owner that had lost the
/// run, and records in an order that a run can produce.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(frames: &[Frame]) -> Result<(), ReplayError> {
    check_order(frames)?;
    let mut previous: Option<Digest> = None;
    for frame in frames {
        if frame.hash != chain(previous, &encode(&frame.records)) {
            return Err(ReplayError::Hash { position: frame.position });
        }
        previous = Some(frame.hash);
    }
    Program::read(frames.to_vec()).map(|_| ())
}

/// Checks that frames follow each other. Whoever reads them has checked their hashes, over the very bytes that were
/// stored.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check_order(frames: &[Frame]) -> Result<(), ReplayError> {
    let mut epoch = 0;
    for (expected, frame) in (0_u64..).zip(frames) {
        if frame.position != expected {
            return Err(ReplayError::Position { expected, found: frame.position });
        }
        if frame.records.iter().any(|record| matches!(record, Record::Claim { .. })) {
            epoch = frame.position;
        }
        if frame.epoch != epoch {
            return Err(ReplayError::Epoch { position: frame.position });
        }
    }
    if frames.is_empty() { Err(ReplayError::Empty) } else { Ok(()) }
}

/// The frame by which a person fills in the outcome of a call that is in doubt.
///
/// # Errors
/// If the call is not in doubt, or is not answered like this.
pub fn attest(
    frames: Vec<Frame>,
    (ordinal, answer): (u32, Answer),
    (by, reason): (Actor, String),
    at: Timestamp,
) -> Result<AppendFrame, Attested> {
    verify(&frames)?;
    let base = tail(&frames)?;
    let program = Program::read(frames)?;
    let step = usize::try_from(ordinal).ok().and_then(|index| program.steps.get(index));
    let step = step.filter(|step| step.answer.is_none() && step.wait.is_none());
    let step = step.ok_or(Attested::NotInDoubt { ordinal })?;
    if !answers(&step.operation, &answer) {
        return Err(Attested::WrongKind { ordinal, operation: step.operation.clone() });
    }
    let attested = Some((by, reason));
    let record = Record::Outcome { at, ordinal, answer: Box::new(answer), attested };
    Ok(AppendFrame { records: vec![record], at, ..base })
}

/// Whether an operation can be answered like this.
fn answers(operation: &str, answer: &Answer) -> bool {
    match answer {
        Answer::Refused(_) => true,
        Answer::Deployed(_) => operation.ends_with("#deploy"),
        Answer::Rollout(_) => operation.ends_with("#wait"),
        Answer::Secret(_) => operation.starts_with("relhost:secrets/"),
        Answer::Decision(_) => operation.starts_with("relhost:approval/"),
        Answer::Message(_) => operation.starts_with("relhost:notify/"),
    }
}

/// The frame by which a person ends a run without running its code.
///
/// # Errors
/// If the journal is damaged or has ended.
pub fn abort(frames: &[Frame], end: RunEnd, at: Timestamp) -> Result<AppendFrame, ReplayError> {
    verify(frames)?;
    let base = tail(frames)?;
    if Program::read(frames.to_vec())?.end.is_some() {
        return Err(ReplayError::AfterEnd);
    }
    Ok(AppendFrame { records: vec![Record::Complete { at, end: Box::new(end) }], at, ..base })
}

fn tail(frames: &[Frame]) -> Result<AppendFrame, ReplayError> {
    let last = frames.last().ok_or(ReplayError::Empty)?;
    Ok(AppendFrame {
        run: last.run,
        position: last.position + 1,
        epoch: last.epoch,
        records: Vec::new(),
        previous: Some(last.hash),
        at: last.at,
        logs: Vec::new(),
    })
}
