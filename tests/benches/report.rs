//! Samples, and how they are written down.

use std::time::Duration;

/// In what a measure is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Lower is better.
    Micros,
    /// Lower is better.
    Millis,
    /// Higher is better.
    PerSecond,
}

/// A line of the report.
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// The goal, in the unit; nothing for a line that explains others.
    pub goal: Option<f64>,
    /// In what.
    pub unit: Unit,
    /// Everything that was seen, in the unit.
    samples: Vec<f64>,
}

impl Row {
    /// From durations.
    ///
    /// # Panics
    /// If there are none.
    pub fn times(what: &'static str, goal: Option<f64>, unit: Unit, times: &[Duration]) -> Self {
        let scale = match unit {
            Unit::Micros => 1e6,
            Unit::Millis => 1e3,
            Unit::PerSecond => 1.0,
        };
        Self::new(what, goal, unit, times.iter().map(|time| time.as_secs_f64() * scale).collect())
    }

    /// From so many operations in each duration.
    ///
    /// # Panics
    /// If there are none.
    pub fn rates(what: &'static str, goal: Option<f64>, operations: u32, times: &[Duration]) -> Self {
        let rates = times.iter().map(|time| f64::from(operations) / time.as_secs_f64()).collect();
        Self::new(what, goal, Unit::PerSecond, rates)
    }

    fn new(what: &'static str, goal: Option<f64>, unit: Unit, mut samples: Vec<f64>) -> Self {
        assert!(!samples.is_empty(), "{what} was measured");
        samples.sort_by(f64::total_cmp);
        Self { what, goal, unit, samples }
    }

    /// The value below which this part of the samples lies.
    fn quantile(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a short list"
        )]
        let index = ((self.samples.len() - 1) as f64 * part).round() as usize;
        self.samples[index]
    }

    fn verdict(&self) -> &'static str {
        let median = self.quantile(0.5);
        match self.goal {
            None => "",
            Some(goal) if self.unit == Unit::PerSecond && median >= goal => "met",
            Some(goal) if self.unit != Unit::PerSecond && median <= goal => "met",
            Some(_) => "missed",
        }
    }

    fn cells(&self) -> [String; 7] {
        let shown = |value: f64| shown(value, self.unit);
        [
            self.what.to_owned(),
            self.goal.map(shown).unwrap_or_default(),
            shown(self.quantile(0.5)),
            shown(self.quantile(0.1)),
            shown(self.quantile(0.9)),
            self.samples.len().to_string(),
            self.verdict().to_owned(),
        ]
    }
}

const HEADER: [&str; 7] = ["measure", "goal", "median", "p10", "p90", "n", ""];

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Micros if value < 10.0 => format!("{value:.2} us"),
        Unit::Micros => format!("{value:.0} us"),
        Unit::Millis if value < 10.0 => format!("{value:.2} ms"),
        Unit::Millis => format!("{value:.0} ms"),
        Unit::PerSecond => format!("{value:.0}/s"),
    }
}

/// For the terminal.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let cell = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&cell);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// As a page of the documentation.
pub fn page(rows: &[Row], machine: &[(&'static str, String)]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`: an optimised build, each measure taken `n` times on one \
         machine. The median counts; `p10` and `p90` are the spread. Durable measures use the database as the \
         product does (WAL, `synchronous=FULL`).\n\n",
    );
    text.push_str(&format!("| {} |\n", HEADER.join(" | ")));
    text.push_str("|---|---:|---:|---:|---:|---:|---|\n");
    for row in rows {
        text.push_str(&format!("| {} |\n", row.cells().join(" | ")));
    }
    text.push_str("\n| machine and versions | |\n|---|---|\n");
    for (name, value) in machine {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    text.push_str(
        "\nOne group alone: `cargo xtask bench sandbox` (or `steps`, `approval`, `process`); that does not change \
         this page.\n",
    );
    text
}
