//! Tests wait for conditions, never for time to pass.

use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until there is something to see.
///
/// # Panics
/// If it is not there within `limit`; `what` names it.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < limit, "{what}: not seen within {limit:?}");
        std::thread::sleep(LOOK);
    }
}
