//! A journal as the list of its calls.

use std::collections::VecDeque;

use relhost_model::call::{Answer, HostCall};
use relhost_model::digest::Digest;
use relhost_model::id::ApprovalId;
use relhost_model::release::{RunEnd, RunStart};
use relhost_model::time::Timestamp;

use super::damage::ReplayError;
use crate::journal::{Frame, Record};

/// The calls of a run, in program order.
#[derive(Debug, Clone)]
pub struct Program {
    /// What it started from.
    pub start: RunStart,
    /// When.
    pub started_at: Timestamp,
    /// The calls.
    pub steps: Vec<Step>,
    /// How it ended.
    pub end: Option<RunEnd>,
}

/// One recorded call.
#[derive(Debug, Clone)]
pub struct Step {
    /// When it was about to be made.
    pub at: Timestamp,
    /// `package/interface@major#function`.
    pub operation: String,
    /// What is compared.
    pub fingerprint: Digest,
    /// The call.
    pub call: HostCall,
    /// The wait it opened, if it is one.
    pub wait: Option<Wait>,
    /// The answer, and when it was given; `None` is in doubt, or still waiting.
    pub answer: Option<(Answer, Timestamp)>,
}

/// A wait for people.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// What it waits for.
    pub approval: ApprovalId,
}

impl Program {
    /// Reads the calls out of a journal.
    ///
    /// # Errors
    /// If the records do not make sense in their order.
    pub fn read(frames: Vec<Frame>) -> Result<Self, ReplayError> {
        let mut records: VecDeque<Record> = frames.into_iter().flat_map(|frame| frame.records).collect();
        let Some(Record::Start { at, start }) = records.pop_front() else { return Err(ReplayError::NoStart) };
        let mut program = Self { start: *start, started_at: at, steps: Vec::new(), end: None };
        for record in records {
            program.take(record)?;
        }
        Ok(program)
    }

    fn take(&mut self, record: Record) -> Result<(), ReplayError> {
        if self.end.is_some() && !matches!(record, Record::Claim { .. }) {
            return Err(ReplayError::AfterEnd);
        }
        match record {
            Record::Start { .. } => return Err(ReplayError::SecondStart),
            Record::Claim { .. } => {}
            Record::Intent { at, ordinal, operation, fingerprint, call } => {
                self.push(
                    ordinal,
                    Step { at, operation, fingerprint, call: *call, wait: None, answer: None },
                )?;
            }
            Record::WaitOpen { at, ordinal, operation, fingerprint, call, approval } => {
                let wait = Some(Wait { approval });
                self.push(ordinal, Step { at, operation, fingerprint, call: *call, wait, answer: None })?;
            }
            Record::Outcome { at, ordinal, answer, .. } => self.answer(ordinal, *answer, at)?,
            Record::WaitDone { at, ordinal, decision } => {
                self.answer(ordinal, Answer::Decision(*decision), at)?
            }
            Record::CancelSeen { ordinal, .. } => {
                self.step(ordinal)?;
            }
            Record::Complete { end, .. } => self.end = Some(*end),
        }
        Ok(())
    }

    fn push(&mut self, ordinal: u32, step: Step) -> Result<(), ReplayError> {
        if usize::try_from(ordinal) != Ok(self.steps.len()) {
            return Err(ReplayError::Ordinal { expected: self.steps.len(), found: ordinal });
        }
        if self.steps.last().is_some_and(|last| last.answer.is_none()) {
            return Err(ReplayError::NoOutcome { ordinal: ordinal.saturating_sub(1) });
        }
        self.steps.push(step);
        Ok(())
    }

    fn answer(&mut self, ordinal: u32, answer: Answer, at: Timestamp) -> Result<(), ReplayError> {
        let step = self.step(ordinal)?;
        if step.answer.is_some() {
            return Err(ReplayError::SecondOutcome { ordinal });
        }
        step.answer = Some((answer, at));
        Ok(())
    }

    fn step(&mut self, ordinal: u32) -> Result<&mut Step, ReplayError> {
        let index = usize::try_from(ordinal).unwrap_or(usize::MAX);
        self.steps.get_mut(index).ok_or(ReplayError::NoIntent { ordinal })
    }
}
