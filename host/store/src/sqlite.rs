//! The store as the rest of the host sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::BoxFuture;
use relhost_engine::port::store::{Claimed, Commit, Due, Read, Sequence, Store, StoreError};
use relhost_model::id::{ReleaseId, RunId};
use relhost_model::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::lock::Held;
use crate::read::Reader;
use crate::writer::{Request, Shared, Work, Writer};
use crate::{check, open};

/// How long a commit lies that nobody waits for. A run that was approved needs one or two milliseconds from the commit of
/// its claim to that of its next intent, and what lies that long is between them no more.
const SOON: Duration = Duration::from_millis(5);

/// A handle of the store; clone it freely. The state folder stays locked until the last one is dropped.
#[derive(Debug, Clone)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    reader: Reader,
    // The last field: connections are closed before the folder is given up.
    _held: Held,
}

impl SqliteStore {
    /// Opens the database of a state folder; it is created or migrated if need be. Nothing is written
    /// until somebody runs the [`Writer`] on a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is not a whole database of this host or an older one, or if the
    /// settings that durability rests on do not read back. The text names the file and what can be done.
    pub fn open(folder: &Held) -> Result<(Self, Writer), StoreError> {
        let (writer, requests, shared) = Writer::new(open::writer(folder)?, folder.clone())?;
        let reader = Reader::open(folder)?;
        let store = Self(Arc::new(Inner { requests, shared, reader, _held: folder.clone() }));
        Ok((store, writer))
    }

    /// Ticks after every batch that became durable, however many commits it had. Whoever waits for work
    /// waits for this and for [`Due::next`], and does not poll.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.shared.changed.subscribe()
    }

    /// Waits for everything that was asked before, moves the log into the database, and stops the writer.
    /// Every later commit is refused as [`StoreError::Fatal`]; reads go on.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] if something before could not be made durable, or if the writer is gone.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.ask(Work::Close).await.map(|_| ())
    }

    /// Looks for what cannot be: gaps in journals, broken hash chains, rows that contradict their frames,
    /// calls with two outcomes. One sentence each; empty if all is well. Reads the whole database.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the database cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        self.0.reader.with(check::check)
    }

    /// The same for the database of a state folder that nobody has open. Changes nothing, and migrates nothing.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if there is none, if its log was cut short, if a newer host wrote it, or if it cannot be
    /// read at all.
    pub fn examine(folder: &Held) -> Result<Vec<String>, StoreError> {
        open::unopened(folder, check::check)
    }

    /// Looks at every page of a database that was too large for it when it was opened, until it is to stop. Blocks
    /// for as long as reading all of it takes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a page is.
    pub fn check_pages(&self, stop: impl Fn() -> bool) -> Result<(), StoreError> {
        self.0.reader.with(|db| open::pages(db, stop))
    }

    async fn ask(&self, work: Work) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.requests.send(Request { work, reply }).await;
        sent.map_err(|_| self.0.shared.fatal())?;
        answer.await.unwrap_or_else(|_| Err(self.0.shared.fatal()))
    }

    /// Leaves it for the next batch, and asks for one when none has come.
    async fn leave(&self, work: Work) -> Result<u64, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.0.shared.left.put(Request { work, reply }).map_err(|_| self.0.shared.fatal())?;
        if let Ok(answer) = tokio::time::timeout(SOON, &mut answer).await {
            return answer.unwrap_or_else(|_| Err(self.0.shared.fatal()));
        }
        self.ask(Work::Nothing).await?;
        answer.await.unwrap_or_else(|_| Err(self.0.shared.fatal()))
    }
}

/// A future that is dropped before it is done may or may not have written: whoever drops it must load the
/// state again before going on.
impl Store for SqliteStore {
    fn allocate(&self, sequence: Sequence) -> u64 {
        self.0.shared.sequences.next(sequence)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.ask(Work::Commit(Box::new(commit))).await.map(|_| ()) })
    }

    fn commit_soon(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.leave(Work::Commit(Box::new(commit))).await.map(|_| ()) })
    }

    /// If the journal turns out to be damaged the run has been claimed all the same: it is in state
    /// running, so that nobody tries it again, and the caller puts it into quarantine.
    fn claim(
        &self,
        run: RunId,
        owner: String,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move {
            match self.ask(Work::Claim { run, owner, at }).await? {
                0 => Ok(None),
                _ => self.0.reader.claimed(run).map(Some),
            }
        })
    }

    fn recover(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.ask(Work::Recover))
    }

    fn due(
        &self,
        at: Timestamp,
        limit: u32,
        only: Option<BTreeSet<ReleaseId>>,
    ) -> BoxFuture<'_, Result<Due, StoreError>> {
        Box::pin(async move { self.0.reader.due(at, limit, only.as_ref()) })
    }

    fn read(&self) -> &dyn Read {
        &self.0.reader
    }
}
