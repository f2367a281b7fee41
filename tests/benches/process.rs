//! The program as a whole: start-up, and a rehearsal of the sample with a warm component cache.

use std::process::{Command, Stdio};
use std::time::Instant;

use relhost_tests::workspace::root;

use crate::{Row, median};

const TIMES: usize = 7;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let binary = root().join("target/release/relhost");
    anyhow::ensure!(binary.is_file(), "{} is missing: cargo build --release -p relhost", binary.display());
    let state = tempfile::tempdir()?;
    let state_text = state.path().display().to_string();
    let version = time(TIMES, || command(&binary, &["--version"]))?;
    let rehearse = [
        "run",
        "pipelines/hello/pipeline.yaml",
        "--rehearse",
        "--new",
        "--state",
        state_text.as_str(),
        "--no-input",
    ];
    // The first one compiles the components into the cache.
    time(1, || command(&binary, &rehearse))?;
    let rehearsal = time(TIMES, || command(&binary, &rehearse))?;
    Ok(vec![
        Row {
            what: "relhost --version",
            goal: "10 ms",
            seen: format!("{:.1} ms", version.as_secs_f64() * 1e3),
        },
        Row {
            what: "relhost run --rehearse, one stage, warm",
            goal: "150 ms",
            seen: format!("{:.0} ms", rehearsal.as_secs_f64() * 1e3),
        },
    ])
}

fn command(binary: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn time(times: usize, command: impl Fn() -> Command) -> anyhow::Result<std::time::Duration> {
    let mut seen = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        let status = command().status()?;
        anyhow::ensure!(status.success(), "{:?} ended with {status}", command());
        seen.push(started.elapsed());
    }
    Ok(median(seen))
}
