//! Measurements: `cargo xtask bench`. Medians of several runs in one process; ratios count, not seconds.

mod process;
mod sandbox;
mod steps;

use std::time::Duration;

/// A line of the report.
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// The goal.
    pub goal: &'static str,
    /// What was seen.
    pub seen: String,
}

/// The median of some durations.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() -> anyhow::Result<()> {
    let mut rows = steps::measure()?;
    rows.extend(sandbox::measure()?);
    rows.extend(process::measure()?);
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or_default();
    let mut table = format!("{:width$}  {:>14}  seen\n", "measure", "goal");
    for row in rows {
        table.push_str(&format!("{:width$}  {:>14}  {}\n", row.what, row.goal, row.seen));
    }
    std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes())?;
    Ok(())
}
