//! `cargo xtask bench`: the benchmarks.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::args::Args;
use crate::command::{cargo, run as run_command};
use crate::place::{Place, create_dir};
use crate::plugins;
use crate::say::{say, step};

pub const HELP: &str = "\
Build everything with optimisation, measure, and write the result to docs/benchmarks.md.

Usage: cargo xtask bench [GROUP...]

Groups: sandbox, steps, approval, process. With groups only those are measured, and nothing is written.
Close what else runs on the machine: the numbers are medians, but they are this machine's.

Examples:
  cargo xtask bench
  cargo xtask bench steps
";

const PAGE: &str = "docs/benchmarks.md";

/// Builds and measures.
///
/// # Errors
/// If something does not build or a benchmark fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let groups = arguments.words("cargo xtask bench --help")?;
    let place = Place::find()?;
    plugins::build(&place)?;
    let mut build = cargo(&place.root);
    build.args(["build", "--release", "-p", "relhost", "-p", "relhost-tests"]);
    build.args(["--bin", "relhost", "--bin", "relhost-bench"]);
    step("build with optimisation", || run_command(&mut build))?;

    let mut bench = Command::new(place.built("release", "relhost-bench"));
    bench.current_dir(&place.root).env("RELHOST_BIN", place.built("release", "relhost")).args(&groups);
    if groups.is_empty() {
        create_dir(&place.root.join("docs"))?;
        bench.arg("--write").arg(PAGE);
    }
    step("measure", || run_command(&mut bench))?;
    if groups.is_empty() {
        say(format_args!("    wrote {PAGE}"));
    }
    Ok(ExitCode::SUCCESS)
}
