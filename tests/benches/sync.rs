//! How often a program makes something durable: its calls of fsync and fdatasync, as strace counts them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The hidden first word that makes this program do something once, without a look at the clock.
pub const COUNTED: &str = "counted";

/// Calls that wait for the disk.
const CALLS: &str = "fsync,fdatasync,sync_file_range,msync";

/// The command under strace, which writes its counts to a file.
pub fn traced(command: &Command, counts: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-e", &format!("trace={CALLS}"), "-o"]).arg(counts);
    strace.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// What strace counted in all.
///
/// # Errors
/// If it wrote nothing.
pub fn read(counts: &Path) -> anyhow::Result<u32> {
    let text = std::fs::read_to_string(counts).context("read what strace counted")?;
    // Nothing at all is written if nothing was called.
    let total = text.lines().find(|line| line.trim_end().ends_with(" total"));
    let calls = total.and_then(|line| line.split_whitespace().rev().find_map(|word| word.parse().ok()));
    Ok(calls.unwrap_or(0))
}

/// The counted calls of a command that runs to its end.
///
/// # Errors
/// If there is no strace, or the command fails.
pub fn count(command: &Command) -> anyhow::Result<u32> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let output = traced(command, &counts).output().context("start strace")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    read(&counts)
}

/// The calls per step: those of a command with so many steps, less those of the same with none.
///
/// # Errors
/// As [`count`].
pub fn per_step(command: impl Fn(u32) -> anyhow::Result<Command>, steps: u32) -> anyhow::Result<f64> {
    let (with, without) = (count(&command(steps)?)?, count(&command(0)?)?);
    Ok(f64::from(with.saturating_sub(without)) / f64::from(steps))
}
