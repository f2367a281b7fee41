//! Samples, and how they are written down.

mod page;

use std::time::Duration;

pub use page::{page, table};

/// In what a measure is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Lower is better.
    Micros,
    /// Lower is better.
    Millis,
    /// Lower is better.
    Seconds,
    /// Lower is better.
    Bytes,
    /// Lower is better.
    Mebibytes,
    /// A number of something; lower is better.
    Count,
    /// Higher is better.
    PerSecond,
}

impl Unit {
    fn of(self, time: Duration) -> f64 {
        let scale = match self {
            Self::Micros => 1e6,
            Self::Millis => 1e3,
            _ => 1.0,
        };
        time.as_secs_f64() * scale
    }

    /// A value for people.
    pub fn shown(self, value: f64) -> String {
        let digits = usize::from(value.abs() < 10.0) * 2;
        match self {
            Self::Micros => format!("{value:.digits$} us"),
            Self::Millis => format!("{value:.digits$} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Count => format!("{value:.2}"),
            Self::PerSecond => format!("{value:.0}/s"),
        }
    }
}

/// What a measure has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// It explains others.
    None,
    /// At most this, or for a rate at least.
    Value(f64),
    /// At most this part of the first peer's time.
    Part(f64),
}

/// A line of the report.
#[derive(Clone)]
pub struct Row {
    /// What was measured.
    pub what: String,
    unit: Unit,
    goal: Goal,
    /// Everything that was seen, in the unit, in order; empty if it could not be measured.
    samples: Vec<f64>,
    /// The part of the samples that lies below the value that counts.
    part: f64,
    /// The same measure of others.
    peers: Vec<(String, f64)>,
    why_not: String,
}

impl Row {
    /// From values in the unit.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(what: impl Into<String>, goal: Goal, unit: Unit, mut samples: Vec<f64>) -> Self {
        let what = what.into();
        assert!(!samples.is_empty(), "{what} was measured");
        samples.sort_by(f64::total_cmp);
        Self { what, unit, goal, samples, part: 0.5, peers: Vec::new(), why_not: String::new() }
    }

    /// From durations.
    ///
    /// # Panics
    /// If there are none.
    pub fn times(what: impl Into<String>, goal: Goal, unit: Unit, times: &[Duration]) -> Self {
        Self::new(what, goal, unit, times.iter().map(|time| unit.of(*time)).collect())
    }

    /// From so many operations in each duration.
    ///
    /// # Panics
    /// If there are none.
    pub fn rates(what: impl Into<String>, goal: Goal, operations: u32, times: &[Duration]) -> Self {
        let rates = times.iter().map(|time| f64::from(operations) / time.as_secs_f64()).collect();
        Self::new(what, goal, Unit::PerSecond, rates)
    }

    /// Something that could not be measured, and why.
    pub fn missing(what: impl Into<String>, why_not: impl std::fmt::Display) -> Self {
        Self {
            what: what.into(),
            unit: Unit::Count,
            goal: Goal::None,
            samples: Vec::new(),
            part: 0.5,
            peers: Vec::new(),
            why_not: why_not.to_string().replace('\n', " "),
        }
    }

    /// The same samples, of which the 99th percentile counts.
    pub fn p99(&self, what: impl Into<String>, goal: Goal) -> Self {
        Self { what: what.into(), goal, part: 0.99, ..self.clone() }
    }

    /// Sets it beside the same measure of somebody else; one that is missing says nothing.
    pub fn beside(mut self, name: &str, peer: &Self) -> Self {
        if !peer.samples.is_empty() {
            self.peers.push((name.to_owned(), peer.counts()));
        }
        self
    }

    /// The value that counts.
    ///
    /// # Panics
    /// If nothing was measured.
    pub fn counts(&self) -> f64 {
        self.quantile(self.part)
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
        if self.samples.is_empty() {
            return "";
        }
        let met = match (self.goal, self.peers.first()) {
            (Goal::None, _) => return "",
            (Goal::Part(_), None) => return "no peer",
            (Goal::Value(goal), _) if self.unit == Unit::PerSecond => self.counts() >= goal,
            (Goal::Value(goal), _) => self.counts() <= goal,
            (Goal::Part(part), Some((_, peer))) => self.counts() <= peer * part,
        };
        if met { "met" } else { "missed" }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::None => String::new(),
            Goal::Value(goal) => self.unit.shown(goal),
            Goal::Part(part) => format!("{part:.1}x"),
        }
    }

    fn beside_others(&self) -> String {
        let said = self.peers.iter().map(|(name, peer)| format!("{:.2}x {name}", self.counts() / peer));
        said.collect::<Vec<_>>().join(", ")
    }

    fn cells(&self) -> [String; 8] {
        let what = self.what.clone();
        if self.samples.is_empty() {
            let none = String::new;
            return [what, none(), "-".into(), none(), none(), none(), none(), self.why_not.clone()];
        }
        [
            what,
            self.goal(),
            self.unit.shown(self.counts()),
            self.unit.shown(self.quantile(0.1)),
            self.unit.shown(self.quantile(0.9)),
            self.samples.len().to_string(),
            self.beside_others(),
            self.verdict().to_owned(),
        ]
    }
}
