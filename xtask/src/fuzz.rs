//! `cargo xtask fuzz`: the targets of `tests/fuzz` under libFuzzer.

pub mod compiler;
mod statistics;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::args::{Args, Usage};
use crate::command::{cargo, output, run as run_command};
use crate::place::{Place, create_dir};
use crate::say::{result, say, step};
use statistics::Statistics;

pub const HELP: &str = "\
Give the readers of the host inputs that nobody thought of, and see that what must hold does hold.

Usage: cargo xtask fuzz [--minutes N] [--jobs N] [TARGET...]

Without a TARGET all of them run: the folders of tests/fuzz/corpus. Each starts from its seeds there and from
what earlier runs found worth keeping in target/fuzz/corpus. An input for which something does not hold is kept
in target/fuzz/findings/TARGET: put it into tests/fuzz/regressions/TARGET, and `cargo test -p relhost-fuzz` shows
it again.

Options:
  --minutes N   How long each target runs; 10 without
  --jobs N      How many run at the same time; 1 without

Examples:
  cargo xtask fuzz --minutes 1
  cargo xtask fuzz --jobs 2 pipeline-file manifest
";

/// Long enough for what quick seeds lead to.
const MINUTES: u32 = 10;
/// More memory than the largest input may cost any reader, the sandbox's pool included.
const MEMORY_MIB: u32 = 2048;
/// An input that takes longer is a finding. By the clock on the wall: a busy machine stops a program for half a minute.
const SECONDS_PER_INPUT: u32 = 120;
/// Larger inputs are slower and find nothing that smaller ones do not.
const BYTES_MAX: u32 = 16 * 1024;

/// Builds and runs.
///
/// # Errors
/// If the command line is wrong, a target does not build, or something was found.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let minutes = number(arguments, "--minutes")?.unwrap_or(MINUTES);
    let jobs = number(arguments, "--jobs")?.unwrap_or(1);
    let wanted = arguments.words("cargo xtask fuzz --help")?;
    let place = Place::find()?;
    let targets = targets(&place, wanted)?;
    let library = step("build libFuzzer", || driver(&place))?;
    step("build the targets", || build(&place, &library))?;
    let runs = step("fuzz", || fuzz(&place, &targets, minutes, jobs))?;
    let mut table = format!("{}\n", Statistics::HEADER);
    for run in &runs {
        table.push_str(&format!("{}\n", run.row()));
    }
    result(table);
    let found: usize = runs.iter().map(|run| run.findings).sum();
    if found > 0 {
        bail!("{found} inputs for which something does not hold; see {}", findings(&place).display());
    }
    Ok(ExitCode::SUCCESS)
}

fn number(arguments: &mut Args, name: &str) -> Result<Option<u32>> {
    let Some(text) = arguments.option(name)? else { return Ok(None) };
    match text.parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(Usage::new(format!("`{name}` takes a whole number from 1, not `{text}`"))),
    }
}

fn corpus(place: &Place) -> PathBuf {
    place.root.join("tests/fuzz/corpus")
}

fn findings(place: &Place) -> PathBuf {
    place.made("fuzz").join("findings")
}

/// The targets that are asked for, or all.
fn targets(place: &Place, wanted: Vec<String>) -> Result<Vec<String>> {
    let folder = corpus(place);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        all.push(entry.file_name().to_string_lossy().into_owned());
    }
    all.sort();
    match wanted.iter().find(|name| !all.contains(name)) {
        Some(name) => Err(Usage::new(format!("no target is called `{name}`; there are {}", all.join(", ")))),
        None if wanted.is_empty() => Ok(all),
        None => Ok(wanted),
    }
}

/// Builds libFuzzer from the sources that a crate brings. Returns where it lies.
fn driver(place: &Place) -> Result<PathBuf> {
    let mut build = cargo(&place.root);
    build.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    build.arg("--manifest-path").arg(place.root.join("tests/fuzz/driver/Cargo.toml"));
    build.arg("--target-dir").arg(place.made("fuzz").join("driver"));
    let messages = output(&mut build)?;
    let folders = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = message["package_id"].as_str()?.contains("libfuzzer-sys");
        ours.then(|| PathBuf::from(message["out_dir"].as_str().unwrap_or_default()))
    });
    let library = folders.map(|folder| folder.join("libfuzzer.a")).find(|library| library.is_file());
    library.context("the build of libFuzzer does not say where it is")
}

fn build(place: &Place, library: &Path) -> Result<()> {
    let mut build = cargo(&place.root);
    build.args(["build", "--workspace", "--example", "fuzz", "--features", "relhost-fuzz/libfuzzer"]);
    run_command(compiler::instrument(&mut build, library)?)
}

/// As many targets at the same time as there are jobs, in their order.
fn fuzz(place: &Place, targets: &[String], minutes: u32, jobs: u32) -> Result<Vec<Statistics>> {
    let mut runs = Vec::new();
    for batch in targets.chunks(jobs as usize) {
        let started = batch.iter().map(|target| start(place, target, minutes)).collect::<Result<Vec<_>>>()?;
        for (target, mut run) in batch.iter().zip(started) {
            let status = run.child.wait().with_context(|| format!("cannot wait for {target}"))?;
            let findings = kept(&run.findings)?.difference(&run.known).count();
            let statistics = Statistics::read(target, &run.log, findings)?;
            say(format_args!("    {}", statistics.row()));
            if !status.success() && statistics.findings == 0 {
                bail!("{target} ended with {status} and kept no input; see {}", run.log.display());
            }
            runs.push(statistics);
        }
    }
    Ok(runs)
}

struct Run {
    child: Child,
    log: PathBuf,
    findings: PathBuf,
    /// What earlier runs have kept there.
    known: BTreeSet<OsString>,
}

/// The files of a folder.
fn kept(folder: &Path) -> Result<BTreeSet<OsString>> {
    let listed = || format!("cannot list {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(listed)?;
    entries.map(|entry| Ok(entry.with_context(listed)?.file_name())).collect()
}

fn start(place: &Place, target: &str, minutes: u32) -> Result<Run> {
    let made = place.made("fuzz");
    let (grown, findings) = (made.join("corpus").join(target), findings(place).join(target));
    create_dir(&grown)?;
    create_dir(&findings)?;
    let known = kept(&findings)?;
    let log = made.join(format!("{target}.log"));
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(place.target.join("debug/examples/fuzz"));
    command.current_dir(&place.root).env("RELHOST_FUZZ_TARGET", target);
    command.args([
        format!("-max_total_time={}", u64::from(minutes) * 60),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-timeout={SECONDS_PER_INPUT}"),
        format!("-report_slow_units={SECONDS_PER_INPUT}"),
        format!("-max_len={BYTES_MAX}"),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", findings.display()),
    ]);
    let words = place.root.join("tests/fuzz/words").join(target);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    // What is new goes into the first folder; the seeds stay as they are.
    command.arg(&grown).arg(corpus(place).join(target));
    let regressions = place.root.join("tests/fuzz/regressions").join(target);
    if regressions.is_dir() {
        command.arg(regressions);
    }
    let shared = output.try_clone().context("cannot write a log through two streams")?;
    let child = command.stdout(output).stderr(shared).spawn();
    let child =
        child.with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
    Ok(Run { child, log, findings, known })
}
