//! One run's journal: replayed first, then extended.
//!
//! A run is executed again from its start after every wait and every restart. Its calls are answered from
//! the journal in the order they were made, and compared with what was recorded; when the records run out
//! it is live. A call that differs from its record stops the run: it never continues wrongly.
//!
//! ```text
//! begin(call) ── recorded with outcome ─────────► Replayed(answer)
//!             ├─ recorded, other call ───────────► Mismatch
//!             ├─ intent without outcome ─────────► Perform { in_doubt }    same key, no new frame
//!             ├─ wait that is open ──────────────► Waiting
//!             └─ nothing recorded ── effect ─────► Perform { frame }       commit it first
//!                                 └─ internal ───► Internal                commit through `internal`/`open_wait`
//! ```
//!
//! The outcome of call n stays pending and rides with the intent of call n + 1, so that a step costs one
//! commit. Nothing can leave the sandbox between the two.

mod damage;
mod mismatch;
mod program;
mod verify;

pub use damage::ReplayError;
pub use mismatch::{FieldDiff, Mismatch};
pub use program::{Program, Step, Wait};
pub use verify::{Attested, abort, attest, verify};

use relhost_model::approval::Decision;
use relhost_model::call::{Answer, CallError, Deployed, EffectClass, HostCall, LogLine, effect_key};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, RunId};
use relhost_model::release::{RunEnd, RunStart};
use relhost_model::time::Timestamp;
use sha2::Digest as _;

use crate::journal::{Frame, Record, chain, encode};
use crate::port::store::AppendFrame;
#[cfg(doc)]
use crate::port::store::{Read, Store};

/// How many records a journal may have. Replaying ten thousand takes 5 ms in the sandbox; more is a loop
/// that should be a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimit(pub u32);

impl Default for JournalLimit {
    fn default() -> Self {
        Self(10_000)
    }
}

/// The only branch there is until a run can be forked.
const BRANCH: u32 = 0;

/// What to do about a call.
#[derive(Debug, Clone)]
pub enum Begin {
    /// It was answered before.
    Replayed(Answer),
    /// Make it for real, then [`RunJournal::finish`].
    Perform {
        /// Its index.
        ordinal: u32,
        /// The effect's key.
        key: Digest,
        /// Must be durable first; `None` if the intent already is.
        frame: Option<Box<AppendFrame>>,
        /// An earlier owner may have made it.
        in_doubt: bool,
        /// The call.
        call: HostCall,
    },
    /// It lies in the database only: commit through [`RunJournal::internal`] or [`RunJournal::open_wait`].
    Internal {
        /// Its index.
        ordinal: u32,
        /// The effect's key.
        key: Digest,
        /// The call.
        call: HostCall,
    },
    /// It waits for people, and the wait is recorded.
    Waiting {
        /// Its index.
        ordinal: u32,
        /// What it waits for.
        approval: ApprovalId,
    },
    /// The component does something else than it did before.
    Mismatch(Box<Mismatch>),
    /// The journal is full.
    LimitReached {
        /// How many records it has.
        records: u32,
    },
}

/// A run's journal in the hands of its owner.
#[derive(Debug, Clone)]
pub struct RunJournal {
    program: Program,
    /// The next recorded step to be consumed.
    cursor: usize,
    limit: JournalLimit,
    next_position: u64,
    epoch: u64,
    hash: Digest,
    records: u32,
    now: Timestamp,
    /// The outcome that rides with the next frame.
    pending: Vec<Record>,
    /// Lines for the next frame: the ordinal they came after, their index under it.
    logs: Vec<(u32, u32, LogLine)>,
    lines: u32,
    deployed: Vec<Deployed>,
    /// The call of a live or in-doubt step that is being made.
    open: Option<(u32, HostCall)>,
}

impl RunJournal {
    /// Takes a journal whose last frame is this owner's claim, as [`Read::journal`] or [`Store::claim`] returned it:
    /// they have checked the hashes.
    ///
    /// # Errors
    /// If the frames are not dense, of an owner that had lost the run, or not a journal.
    pub fn load(frames: Vec<Frame>) -> Result<Self, ReplayError> {
        Self::load_with_limit(frames, JournalLimit::default())
    }

    /// As [`RunJournal::load`], with another limit.
    ///
    /// # Errors
    /// Likewise.
    pub fn load_with_limit(frames: Vec<Frame>, limit: JournalLimit) -> Result<Self, ReplayError> {
        verify::check_order(&frames)?;
        let last = frames.last().ok_or(ReplayError::Empty)?;
        let (next_position, epoch, hash) = (last.position + 1, last.epoch, last.hash);
        let records = frames.iter().map(|frame| counted(&frame.records)).sum();
        let program = Program::read(frames)?;
        let now = program.started_at;
        Ok(Self {
            program,
            cursor: 0,
            limit,
            next_position,
            epoch,
            hash,
            records,
            now,
            pending: Vec::new(),
            logs: Vec::new(),
            lines: 0,
            deployed: Vec::new(),
            open: None,
        })
    }

    /// What the run started from.
    #[must_use]
    pub fn start(&self) -> &RunStart {
        &self.program.start
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.program.start.run
    }

    /// The time of the last thing the run was told: START, OUTCOME or WAIT_DONE, never of a CLAIM.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The rolling hash of what is durable.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// How many records are durable; claims are not counted.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Whether recorded steps are left: then lines were stored before, and are dropped.
    #[must_use]
    pub fn replaying(&self) -> bool {
        self.cursor < self.program.steps.len()
    }

    /// The index that the next call gets.
    #[must_use]
    pub fn next_ordinal(&self) -> u32 {
        u32::try_from(self.cursor).unwrap_or(u32::MAX)
    }

    /// An apply that this run has made.
    #[must_use]
    pub fn deployed(&self, id: &str) -> Option<&Deployed> {
        self.deployed.iter().find(|deployed| deployed.id == id)
    }

    /// Begins a call.
    ///
    /// # Panics
    /// If the call before it was neither finished nor left open: one call at a time.
    pub fn begin(&mut self, call: HostCall, at: Timestamp) -> Begin {
        assert!(self.open.is_none(), "one host call at a time");
        let ordinal = self.next_ordinal();
        let Some(step) = self.program.steps.get(self.cursor) else { return self.live(ordinal, call, at) };
        if step.fingerprint != call.fingerprint() || step.operation != call.operation() {
            return Begin::Mismatch(Box::new(Mismatch::other_call(&self.program, ordinal, &call)));
        }
        match (&step.answer, &step.wait) {
            (Some((answer, told_at)), _) => {
                let (answer, told_at) = (answer.clone(), *told_at);
                self.consume(&answer, told_at);
                Begin::Replayed(answer)
            }
            (None, Some(wait)) => {
                let approval = wait.approval;
                self.open = Some((ordinal, call));
                Begin::Waiting { ordinal, approval }
            }
            (None, None) => {
                self.open = Some((ordinal, call.clone()));
                Begin::Perform { ordinal, key: self.key(ordinal), frame: None, in_doubt: true, call }
            }
        }
    }

    fn live(&mut self, ordinal: u32, call: HostCall, at: Timestamp) -> Begin {
        // An intent and its outcome are two records, and the end is one more.
        if self.records.saturating_add(3) > self.limit.0 {
            return Begin::LimitReached { records: self.records };
        }
        let key = self.key(ordinal);
        self.open = Some((ordinal, call.clone()));
        if call.class() == EffectClass::Internal {
            return Begin::Internal { ordinal, key, call };
        }
        let intent = intent(ordinal, &call, at);
        let frame = Some(Box::new(self.frame(vec![intent], at)));
        Begin::Perform { ordinal, key, frame, in_doubt: false, call }
    }

    /// Takes the answer of a call that was made. It becomes durable with the next frame.
    ///
    /// # Panics
    /// If this call was not begun.
    pub fn finish(&mut self, ordinal: u32, answer: Answer, at: Timestamp) {
        self.close(ordinal);
        self.pending.push(outcome(ordinal, &answer, at));
        self.consume(&answer, at);
    }

    /// One frame with everything that is pending, the intent and the outcome of a call that lies in the
    /// database only. Commit it, then [`RunJournal::committed`].
    ///
    /// # Panics
    /// If this call was not begun.
    pub fn internal(&mut self, ordinal: u32, answer: &Answer, at: Timestamp) -> AppendFrame {
        let call = self.close(ordinal);
        let frame = self.frame(vec![intent(ordinal, &call, at), outcome(ordinal, answer, at)], at);
        self.consume(answer, at);
        frame
    }

    /// The frame that records a wait. Commit it together with the approval; the activation ends then.
    ///
    /// # Panics
    /// If this call was not begun.
    pub fn open_wait(&mut self, ordinal: u32, approval: ApprovalId, at: Timestamp) -> AppendFrame {
        let call = self.close(ordinal);
        let record = Record::WaitOpen {
            at,
            ordinal,
            operation: call.operation().into(),
            fingerprint: call.fingerprint(),
            call: Box::new(call),
            approval,
        };
        self.frame(vec![record], at)
    }

    /// Takes the end of a recorded wait. It becomes durable with the next frame; until then it lies in the
    /// approval.
    ///
    /// # Panics
    /// If no wait was begun.
    pub fn resolve_wait(&mut self, decision: Decision, at: Timestamp) -> Answer {
        let (ordinal, _) = self.open.take().expect("a wait was begun");
        let answer = Answer::Decision(decision.clone());
        self.pending.push(Record::WaitDone { at, ordinal, decision: Box::new(decision) });
        self.consume(&answer, at);
        answer
    }

    /// Answers a live call with the cancellation of its release: it is not made.
    ///
    /// # Panics
    /// If this call was not begun.
    pub fn cancel_seen(&mut self, ordinal: u32, at: Timestamp) -> Answer {
        let answer = Answer::Refused(CallError::permanent("canceled", "the release was canceled"));
        let call = self.close(ordinal);
        if self.program.steps.get(self.cursor).is_none() {
            self.pending.push(intent(ordinal, &call, at));
        }
        self.pending.push(Record::CancelSeen { at, ordinal });
        self.pending.push(outcome(ordinal, &answer, at));
        self.consume(&answer, at);
        answer
    }

    /// The last frame. Commit it together with the run's end.
    ///
    /// # Errors
    /// If recorded calls are left: the component returned earlier than it did before.
    pub fn complete(&mut self, end: RunEnd, at: Timestamp) -> Result<AppendFrame, Box<Mismatch>> {
        if self.replaying() && self.open.is_none() {
            return Err(Box::new(Mismatch::returned_early(&self.program, self.next_ordinal())));
        }
        Ok(self.frame(vec![Record::Complete { at, end: Box::new(end) }], at))
    }

    /// Keeps a line for the next frame. One that was stored before is dropped and still counted: the lines
    /// of a call that is made again come after those that the component said before it.
    pub fn log(&mut self, line: LogLine) {
        let index = self.lines;
        self.lines += 1;
        if self.replaying() && self.open.is_none() {
            return;
        }
        self.logs.push((self.next_ordinal(), index, line));
    }

    /// Says that a frame is durable.
    pub fn committed(&mut self, frame: &AppendFrame) {
        self.hash = chain(Some(self.hash), &encode(&frame.records));
        self.next_position = frame.position + 1;
        self.records = self.records.saturating_add(counted(&frame.records));
        self.pending.clear();
        self.logs.clear();
    }

    fn frame(&self, records: Vec<Record>, at: Timestamp) -> AppendFrame {
        AppendFrame {
            run: self.run(),
            position: self.next_position,
            epoch: self.epoch,
            records: self.pending.iter().cloned().chain(records).collect(),
            previous: Some(self.hash),
            at,
            logs: self.logs.clone(),
        }
    }

    fn key(&self, ordinal: u32) -> Digest {
        effect_key(self.program.start.uuid, BRANCH, ordinal)
    }

    fn close(&mut self, ordinal: u32) -> HostCall {
        let (open, call) = self.open.take().expect("the call was begun");
        assert_eq!(open, ordinal, "the call that was begun is the one that ends");
        call
    }

    fn consume(&mut self, answer: &Answer, told_at: Timestamp) {
        if let Answer::Deployed(deployed) = answer {
            self.deployed.push(deployed.clone());
        }
        self.now = self.now.max(told_at);
        self.cursor += 1;
        self.lines = 0;
    }
}

/// How many of a frame's records count against the limit. A claim does not: it says nothing of what the run
/// does, and a host that is started often must not use a run up.
fn counted(records: &[Record]) -> u32 {
    let counted = records.iter().filter(|record| !matches!(record, Record::Claim { .. })).count();
    u32::try_from(counted).unwrap_or(u32::MAX)
}

fn intent(ordinal: u32, call: &HostCall, at: Timestamp) -> Record {
    Record::Intent {
        at,
        ordinal,
        operation: call.operation().into(),
        fingerprint: call.fingerprint(),
        call: Box::new(call.clone()),
    }
}

fn outcome(ordinal: u32, answer: &Answer, at: Timestamp) -> Record {
    Record::Outcome { at, ordinal, answer: Box::new(answer.clone()), attested: None }
}

/// Random bytes of a run: a counter-mode stream of SHA-256 over the run's seed. The same run draws the
/// same bytes in a replay; `counter` is the number of blocks drawn so far.
#[must_use]
pub fn random(seed: &str, counter: &mut u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let mut hasher = sha2::Sha256::new();
        hasher.update(seed.as_bytes());
        hasher.update(counter.to_be_bytes());
        bytes.extend(hasher.finalize());
        *counter += 1;
    }
    bytes.truncate(len);
    bytes
}
