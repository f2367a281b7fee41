//! A run that shows in minutes whether every group works. Its numbers mean nothing.

use std::sync::atomic::{AtomicBool, Ordering};

static QUICK: AtomicBool = AtomicBool::new(false);

/// A quick run measures the hundredth part.
const PART: u32 = 100;

/// Makes this a quick run.
pub fn start() {
    QUICK.store(true, Ordering::Relaxed);
}

/// How many, of so many in a full run.
pub fn of(count: u32) -> u32 {
    if QUICK.load(Ordering::Relaxed) { count.div_ceil(PART) } else { count }
}

/// How often, of so often in a full run.
pub fn times(times: usize) -> usize {
    if QUICK.load(Ordering::Relaxed) { times.min(1) } else { times }
}
