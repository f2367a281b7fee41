//! What nobody waits for: it lies until a batch takes it along.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Request;

/// Requests for the next batch. None are taken once the writer is gone.
#[derive(Debug)]
pub(crate) struct Left(Mutex<Option<Vec<Request>>>);

impl Left {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    /// Leaves one. It is given back if there will be no batch.
    pub(crate) fn put(&self, request: Request) -> Result<(), Request> {
        match &mut *self.lock() {
            Some(left) => {
                left.push(request);
                Ok(())
            }
            None => Err(request),
        }
    }

    pub(super) fn take(&self) -> Vec<Request> {
        self.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whoever waits for one that is here learns why there is no batch, as one whose request was dropped from the queue.
    pub(super) fn close(&self) {
        let left = self.lock().take();
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
