//! What this program prints: progress to stderr, results to stdout.
//!
//! A closed stream is no reason to abandon a task half-way, so failures to print are ignored.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;

/// Prints a line of progress.
pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a result.
pub fn result(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}");
    let _ = out.flush();
}

/// Does a piece of work, with its name before it and the time it took after it.
///
/// # Errors
/// Those of the work.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("==> {name}"));
    let started = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() { "done" } else { "failed" };
    say(format_args!("    {name}: {verdict} in {:.1} s", started.elapsed().as_secs_f64()));
    outcome
}
