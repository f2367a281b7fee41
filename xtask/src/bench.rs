//! `cargo xtask bench`: the benchmarks.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Args;
use crate::command::{cargo, run as run_command};
use crate::place::Place;
use crate::plugins;
use crate::say::step;

pub const HELP: &str = "\
Build everything with optimisation and run the benchmarks.

Usage: cargo xtask bench [ARGS...]

ARGS go to the benchmarks; after `--` also those that look like options of this task.

Examples:
  cargo xtask bench
  cargo xtask bench -- --help
";

/// Builds and measures.
///
/// # Errors
/// If something does not build or a benchmark fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let place = Place::find()?;
    plugins::build(&place)?;
    let mut bench = cargo(&place.root);
    bench.args(["run", "--release", "-p", "relhost-tests", "--bin", "relhost-bench", "--"]);
    bench.args(arguments.rest());
    step("run the benchmarks", || run_command(&mut bench))?;
    Ok(ExitCode::SUCCESS)
}
