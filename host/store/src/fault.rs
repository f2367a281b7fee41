//! Why something inside the store did not work, sorted by what follows from it.

use relhost_engine::port::store::{Rows, StoreError};
use rusqlite::{Error, ErrorCode};

/// A failure, before it is known whether it happened while reading or while writing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A guard does not hold. This commit is undone, the others of its batch land.
    Refused(StoreError),
    /// A stored value is not what this host writes.
    Damaged(String),
    /// The database said no. While writing, nothing may go on after it.
    Database(Error),
}

/// What the functions on tables return.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            // One value is not what it must be. That says nothing about the next one.
            Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..) => Self::Damaged(error.to_string()),
            error => Self::Database(error),
        }
    }
}

/// Takes a row, or sets it aside if it is damaged.
pub(crate) fn add<T>(rows: &mut Rows<T>, row: Outcome<T>) -> Outcome<()> {
    match row {
        Ok(row) => rows.rows.push(row),
        Err(Fault::Damaged(problem)) => rows.damaged.push(problem),
        Err(other) => return Err(other),
    }
    Ok(())
}

impl Fault {
    /// A guard of a row that does not hold.
    pub(crate) fn conflict(what: impl ToString, reason: impl Into<String>) -> Self {
        Self::Refused(StoreError::Conflict { what: what.to_string(), reason: reason.into() })
    }

    /// A stored value that cannot be read.
    pub(crate) fn damaged(what: impl std::fmt::Display, cause: impl std::fmt::Display) -> Self {
        Self::Damaged(format!("{what}: {cause}"))
    }

    /// What a reader is told.
    pub(crate) fn reading(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Damaged(reason) => StoreError::Damaged { reason },
            Self::Database(error) => StoreError::Damaged { reason: error.to_string() },
        }
    }

    /// What one writer is told, or, as `Err`, why nobody may write any more.
    ///
    /// A violated constraint is the caller's: a row that it refers to is not there. Everything else that
    /// the database says while writing (disk full, input/output error, damage) is final.
    pub(crate) fn writing(self) -> Result<StoreError, String> {
        match self {
            Self::Refused(error) => Ok(error),
            Self::Damaged(reason) => Ok(StoreError::Damaged { reason }),
            Self::Database(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(StoreError::Conflict { what: "rows".into(), reason: error.to_string() })
            }
            Self::Database(error) => Err(error.to_string()),
        }
    }
}
