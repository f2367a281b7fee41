//! `cargo xtask`: everything around the product that is more than one cargo command.
//!
//! It depends on no crate of the host, so that it builds in seconds and works when the host does not build.
//! Progress goes to stderr; stdout carries only results (a status table, the output of tests).
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

mod args;
mod say;

mod command;
mod place;

mod cluster;
mod fuzz;
mod guards;
mod plugins;
mod python;

mod bench;
mod demo;
mod test;

mod ci;
mod torture;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Args, Usage};
use crate::say::{result, say};

const HELP: &str = "\
Tasks around relhost.

Usage: cargo xtask <TASK> [OPTIONS]

Tasks:
  demo      Rehearse the sample pipeline from Dev to Prod
  test      Build everything, start the real parts and run every test
  plugins   Build the bundled plugins and the guests of the tests to WebAssembly
  cluster   Start, stop or show a Kubernetes control plane for tests
  bench     Run the benchmarks
  fuzz      Give the readers of the host inputs that nobody thought of
  guards    Take out each guard of the host, and see its test fail
  torture   Kill relhost at random places, again and again
  ci        Everything a change has to pass

Examples:
  cargo xtask demo
  cargo xtask test
  cargo xtask test --no-real-parts
  cargo xtask cluster up

`cargo xtask <TASK> --help` explains a task.
";

/// The task was not even begun: what was written on the command line is wrong.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = fuzz::compiler::instead() {
        return code;
    }
    let mut arguments = Args::new(std::env::args().skip(1));
    match dispatch(&mut arguments) {
        Ok(code) => code,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            if error.is::<Usage>() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(arguments: &mut Args) -> Result<ExitCode> {
    let Some(task) = arguments.positional() else {
        if arguments.help() || arguments.is_empty() {
            result(HELP);
            return Ok(ExitCode::SUCCESS);
        }
        return Err(arguments.unexpected("cargo xtask --help"));
    };
    let (help, run): (&str, fn(&mut Args) -> Result<ExitCode>) = match task.as_str() {
        "demo" => (demo::HELP, demo::run),
        "test" => (test::HELP, test::run),
        "plugins" => (plugins::HELP, plugins::run),
        "cluster" => (cluster::HELP, cluster::run),
        "bench" => (bench::HELP, bench::run),
        "fuzz" => (fuzz::HELP, fuzz::run),
        "guards" => (guards::HELP, guards::run),
        "torture" => (torture::HELP, torture::run),
        "ci" => (ci::HELP, ci::run),
        other => return Err(Usage::new(format!("no task is called `{other}`; see `cargo xtask --help`"))),
    };
    if arguments.help() {
        result(help);
        return Ok(ExitCode::SUCCESS);
    }
    run(arguments)
}
