//! What a run of libFuzzer says at its end.

use std::path::Path;

use anyhow::{Context as _, Result};

/// The numbers of one target's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    target: String,
    executions: u64,
    per_second: u64,
    edges: u64,
    corpus: u64,
    /// Inputs for which something does not hold.
    pub findings: usize,
}

impl Statistics {
    /// The head of a table of them.
    pub const HEADER: &str =
        "| target | executions | per second | edges | inputs kept | findings |\n|---|---|---|---|---|---|";

    /// From a run's log and how many inputs it kept.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn read(target: &str, log: &Path, findings: usize) -> Result<Self> {
        let text = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(Self { findings, ..Self::parse(target, &String::from_utf8_lossy(&text)) })
    }

    fn parse(target: &str, log: &str) -> Self {
        // `#4096 NEW cov: 812 ft: 2011 corp: 97/12Kb ...`; the last line of them counts.
        let status = |name: &str| {
            let words = log.lines().rev().filter(|line| line.starts_with('#'));
            let value = words.filter_map(|line| line.split_once(name)).map(|(_, after)| leading(after));
            value.into_iter().next().unwrap_or_default()
        };
        let stat = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
            line.map(|rest| leading(rest.trim_start_matches(':'))).unwrap_or_default()
        };
        Self {
            target: target.to_owned(),
            executions: stat("number_of_executed_units"),
            per_second: stat("average_exec_per_sec"),
            edges: status("cov: "),
            corpus: status("corp: "),
            findings: 0,
        }
    }

    /// A row of a table.
    pub fn row(&self) -> String {
        let Self { target, executions, per_second, edges, corpus, findings } = self;
        format!("| {target} | {executions} | {per_second} | {edges} | {corpus} | {findings} |")
    }
}

/// The number with which a text begins.
fn leading(text: &str) -> u64 {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_and_the_totals_count() {
        let log = "INFO: Seed: 1\n#2\tINITED cov: 8 ft: 8 corp: 1/1b exec/s: 0 rss: 27Mb\n\
            #4096\tNEW    cov: 812 ft: 2011 corp: 97/12Kb lim: 4 exec/s: 10 rss: 90Mb\nDone 5000 runs in 9 second(s)\n\
            stat::number_of_executed_units: 5000\nstat::average_exec_per_sec:     555\n";
        assert_eq!(Statistics::parse("frame", log).row(), "| frame | 5000 | 555 | 812 | 97 | 0 |");
    }
}
