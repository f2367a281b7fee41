//! Others that run code durably, beside us on the same machine: DBOS and Restate, as their package registries have
//! them and with their own settings. The programs that they run lie in `peers/`.

mod restate;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use relhost_tests::workspace::root;
use serde_json::Value;

use crate::sync;
use restate::Server;

/// Whom we stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// In Python, on SQLite: the nearest to what we do.
    Dbos,
    /// A server of its own, with a service in JavaScript.
    Restate,
}

/// What its program does.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// One run of so many steps.
    OneRun(u32),
    /// So many runs of five steps at once.
    RunsOfFive(u32),
    /// A run that waits is told to go on; until its next step starts.
    Approval,
}

/// What its program has seen.
pub struct Seen {
    /// Name, version and what it says about durability.
    pub title: String,
    /// One for each time.
    pub times: Vec<Duration>,
}

impl Peer {
    pub const ALL: [Self; 2] = [Self::Restate, Self::Dbos];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dbos => "DBOS",
            Self::Restate => "Restate",
        }
    }

    /// Does a part so often.
    ///
    /// # Errors
    /// If it cannot be had or its program fails.
    pub fn measure(self, part: Part, times: usize) -> anyhow::Result<Seen> {
        match self {
            Self::Dbos => {
                let folder = tempfile::tempdir()?;
                seen("DBOS", &mut dbos(folder.path(), part, times)?)
            }
            Self::Restate => {
                let server = Server::start(false)?;
                let title = server.title()?;
                seen(&title, &mut server.program(part, times)?)
            }
        }
    }

    /// fsyncs per step of one run of so many steps.
    ///
    /// # Errors
    /// As [`Self::measure`], or if there is no strace.
    pub fn synced(self, steps: u32) -> anyhow::Result<f64> {
        match self {
            Self::Dbos => {
                let folder = tempfile::tempdir()?;
                sync::per_step(
                    |steps| dbos(&folder.path().join(steps.to_string()), Part::OneRun(steps), 1),
                    steps,
                )
            }
            Self::Restate => {
                let count = |steps: u32| {
                    let server = Server::start(true)?;
                    seen("", &mut server.program(Part::OneRun(steps), 1)?)?;
                    server.counted()
                };
                Ok(f64::from(count(steps)?.saturating_sub(count(0)?)) / f64::from(steps))
            }
        }
    }
}

impl Part {
    fn words(self, times: usize) -> [String; 3] {
        let (name, operations) = match self {
            Self::OneRun(steps) => ("one-run", steps),
            Self::RunsOfFive(runs) => ("runs-of-five", runs),
            Self::Approval => ("approval", 1),
        };
        [name.into(), operations.to_string(), times.to_string()]
    }
}

/// Where `cargo xtask bench` has put a program, or why it has not.
///
/// # Errors
/// If it has not.
pub fn tool(variable: &str) -> anyhow::Result<PathBuf> {
    let value =
        std::env::var(variable).map_err(|_| anyhow!("{variable} is not set: cargo xtask bench sets it"))?;
    match value.strip_prefix("missing: ") {
        Some(why) => bail!("{why}"),
        None => Ok(value.into()),
    }
}

fn dbos(folder: &std::path::Path, part: Part, times: usize) -> anyhow::Result<Command> {
    let python = tool("RELHOST_BENCH_DBOS")?;
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(python);
    command.arg(root().join("tests/benches/peers/dbos_steps.py"));
    command.arg(format!("sqlite:///{}", folder.join("dbos.sqlite").display())).args(part.words(times));
    command.current_dir(folder);
    Ok(command)
}

/// Runs a peer's program and reads what it prints.
fn seen(title: &str, command: &mut Command) -> anyhow::Result<Seen> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let line = said.lines().last().context("a result")?;
    let told: Value = serde_json::from_str(line).with_context(|| format!("read {line}"))?;
    let seconds = told["seconds"].as_array().context("seconds")?;
    let times = seconds.iter().filter_map(Value::as_f64).map(Duration::from_secs_f64).collect();
    let title = match (told["version"].as_str(), told["settings"].as_str()) {
        (Some(version), Some(settings)) => format!("{title} {version} ({settings})"),
        _ => title.to_owned(),
    };
    Ok(Seen { title, times })
}
