//! The machine that was measured on.

use std::process::Command;

/// Names and values.
///
/// # Errors
/// If the binary that was measured cannot say its version.
pub fn facts() -> anyhow::Result<Vec<(String, String)>> {
    let system = rustix::system::uname();
    // What follows the numbers of a kernel names who built it.
    let release = system.release().to_string_lossy();
    let kernel = format!("{} {}", system.sysname().to_string_lossy(), number(&release));
    let cores = std::thread::available_parallelism()?.get();
    let folder = std::env::temp_dir();
    let facts = [
        ("processor", format!("{cores} cores, {}", field("/proc/cpuinfo", "model name"))),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", kernel),
        ("file system of the measured state", file_system(&folder)),
        ("relhost", said(Command::new(super::process::binary()?).arg("--version"))?),
        ("compiler", said(Command::new("rustc").arg("--version"))?),
        ("load at the end of the run", load()),
    ];
    Ok(facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The numbers of a release.
fn number(release: &str) -> &str {
    release.split('-').next().unwrap_or(release)
}

/// Averages of one, five and fifteen minutes; more than the cores means that others worked here too.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
}

/// The type of the file system that a folder lies on: the mount whose path is the longest prefix.
fn file_system(folder: &std::path::Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let below = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(path).then(|| (path.len(), kind.to_owned()))
    });
    below.max_by_key(|(length, _)| *length).map_or("unknown".to_owned(), |(_, kind)| kind)
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
