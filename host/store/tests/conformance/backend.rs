//! What a case needs of an implementation.

use relhost_engine::port::BoxFuture;
use relhost_engine::port::store::{Commit, Store, StoreError};

/// An open store that can be closed and opened again.
pub trait Backend: Send {
    /// The store.
    fn store(&self) -> &dyn Store;
    /// Closes it and opens what it left.
    fn reopen(&mut self) -> BoxFuture<'_, ()>;
    /// Everything that contradicts itself.
    fn check(&self) -> Vec<String>;
}

/// What became of a commit, in a form that two implementations can be compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Done,
    FenceLost,
    SequenceConflict,
    Conflict,
    KeyExists(u64),
}

impl Verdict {
    pub fn of(result: Result<(), StoreError>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(StoreError::FenceLost { .. }) => Self::FenceLost,
            Err(StoreError::SequenceConflict { .. }) => Self::SequenceConflict,
            Err(StoreError::Conflict { .. }) => Self::Conflict,
            Err(StoreError::KeyExists { existing }) => Self::KeyExists(existing.0),
            Err(other) => panic!("neither done nor refused: {other}"),
        }
    }
}

/// Commits and says what became of it.
pub async fn verdict(store: &dyn Store, commit: Commit) -> Verdict {
    Verdict::of(store.commit(commit).await)
}
