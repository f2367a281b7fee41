//! Places where a test ends the process, as a power cut would, or makes it panic. Without the feature `kill-points` the
//! macros [`point!`](crate::kill::point) and [`effect!`](crate::kill::effect) expand to nothing, and not even a
//! label reaches the binary.
//!
//! `RELHOST_KILL=label:occurrence` names a place: the process kills itself when it reaches the label for
//! that time, counted from 1. Some places belong to a run: `label@run-1:1` is that run's. `RELHOST_PANIC` has the same
//! form: there the host has a defect. `RELHOST_KILL_TRACE=file` collects, a line each, what was reached and which
//! effects were made under which keys: the evidence where no cluster keeps a log of its requests.

#[doc(inline)]
pub use crate::{kill_effect as effect, kill_point as point};

/// Ends the process here if `RELHOST_KILL` says so.
#[cfg(feature = "kill-points")]
#[macro_export]
macro_rules! kill_point {
    ($label:literal) => {
        $crate::kill::reach($label)
    };
    ($label:literal, $of:expr) => {
        $crate::kill::reach_of($label, &$of)
    };
}

/// Nothing: this binary was built without `kill-points`.
#[cfg(not(feature = "kill-points"))]
#[macro_export]
macro_rules! kill_point {
    ($label:literal) => {};
    ($label:literal, $of:expr) => {};
}

/// Notes that a call is made for real, under its effect key.
#[cfg(feature = "kill-points")]
#[macro_export]
macro_rules! kill_effect {
    ($key:expr, $operation:expr) => {
        $crate::kill::trace(format_args!("effect {} {}", $key.hex(), $operation))
    };
}

/// Nothing: this binary was built without `kill-points`.
#[cfg(not(feature = "kill-points"))]
#[macro_export]
macro_rules! kill_effect {
    ($key:expr, $operation:expr) => {};
}

#[cfg(feature = "kill-points")]
pub use compiled::{reach, reach_of, trace};

#[cfg(feature = "kill-points")]
mod compiled {
    use std::collections::BTreeMap;
    use std::fmt::{Arguments, Display};
    use std::fs::{File, OpenOptions};
    use std::io::Write as _;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// The variable that names the place and the occurrence.
    const PLACE: &str = "RELHOST_KILL";
    /// The variable that names the place and the occurrence of a panic.
    const PANIC: &str = "RELHOST_PANIC";
    /// The variable that names the file of the trace.
    const TRACE: &str = "RELHOST_KILL_TRACE";

    type Place = Option<(String, u64)>;

    static TARGET: LazyLock<Place> = LazyLock::new(|| place(PLACE));
    static DEFECT: LazyLock<Place> = LazyLock::new(|| place(PANIC));
    static VISITS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    static FILE: LazyLock<Option<File>> = LazyLock::new(|| {
        let path = std::env::var_os(TRACE)?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        Some(file.expect("the file of RELHOST_KILL_TRACE can be written"))
    });

    /// Counts a visit of the label and ends the process with SIGKILL if it is the one that was asked for.
    ///
    /// # Panics
    /// If this is the place of `RELHOST_PANIC`, or one of both variables is set and is not `label:occurrence`: a test
    /// that misspells it must not pass.
    pub fn reach(label: &str) {
        let mut visits = VISITS.lock().unwrap_or_else(PoisonError::into_inner);
        let count = visits.entry(label.to_owned()).or_default();
        *count += 1;
        trace(format_args!("point {label} {count}"));
        let is = |place: &Place| place.as_ref().is_some_and(|(wanted, at)| wanted == label && at == count);
        if is(&TARGET) {
            // The lock is kept: nothing may reach another place meanwhile.
            die();
        }
        assert!(!is(&DEFECT), "{PANIC} asks for it");
    }

    /// The same for a place that belongs to something: also under the label with its name behind it.
    pub fn reach_of(label: &str, of: &dyn Display) {
        reach(label);
        reach(&format!("{label}@{of}"));
    }

    /// Adds a line to the trace, if there is one. A line is one write, so that processes can share a file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn trace(line: Arguments<'_>) {
        if let Some(mut file) = FILE.as_ref() {
            file.write_all(format!("{line}\n").as_bytes()).expect("the trace can be written");
        }
    }

    fn place(variable: &str) -> Place {
        let text = std::env::var(variable).ok()?;
        let place =
            text.rsplit_once(':').and_then(|(label, count)| Some((label.to_owned(), count.parse().ok()?)));
        Some(place.unwrap_or_else(|| panic!("{variable} has the form label:occurrence")))
    }

    fn die() -> ! {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .expect("a process may always kill itself");
        loop {
            std::thread::park();
        }
    }
}
