//! Reads of the last committed state.
//!
//! They run on the caller's thread, on one of a few read-only connections behind locks, although the port
//! is asynchronous: a read takes microseconds from the page cache, less than handing it to another thread
//! would, and this crate starts no threads. In WAL mode a read neither waits for the writer nor holds it
//! up. The long ones are bounded: a journal by its 10,000 records, a log by its page, a blob by 16 MiB.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use relhost_engine::event::Recorded;
use relhost_engine::journal::Frame;
use relhost_engine::port::BoxFuture;
use relhost_engine::port::store::{
    ApprovalRow, Claimed, Command, Due, LogEntry, QueueEntry, Read, ReleaseFilter, ReleaseRow, Rows, Run,
    StoreError,
};
use relhost_model::call::AppliedObject;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, EnvironmentName, PipelineName, ReleaseId, RunId};
use relhost_model::release::{Mode, Snapshot};
use relhost_model::time::Timestamp;
use rusqlite::Connection;

use crate::fault::{Fault, Outcome};
use crate::lock::Held;
use crate::open;
use crate::table::applied::Place;
use crate::table::{applied, approval, blob, command, frame, log, queue, release, run};
use crate::transaction::Reading;

/// How many reads go on at once. More than the cores of a small machine only split the page cache.
const CONNECTIONS: usize = 4;

/// The read-only connections.
#[derive(Debug)]
pub(crate) struct Reader {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Reader {
    pub(crate) fn open(held: &Held) -> Result<Self, StoreError> {
        let connections =
            (0..CONNECTIONS).map(|_| open::reader(held).map(Mutex::new)).collect::<Result<_, _>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// A free connection; if there is none, the next in turn once it is.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = |offset: usize| &self.connections[(start + offset) % self.connections.len()];
        (0..self.connections.len())
            .find_map(|offset| turn(offset).try_lock().ok())
            .unwrap_or_else(|| turn(0).lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads everything from one and the same state.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T, StoreError> {
        let connection = self.connection();
        let _reading = Reading::begin(&connection).map_err(|error| Fault::from(error).reading())?;
        read(&connection).map_err(Fault::reading)
    }

    /// A run that was just claimed. Nobody but its owner appends to it, so what is read here is what was
    /// there at the claim.
    pub(crate) fn claimed(&self, run: RunId) -> Result<Claimed, StoreError> {
        self.with(|db| {
            let row = run::row(db, run)?.ok_or_else(|| Fault::damaged(run, "it was claimed and is gone"))?;
            Ok(Claimed { run: row, frames: frame::read(db, run)? })
        })
    }

    /// What is due. A list that was cut off leaves more to do at once.
    pub(crate) fn due(
        &self,
        at: Timestamp,
        limit: u32,
        only: Option<&BTreeSet<ReleaseId>>,
    ) -> Result<Due, StoreError> {
        self.with(|db| {
            let more = limit.saturating_add(1);
            let (commands, damaged) = command::due(db, at, more)?;
            let mut due = Due {
                runs: run::due(db, at, more, only)?,
                approvals: approval::due(db, at, more)?,
                commands,
                damaged,
                next: None,
            };
            let limit = limit as usize;
            let commands = due.commands.len() + due.damaged.len();
            let cut = [due.runs.len(), due.approvals.len(), commands].iter().any(|n| *n > limit);
            due.runs.truncate(limit);
            due.approvals.truncate(limit);
            due.commands.truncate(limit);
            let later = [run::next(db, at, only)?, approval::next(db, at)?, command::next(db, at)?];
            due.next = if cut { Some(at) } else { later.into_iter().flatten().min() };
            Ok(due)
        })
    }
}

impl Read for Reader {
    fn snapshot(&self, release: ReleaseId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        Box::pin(async move { self.with(|db| release::snapshot(db, release)) })
    }

    fn release(&self, release: ReleaseId) -> BoxFuture<'_, Result<Option<ReleaseRow>, StoreError>> {
        Box::pin(async move { self.with(|db| release::row(db, release)) })
    }

    fn releases(&self, filter: ReleaseFilter) -> BoxFuture<'_, Result<Rows<ReleaseRow>, StoreError>> {
        Box::pin(async move { self.with(|db| release::list(db, &filter)) })
    }

    fn release_by_key(
        &self,
        key: String,
        mode: Mode,
    ) -> BoxFuture<'_, Result<Option<ReleaseId>, StoreError>> {
        Box::pin(async move { self.with(|db| release::by_key(db, &key, mode)) })
    }

    fn counter(&self, pipeline: PipelineName) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.with(|db| release::counter(db, &pipeline)) })
    }

    fn events(&self, release: ReleaseId, since: u64) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>> {
        Box::pin(async move { self.with(|db| release::events(db, release, since)) })
    }

    fn queue(
        &self,
        environment: EnvironmentName,
        mode: Mode,
    ) -> BoxFuture<'_, Result<Vec<QueueEntry>, StoreError>> {
        Box::pin(async move { self.with(|db| queue::read(db, &environment, mode)) })
    }

    fn run(&self, run: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        Box::pin(async move { self.with(|db| run::row(db, run)) })
    }

    fn quarantined(&self) -> BoxFuture<'_, Result<Rows<Run>, StoreError>> {
        Box::pin(async move { self.with(run::quarantined) })
    }

    fn damaged_runs(&self) -> BoxFuture<'_, Result<Vec<(RunId, String)>, StoreError>> {
        Box::pin(async move { self.with(run::damaged) })
    }

    fn journal(&self, run: RunId) -> BoxFuture<'_, Result<Vec<Frame>, StoreError>> {
        Box::pin(async move { self.with(|db| frame::read(db, run)) })
    }

    fn approval(&self, approval: ApprovalId) -> BoxFuture<'_, Result<Option<ApprovalRow>, StoreError>> {
        Box::pin(async move { self.with(|db| approval::row(db, approval)) })
    }

    fn approvals(
        &self,
        open: bool,
        release: Option<ReleaseId>,
    ) -> BoxFuture<'_, Result<Rows<ApprovalRow>, StoreError>> {
        Box::pin(async move { self.with(|db| approval::list(db, open, release)) })
    }

    fn open_approvals(
        &self,
        after: Option<(Timestamp, ApprovalId)>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Timestamp, ApprovalId)>, StoreError>> {
        Box::pin(async move { self.with(|db| approval::open_after(db, after, limit)) })
    }

    fn logs(&self, release: ReleaseId, since: u64) -> BoxFuture<'_, Result<Rows<LogEntry>, StoreError>> {
        Box::pin(async move { self.with(|db| log::read(db, release, since)) })
    }

    fn blob(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let bytes = self.with(|db| blob::read(db, digest))?;
            match bytes {
                Some(bytes) if Digest::of(&bytes) != digest => {
                    Err(StoreError::Damaged { reason: format!("the bytes of {digest} have another digest") })
                }
                other => Ok(other),
            }
        })
    }

    fn applied(
        &self,
        environment: EnvironmentName,
        mode: Mode,
    ) -> BoxFuture<'_, Result<Vec<AppliedObject>, StoreError>> {
        Box::pin(async move { self.with(|db| applied::read(db, &Place { environment: &environment, mode })) })
    }

    fn commands(&self, release: Option<ReleaseId>) -> BoxFuture<'_, Result<Rows<Command>, StoreError>> {
        Box::pin(async move { self.with(|db| command::list(db, release)) })
    }
}
