//! The one writer. It takes whatever is queued into one transaction (group commit), so the cost of making
//! something durable is shared by everybody who waits for it.

mod left;

use std::sync::{Arc, OnceLock};

use relhost_engine::port::store::{Commit, StoreError};
use relhost_model::id::RunId;
use relhost_model::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::apply;
use crate::fault::{Fault, Outcome};
use crate::lock::Held;
use crate::sequence::{self, Marks, Sequences};
use crate::table::run;
use crate::transaction::execute;
use crate::wal::Mark;

pub(crate) use left::Left;

/// How many requests may wait. Beyond it, whoever asks waits for room: memory stays bounded.
const QUEUE: usize = 1024;
/// How many requests share a transaction. It bounds the time that the first of them waits for the last.
const BATCH: usize = 256;

/// What is to be written.
#[derive(Debug)]
pub(crate) enum Work {
    Commit(Box<Commit>),
    Claim {
        run: RunId,
        owner: String,
        at: Timestamp,
    },
    Recover,
    /// Only what was left.
    Nothing,
    Close,
}

/// Something to write, and where to answer: with the number of runs that it took.
#[derive(Debug)]
pub(crate) struct Request {
    pub work: Work,
    pub reply: Reply,
}

/// What the writer and the store's handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub sequences: Sequences,
    /// What the next batch takes along.
    pub left: Left,
    /// Counts batches that became durable.
    pub changed: watch::Sender<u64>,
    /// Why nothing can be written any more.
    stopped: OnceLock<String>,
}

impl Shared {
    /// What everybody is told who comes after the writer's end.
    pub(crate) fn fatal(&self) -> StoreError {
        let reason = self.stopped.get().cloned().unwrap_or_else(|| "the writer is gone".into());
        StoreError::Fatal { reason }
    }
}

/// The one that writes: run it on a thread of its own.
#[derive(Debug)]
pub struct Writer {
    db: Connection,
    mark: Mark,
    requests: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
    stored: Marks,
    // The last field: the connection is closed before the folder is given up.
    _held: Held,
}

type Reply = oneshot::Sender<Result<u64, StoreError>>;

impl Writer {
    pub(crate) fn new(
        db: Connection,
        held: Held,
    ) -> Result<(Self, mpsc::Sender<Request>, Arc<Shared>), StoreError> {
        let sequences = Sequences::load(&db).map_err(Fault::reading)?;
        let stored = sequences.marks();
        let mark = Mark::open(&held.database()).map_err(|cause| StoreError::Damaged {
            reason: format!("open the mark beside {}: {cause}", held.database().display()),
        })?;
        let (sender, requests) = mpsc::channel(QUEUE);
        let (changed, _) = watch::channel(0);
        let shared = Arc::new(Shared { sequences, left: Left::new(), changed, stopped: OnceLock::new() });
        Ok((Self { db, mark, requests, shared: Arc::clone(&shared), stored, _held: held }, sender, shared))
    }

    /// The settings that durability rests on, as the database says them: for reports.
    ///
    /// # Errors
    /// If it does not say them.
    pub fn durability(&self) -> Result<String, StoreError> {
        let text = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        let number = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let read = || Ok((text("journal_mode")?, number("synchronous")?));
        let (mode, synchronous) = read().map_err(|error: rusqlite::Error| Fault::from(error).reading())?;
        Ok(format!("journal_mode={mode}, synchronous={synchronous}"))
    }

    /// Writes until the store is closed, every handle of it is dropped, or something could not be made
    /// durable. Blocks: give it a thread.
    ///
    /// When the database says that the disk is full, that a write failed or that it is damaged, everybody
    /// in the batch and everybody after it gets [`StoreError::Fatal`], and the function returns. Nothing is
    /// tried again, because after a failed write nobody knows what is on the disk: the process must end,
    /// and find out by starting again.
    pub fn run(mut self) {
        while let Some(first) = self.requests.blocking_recv() {
            let (batch, close) = self.drain(first);
            if let Err(reason) = self.write(batch) {
                if let Some(reply) = close {
                    let _ = reply.send(Err(StoreError::Fatal { reason: reason.clone() }));
                }
                return self.stop(reason);
            }
            if let Some(reply) = close {
                let flushed = self.flush().map(|()| 0).map_err(|reason| StoreError::Fatal { reason });
                self.stop("the store is closed".into());
                let _ = reply.send(flushed);
                return;
            }
        }
        // The last handle is gone, and with it whoever left something. What was acknowledged is durable; only the log's
        // length is at stake.
        let _ = self.flush();
    }

    /// Takes what was left and what is queued, without waiting for more: lingering was measured to cost throughput.
    /// Stops at a request to close.
    fn drain(&mut self, first: Request) -> (Vec<Request>, Option<Reply>) {
        let mut batch = self.shared.left.take();
        let mut next = Some(first);
        while let Some(request) = next {
            if matches!(request.work, Work::Close) {
                return (batch, Some(request.reply));
            }
            batch.push(request);
            next = if batch.len() < BATCH { self.requests.try_recv().ok() } else { None };
        }
        (batch, None)
    }

    /// Writes a batch and answers after it is durable. `Err` says why nobody may write any more; by then
    /// everybody in the batch was told.
    fn write(&mut self, batch: Vec<Request>) -> Result<(), String> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.transact(&batch) {
            Ok(answers) => {
                self.shared.changed.send_modify(|count| *count += 1);
                for (request, answer) in batch.into_iter().zip(answers) {
                    let _ = request.reply.send(answer);
                }
                Ok(())
            }
            Err(reason) => {
                for request in batch {
                    let _ = request.reply.send(Err(StoreError::Fatal { reason: reason.clone() }));
                }
                Err(reason)
            }
        }
    }

    fn transact(&mut self, batch: &[Request]) -> Result<Vec<Result<u64, StoreError>>, String> {
        execute(&self.db, "BEGIN IMMEDIATE").map_err(|error| error.to_string())?;
        let done = self.commit(batch);
        if done.is_err() {
            // Whoever else opens the database need not wait for this process to end.
            let _ = execute(&self.db, "ROLLBACK");
        }
        done
    }

    fn commit(&mut self, batch: &[Request]) -> Result<Vec<Result<u64, StoreError>>, String> {
        let mut answers = Vec::with_capacity(batch.len());
        for request in batch {
            answers.push(attempt(&self.db, &self.shared.sequences, &request.work)?);
            crate::kill::point!("store.in-transaction");
        }
        let marks = self.shared.sequences.marks();
        sequence::store(&self.db, &self.stored, &marks).map_err(last_word)?;
        crate::kill::point!("store.before-commit");
        execute(&self.db, "COMMIT").map_err(|error| error.to_string())?;
        crate::kill::point!("store.after-commit");
        self.mark.set(&self.db)?;
        self.stored = marks;
        Ok(answers)
    }

    /// Moves the log into the database and empties it, unless somebody reads it. Nothing that was acknowledged depends
    /// on it.
    fn flush(&mut self) -> Result<(), String> {
        crate::kill::point!("store.before-checkpoint");
        self.mark.flush(&self.db)?;
        crate::kill::point!("store.after-checkpoint");
        Ok(())
    }

    fn stop(mut self, reason: String) {
        let reason = self.shared.stopped.get_or_init(|| reason).clone();
        self.requests.close();
        while let Some(request) = self.requests.blocking_recv() {
            let _ = request.reply.send(Err(StoreError::Fatal { reason: reason.clone() }));
        }
    }
}

impl Drop for Writer {
    /// Whoever left something must not wait for a writer that is gone.
    fn drop(&mut self) {
        self.shared.left.close();
    }
}

/// Does one piece of work alone: refused, it leaves nothing behind and the batch goes on. The outer `Err`
/// ends everything.
fn attempt(db: &Connection, sequences: &Sequences, work: &Work) -> Result<Result<u64, StoreError>, String> {
    let sql = |statement| execute(db, statement).map_err(|error| error.to_string());
    sql("SAVEPOINT one")?;
    let done = match perform(db, sequences, work) {
        Ok(taken) => Ok(taken),
        Err(fault) => {
            let refusal = fault.writing()?;
            sql("ROLLBACK TO one")?;
            Err(refusal)
        }
    };
    sql("RELEASE one")?;
    Ok(done)
}

fn perform(db: &Connection, sequences: &Sequences, work: &Work) -> Outcome<u64> {
    match work {
        Work::Commit(commit) => {
            sequences.cover(commit);
            apply::apply(db, commit).map(|()| 0)
        }
        Work::Claim { run, owner, at } => run::claim(db, *run, owner.clone(), *at).map(u64::from),
        Work::Recover => run::recover(db),
        Work::Nothing | Work::Close => Ok(0),
    }
}

fn last_word(fault: Fault) -> String {
    fault.writing().map_or_else(|reason| reason, |refusal| refusal.to_string())
}

#[cfg(test)]
mod tests;
