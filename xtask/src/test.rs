//! `cargo xtask test`: everything that the tests need, then the tests.
//!
//! The order is not free. The host embeds the plugins, so they come first. The binary with kill points goes
//! through the same target folder as the ordinary one, so it is copied aside before that is built. The
//! control plane is started after the Rust build, so that the two do not fight for the cores.

mod needs;
mod summary;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::args::Args;
use crate::cluster;
use crate::command::{cargo, line, output, run as run_command};
use crate::place::{Place, create_dir};
use crate::plugins;
use crate::python::smtp_python;
use crate::say::{result, say, step};
use summary::Summary;

pub const HELP: &str = "\
Build everything, start the real parts (a Kubernetes control plane, an SMTP server's Python), look for valgrind, and
run every test.

Usage: cargo xtask test [--no-real-parts] [FILTER...]

FILTERs go to the test programs: only tests whose names contain one of them run.

Options:
  --no-real-parts   Leave out the tests that need a control plane, a mail server, Python or valgrind; without it
                    those are left out whose part cannot be had

Environment, for this task:
  CI=true           A real part that cannot be had is a failure, not a reason to leave tests out
Environment, set for the tests:
  RELHOST_BIN            The relhost binary
  RELHOST_KILL_BIN       The same with kill points
  RELHOST_TEST_CLUSTER   The cluster.json of the control plane
  RELHOST_TEST_PYTHON    The interpreter for tests/support/smtp_server.py

Examples:
  cargo xtask test
  cargo xtask test --no-real-parts approval
";

/// Builds, starts, tests.
///
/// # Errors
/// If something does not build, or under CI=true a real part cannot be had.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let real_parts = !arguments.flag("--no-real-parts");
    let filters = arguments.words("cargo xtask test --help")?;
    test(&Place::find()?, real_parts, &filters)
}

/// Every test with every real part.
///
/// # Errors
/// Those of [`run`].
pub fn all(place: &Place) -> Result<ExitCode> {
    test(place, true, &[])
}

/// Builds what the tests need; returns the binary with kill points.
///
/// # Errors
/// If something does not build.
pub fn build(place: &Place) -> Result<PathBuf> {
    plugins::build(place)?;
    let kill_binary = step("build relhost with kill points", || build_with_kill_points(place))?;
    step("build the workspace", || {
        run_command(cargo(&place.root).args(["build", "--workspace", "--bins", "--tests"]))
    })?;
    Ok(kill_binary)
}

fn test(place: &Place, real_parts: bool, filters: &[String]) -> Result<ExitCode> {
    let kill_binary = build(place)?;
    let layout = cluster::layout(place, None)?;
    let parts = if real_parts { Parts::start(place, &layout)? } else { Parts::none() };

    let outcome = program(place, &kill_binary, &parts).and_then(|mut tests| count(tests.args(filters)));

    // Without a word: what the tests printed shall stay the last thing to be seen.
    if parts.cluster.is_some_and(|up| up.started) {
        cluster::down(&layout).context("cannot end the control plane")?;
    }
    let (summary, success) = outcome?;
    result(format_args!("{summary}\n"));
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every test whose parts are there, those that are ignored otherwise too.
fn program(place: &Place, kill_binary: &Path, parts: &Parts) -> Result<Command> {
    let mut tests = cargo(&place.root);
    tests.args(["test", "--workspace", "--no-fail-fast", "--", "--include-ignored"]);
    for test in needs::tests_with(&place.root, &parts.missing)? {
        tests.args(["--skip", &test]);
    }
    tests.env("RELHOST_BIN", place.built("debug", "relhost")).env("RELHOST_KILL_BIN", kill_binary);
    tests.envs(parts.cluster.as_ref().map(|up| ("RELHOST_TEST_CLUSTER", &up.summary)));
    tests.envs(parts.python.as_ref().map(|python| ("RELHOST_TEST_PYTHON", python)));
    Ok(tests)
}

/// Built with what `cargo test --workspace` chooses as features of dependencies, which it does once a test is
/// among the targets: otherwise the sandbox's compiler would be built twice.
fn build_with_kill_points(place: &Place) -> Result<PathBuf> {
    let mut build = cargo(&place.root);
    run_command(build.args([
        "build",
        "--workspace",
        "--bin",
        "relhost",
        "--test",
        "suite",
        "--features",
        "relhost/kill-points",
    ]))?;
    let aside = place.made("kill-points").join("relhost");
    copy_aside(&place.built("debug", "relhost"), &aside)?;
    Ok(aside)
}

/// Through another name: the target may still run in a test that hangs, and then cannot be written.
fn copy_aside(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        create_dir(folder)?;
    }
    let draft = to.with_extension("draft");
    std::fs::copy(from, &draft)
        .and_then(|_| std::fs::rename(&draft, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// By what the reason of an ignored test tells that it needs a part.
const CLUSTER: &[&str] = &["control plane"];
const PYTHON: &[&str] = &["mail server", "python"];
const VALGRIND: &[&str] = &["valgrind"];

/// What tests need that is not ours.
struct Parts {
    cluster: Option<cluster::Up>,
    python: Option<PathBuf>,
    /// The words of those that are not there.
    missing: Vec<&'static str>,
}

impl Parts {
    fn none() -> Self {
        Self { cluster: None, python: None, missing: [CLUSTER, PYTHON, VALGRIND].concat() }
    }

    /// A part that cannot be had and is no failure is said: the tests that need it are left out, instead of being
    /// run to fail.
    fn start(place: &Place, layout: &cluster::Layout) -> Result<Self> {
        let mut missing = Vec::new();
        // What takes longest and has to be ended again comes last.
        let python = had(smtp_python(), PYTHON, &mut missing)?;
        had(find_valgrind(), VALGRIND, &mut missing)?;
        let up = step("bring up the control plane", || cluster::up(place, layout));
        let cluster = had(up, CLUSTER, &mut missing)?;
        Ok(Self { cluster, python, missing })
    }
}

fn had<T>(part: Result<T>, words: &[&'static str], missing: &mut Vec<&'static str>) -> Result<Option<T>> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            Err(error).context("a real part is missing, and CI=true")
        }
        Err(error) => {
            say(format_args!("warning: a real part is missing: {error:#}"));
            let named = words.join(" or ");
            say(format_args!("warning: left out are the tests that need: {named}"));
            missing.extend(words);
            Ok(None)
        }
    }
}

/// What counts instructions; nothing of it is started here.
fn find_valgrind() -> Result<()> {
    let found = output(Command::new("valgrind").arg("--version"));
    found.map(drop).context("valgrind is needed; it is a package of that name in most systems")
}

/// Runs the tests, passes on what they print, and counts.
fn count(tests: &mut Command) -> Result<(Summary, bool)> {
    say(format_args!("==> {}", line(tests)));
    let mut child = tests.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("the output of cargo test is not there")?;
    let mut summary = Summary::default();
    let mut out = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read the output of cargo test")?;
        summary.add(&String::from_utf8_lossy(&line));
        // Whoever reads may stop reading; the tests go on.
        let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    Ok((summary, status.success()))
}
