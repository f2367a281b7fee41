//! The processes of a cluster. The list is written after every start, so that a program that is killed in
//! the middle of `up` leaves nothing behind that `down` does not know.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::layout::Layout;
use super::process::Record;
use crate::place::{remove_file, write};

/// How much of a log is shown when its program fails.
const LAST_LINES: usize = 15;
const POLL: Duration = Duration::from_millis(100);

/// The processes of a cluster, in the order in which they were started.
pub struct Running<'a> {
    layout: &'a Layout,
    records: Vec<Record>,
}

impl<'a> Running<'a> {
    /// What was started and not ended by this program, whether or not it still runs.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn load(layout: &'a Layout) -> Result<Self> {
        let path = layout.processes();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { layout, records: Vec::new() });
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let records = parse(&text).with_context(|| unreadable(path))?;
        Ok(Self { layout, records })
    }

    /// The processes.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether there are any, and all still run.
    pub fn all_alive(&self) -> bool {
        !self.records.is_empty() && self.records.iter().all(Record::is_alive)
    }

    /// Starts a program of the cluster.
    ///
    /// # Errors
    /// If it cannot be started or written down.
    pub fn start(&mut self, name: &str, mut command: Command, ports: Vec<u16>) -> Result<()> {
        let record = Record::start(name, &mut command, ports, self.layout.log(name))?;
        self.records.push(record);
        let list: Vec<Value> = self.records.iter().map(Record::to_json).collect();
        write(&self.layout.processes(), format!("{:#}\n", json!({ "processes": list })))
    }

    /// Waits until something is so, for as long as every process lives.
    ///
    /// # Errors
    /// If a process ends or the time is up; with the end of the log of the one to blame.
    pub fn wait_for(&self, name: &str, limit: Duration, mut so: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(ended) = self.records.iter().find(|record| !record.is_alive()) {
                bail!("{} ended; {}", ended.name, last_words(ended));
            }
            if so() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(POLL);
        }
        match self.records.iter().find(|record| record.name == name) {
            Some(slow) => bail!("{name} was not ready after {} s; {}", limit.as_secs(), last_words(slow)),
            None => bail!("{name}: not so after {} s", limit.as_secs()),
        }
    }

    /// Ends all that still run, the last one first, and returns how many did.
    ///
    /// # Errors
    /// If one of them does not end; the others are ended all the same.
    pub fn stop(mut self) -> Result<usize> {
        remove_file(&self.layout.summary())?;
        let mut stopped = 0;
        let mut failure = None;
        while let Some(record) = self.records.pop() {
            match record.stop() {
                Ok(ran) => stopped += usize::from(ran),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        remove_file(&self.layout.processes())?;
        Ok(stopped)
    }
}

fn parse(text: &str) -> Option<Vec<Record>> {
    let value: Value = serde_json::from_str(text).ok()?;
    value["processes"].as_array()?.iter().map(Record::from_json).collect()
}

fn unreadable(path: PathBuf) -> String {
    format!("{} is damaged: end what it names by hand, then remove it", path.display())
}

fn last_words(record: &Record) -> String {
    format!("the end of {}:\n{}", record.log.display(), record.last_lines(LAST_LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_list_that_it_writes() {
        let text = r#"{ "processes": [
            { "name": "etcd", "pid": 7, "started": 9, "ports": [1, 2], "log": "/a/etcd.log" }
        ] }"#;
        let records = parse(text).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].name, "etcd");
        assert_eq!(records[0].ports, [1, 2]);
    }

    #[test]
    fn refuses_a_damaged_list() {
        for text in ["", "{", "{}", r#"{ "processes": [ { "name": "etcd" } ] }"#] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
