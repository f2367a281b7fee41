//! The program as a whole: its start, and rehearsals of the samples with a warm component cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use relhost_tests::workspace::root;

use crate::owner::Owner;
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "The real binary, from its start to its end, with a warm cache of compiled components: \
    `relhost --version`, and `relhost run PIPELINE --rehearse --new`. Votes are given the moment they are asked for.";

const TIMES: usize = 15;

/// The optimised program.
///
/// # Errors
/// If it was not built.
pub fn binary() -> anyhow::Result<PathBuf> {
    let built = || root().join("target/release/relhost");
    let binary = std::env::var_os("RELHOST_BIN").map_or_else(built, PathBuf::from);
    anyhow::ensure!(binary.is_file(), "{} is missing: cargo xtask bench builds it", binary.display());
    Ok(binary)
}

/// The memory of a process that is resident, in bytes.
///
/// # Errors
/// If there is no such process.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.context("the resident size of a process")? * 1024)
}

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let place = tempfile::tempdir()?;
    let state = place.path().join("state");
    let start = times(TIMES, || quiet(relhost(&["--version"], None)?))?;
    let hello =
        || quiet(relhost(&["run", "pipelines/hello/pipeline.yaml", "--rehearse", "--new"], Some(&state))?);
    // The first one compiles the components into the cache.
    hello()?;
    let hello = times(TIMES, hello)?;
    demo(&state)?;
    let demo = times(TIMES, || demo(&state))?;
    Ok(vec![
        Row::times("relhost --version", Goal::Value(10.0), Unit::Millis, &start),
        Row::times("relhost run --rehearse: hello, one stage", Goal::None, Unit::Millis, &hello),
        Row::times(
            "relhost run --rehearse: the demo, four stages, three votes",
            Goal::Value(150.0),
            Unit::Millis,
            &demo,
        ),
    ])
}

/// The sample from Dev to Prod. Votes are given the moment they are asked for, by one who is asked.
fn demo(state: &Path) -> anyhow::Result<()> {
    let run = ["run", "pipelines/aks-release/pipeline.yaml", "--rehearse", "--new", "--to", "Prod"];
    let owner = Owner::start(relhost(&run, Some(state))?, state)?;
    let newest = || owner.ask(None, &json!({ "releases": { "pipeline": null, "active": true } }));
    let release = loop {
        let rows = newest()?;
        if let Some(row) = rows["releases"]["rows"].get(0) {
            break row["id"].clone();
        }
    };
    let mut events = 0;
    // Before a manual stage is promoted the release counts as done: only the end of the process is the end.
    while let Ok(asked) = owner.wait_for_approval(&release, &mut events) {
        if let Some(open) = asked {
            owner.approve(&open)?;
        }
    }
    owner.end()
}

fn relhost(arguments: &[&str], state: Option<&Path>) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(arguments).arg("--no-input").current_dir(root());
    if let Some(state) = state {
        command.arg("--state").arg(state);
    }
    Ok(command)
}

fn quiet(mut command: Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn times(count: usize, work: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Vec<Duration>> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        work()?;
        seen.push(started.elapsed());
    }
    Ok(seen)
}
