//! A process that outlives this program, and how to find it again without ever signalling a foreign one.
//!
//! A pid alone is not enough: it is used again once its process is gone. A process is known by its pid and
//! the moment it started, and is signalled through a handle that was opened before that was checked.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};

use crate::command::line;

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How long the system may take to end it.
const KILL_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// A process that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The program's name.
    pub name: String,
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since the system did.
    pub started: u64,
    /// The ports it listens on.
    pub ports: Vec<u16>,
    /// What it prints.
    pub log: PathBuf,
}

impl Record {
    /// Starts a program in a process group of its own, so that an interrupt at the terminal does not reach
    /// it, with nothing to read and a file to print to.
    ///
    /// # Errors
    /// If the log cannot be written or the program cannot be started.
    pub fn start(name: &str, command: &mut Command, ports: Vec<u16>, log: PathBuf) -> Result<Self> {
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let err = out.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}: `{}`", line(command)))?;
        let pid = i32::try_from(child.id()).context("the pid of a process is out of range")?;
        let stat = Stat::read(pid).with_context(|| {
            format!("cannot see {name} in /proc: the control plane for tests needs Linux")
        })?;
        Ok(Self { name: name.to_owned(), pid, started: stat.started, ports, log })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && stat.runs())
    }

    /// Its memory in KiB, if it still runs.
    pub fn memory(&self) -> Option<u64> {
        if !self.is_alive() {
            return None;
        }
        parse_memory(&fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?)
    }

    /// Ends the process if it still runs: asks, and after a grace period insists. True if it ran.
    ///
    /// # Errors
    /// If it still runs afterwards.
    pub fn stop(&self) -> Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(false) };
        // From here on the handle is this one process, whoever gets the pid later.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(false) };
        if !self.is_alive() {
            return Ok(false);
        }
        for (signal, limit) in [(Signal::TERM, GRACE), (Signal::KILL, KILL_LIMIT)] {
            // An error says that it has ended meanwhile, or that it is not ours: the wait tells which.
            let _ = pidfd_send_signal(&handle, signal);
            let deadline = Instant::now() + limit;
            while Instant::now() < deadline {
                if !self.is_alive() {
                    return Ok(true);
                }
                std::thread::sleep(POLL);
            }
        }
        bail!("{} (pid {}) does not end; end it by hand with `kill -9 {}`", self.name, self.pid, self.pid)
    }

    /// The last lines of its log.
    pub fn last_lines(&self, count: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        tail(&String::from_utf8_lossy(&text), count)
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let Self { name, pid, started, ports, log } = self;
        json!({ "name": name, "pid": pid, "started": started, "ports": ports, "log": log })
    }

    /// From JSON; `None` if it is not what [`Self::to_json`] wrote.
    pub fn from_json(value: &Value) -> Option<Self> {
        let ports = value["ports"].as_array()?.iter().map(|port| u16::try_from(port.as_u64()?).ok());
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            pid: i32::try_from(value["pid"].as_i64()?).ok()?,
            started: value["started"].as_u64()?,
            ports: ports.collect::<Option<_>>()?,
            log: Path::new(value["log"].as_str()?).to_owned(),
        })
    }
}

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is the program's name in parentheses, and may itself contain both spaces and
    /// parentheses: what counts comes after the last one. The state is field 3, the start field 22.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let started = fields.nth(22 - 4)?.parse().ok()?;
        Some(Self { state, started })
    }

    /// A zombie has ended; only its parent has not asked how.
    fn runs(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

fn parse_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(name: &str) -> Record {
        Record::start(name, Command::new("sleep").arg("60"), vec![1], "/dev/null".into()).unwrap()
    }

    #[test]
    fn reads_the_state_and_the_start_behind_a_wicked_name() {
        let text = "42 (a) R (b) S 1 42 42 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 987654 1 2 3";
        assert_eq!(Stat::parse(text), Some(Stat { state: 'S', started: 987_654 }));
        assert_eq!(Stat::parse("42 (a) S 1 2"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn reads_memory() {
        assert_eq!(parse_memory("Name:\tetcd\nVmRSS:\t   51200 kB\nThreads:\t4\n"), Some(51_200));
        assert_eq!(parse_memory("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn keeps_a_record_as_json() {
        let record =
            Record { name: "etcd".into(), pid: 7, started: 9, ports: vec![1, 2], log: "/a/b.log".into() };
        assert_eq!(Record::from_json(&record.to_json()), Some(record));
        assert_eq!(Record::from_json(&json!({ "name": "etcd", "pid": "7" })), None);
    }

    #[test]
    fn ends_a_process_once() {
        let record = sleeper("ends");
        assert!(record.is_alive());
        assert!(record.stop().unwrap());
        assert!(!record.is_alive());
        assert!(!record.stop().unwrap());
    }

    #[test]
    fn never_signals_a_process_that_only_has_the_same_pid() {
        let ours = sleeper("foreign");
        let stale = Record { started: ours.started + 1, ..ours.clone() };
        assert!(!stale.is_alive());
        assert!(!stale.stop().unwrap());
        assert!(ours.is_alive(), "it was signalled");
        ours.stop().unwrap();
    }

    #[test]
    fn shows_the_end_of_a_log() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\n", 9), "a");
    }
}
