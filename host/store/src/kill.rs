//! Places where a test ends the process, as a power cut would. Without the feature `kill-points` the macro
//! [`point!`](crate::kill::point) expands to nothing, and not even its label reaches the binary.
//!
//! `RELHOST_KILL=label:occurrence` names one: the process kills itself when it reaches the label for that
//! time, counted from 1.

#[doc(inline)]
pub use crate::kill_point as point;

/// Ends the process here if `RELHOST_KILL` says so.
#[cfg(feature = "kill-points")]
#[macro_export]
macro_rules! kill_point {
    ($label:literal) => {
        $crate::kill::reach($label)
    };
}

/// Nothing: this binary was built without `kill-points`.
#[cfg(not(feature = "kill-points"))]
#[macro_export]
macro_rules! kill_point {
    ($label:literal) => {};
}

/// The variable that names the place and the occurrence.
#[cfg(feature = "kill-points")]
pub const VARIABLE: &str = "RELHOST_KILL";

/// Counts a visit of the label and ends the process with SIGKILL if it is the one that was asked for.
///
/// # Panics
/// If `RELHOST_KILL` is set and is not `label:occurrence`: a test that misspells it must not pass.
#[cfg(feature = "kill-points")]
pub fn reach(label: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);

    let target = TARGET.get_or_init(|| std::env::var(VARIABLE).ok().map(|text| parse(&text)));
    let Some((wanted, occurrence)) = target else { return };
    if wanted == label && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *occurrence {
        die();
    }
}

#[cfg(feature = "kill-points")]
fn parse(text: &str) -> (String, u64) {
    text.rsplit_once(':')
        .and_then(|(label, count)| Some((label.to_owned(), count.parse().ok()?)))
        .expect("RELHOST_KILL has the form label:occurrence")
}

#[cfg(feature = "kill-points")]
fn die() -> ! {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
        .expect("a process may always kill itself");
    loop {
        std::thread::park();
    }
}
