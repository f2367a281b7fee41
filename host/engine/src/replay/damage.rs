//! Why frames are no journal.

/// Frames are not a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There are none.
    #[error("read the journal: it is empty")]
    Empty,
    /// A position is missing or doubled.
    #[error("read the journal: position {found} stands where {expected} belongs")]
    Position {
        /// What belongs there.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// A frame was changed, or one before it.
    #[error("read the journal: the hash of frame {position} does not match")]
    Hash {
        /// Which.
        position: u64,
    },
    /// A frame was written under a claim that was not the latest.
    #[error("read the journal: frame {position} was written by an owner that had lost the run")]
    Epoch {
        /// Which.
        position: u64,
    },
    /// It does not begin with a start.
    #[error("read the journal: it does not begin with a start record")]
    NoStart,
    /// It has two starts.
    #[error("read the journal: it has a second start record")]
    SecondStart,
    /// Records after the end.
    #[error("read the journal: it goes on after its end")]
    AfterEnd,
    /// Calls are not dense.
    #[error("read the journal: call {found} stands where {expected} belongs")]
    Ordinal {
        /// What belongs there.
        expected: usize,
        /// What stands there.
        found: u32,
    },
    /// A call was made although the one before it has no outcome.
    #[error("read the journal: call {ordinal} has no outcome although another one follows")]
    NoOutcome {
        /// Which.
        ordinal: u32,
    },
    /// Two outcomes.
    #[error("read the journal: call {ordinal} has two outcomes")]
    SecondOutcome {
        /// Which.
        ordinal: u32,
    },
    /// An outcome without its call.
    #[error("read the journal: call {ordinal} has an outcome but no intent")]
    NoIntent {
        /// Which.
        ordinal: u32,
    },
}
