//! What an activation has used: CPU time and calls into the host.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::CallHook;

use crate::limits::{Exceeded, Limits};

/// Which part of a budget is billed by the clock on the wall.
const COARSE_PART: u32 = 50;

/// CPU time of the thread that drives a guest, while it drives it. What the host computes for the guest in
/// between is the guest's time too, or a loop over a getter would be free; waiting for the answer to a call is
/// not, and neither is waiting for a processor on a busy machine. Cheap to clone.
///
/// Asking for a thread's CPU time is a system call, twice in a call to the host. Nearly every guest is done long before
/// its budget is, so its first part is billed by the clock on the wall: that is never too little, and never more than
/// this part, however busy the machine is.
#[derive(Debug, Clone)]
pub struct Stopwatch(Arc<Times>);

/// Nanoseconds. Only the thread that drives the guest touches them, one at a time.
#[derive(Debug)]
struct Times {
    used: AtomicU64,
    since: AtomicU64,
    /// Up to here the clock on the wall is good enough.
    coarse: u64,
    exact: AtomicBool,
}

impl Stopwatch {
    /// Nothing was used yet of a budget.
    #[must_use]
    pub fn new(budget: Duration) -> Self {
        let coarse = u64::try_from((budget / COARSE_PART).as_nanos()).unwrap_or(u64::MAX);
        let (used, since, exact) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Times { used, since, coarse, exact }))
    }

    /// Drives some work, and bills the time that it takes.
    pub async fn timed<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            self.0.since.store(self.now(), Ordering::Relaxed);
            let polled = work.as_mut().poll(context);
            self.0.used.store(self.nanoseconds(), Ordering::Relaxed);
            polled
        })
        .await
    }

    /// The time billed so far. For the work itself, while it is driven.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds())
    }

    fn nanoseconds(&self) -> u64 {
        let Times { used, since, coarse, exact } = &*self.0;
        let now = self.now().saturating_sub(since.load(Ordering::Relaxed));
        let total = used.load(Ordering::Relaxed).saturating_add(now);
        if total <= *coarse || exact.load(Ordering::Relaxed) {
            return total;
        }
        exact.store(true, Ordering::Relaxed);
        used.store(*coarse, Ordering::Relaxed);
        since.store(thread_time(), Ordering::Relaxed);
        *coarse
    }

    fn now(&self) -> u64 {
        if self.0.exact.load(Ordering::Relaxed) { thread_time() } else { nanoseconds(ClockId::Monotonic) }
    }
}

fn thread_time() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// Holds the limits of an activation.
#[derive(Debug)]
pub struct Meter {
    cpu_max: Duration,
    calls_max: u32,
    stopwatch: Stopwatch,
    calls: u32,
}

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub fn new(limits: &Limits, stopwatch: &Stopwatch) -> Self {
        Self { cpu_max: limits.cpu, calls_max: limits.calls, stopwatch: stopwatch.clone(), calls: 0 }
    }

    /// Counts the calls as control passes between guest and host.
    ///
    /// # Errors
    /// If there are too many.
    pub fn pass(&mut self, hook: CallHook) -> Result<(), Exceeded> {
        if !matches!(hook, CallHook::CallingHost) {
            return Ok(());
        }
        self.calls += 1;
        if self.calls <= self.calls_max {
            return Ok(());
        }
        Err(Exceeded {
            budget: "calls",
            observed: "it called the host too often".into(),
            limit: format!("{} calls per activation", self.calls_max),
        })
    }

    /// Checks the time billed so far.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn check(&self) -> Result<(), Exceeded> {
        let used = self.stopwatch.elapsed();
        if used <= self.cpu_max {
            return Ok(());
        }
        Err(Exceeded {
            budget: "cpu",
            observed: format!("it used {} ms of CPU time", used.as_micros().div_ceil(1000)),
            limit: format!("{} ms", self.cpu_max.as_millis()),
        })
    }
}

#[cfg(test)]
mod tests;
