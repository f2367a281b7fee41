//! `cargo xtask ci`: everything a change has to pass. The quick checks come first.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Args;
use crate::command::{cargo, run as run_command};
use crate::place::Place;
use crate::say::step;
use crate::test;

pub const HELP: &str = "\
Everything a change has to pass: format, clippy, documentation, then every test.

Usage: cargo xtask ci

With CI=true in the environment a missing real part (Kubernetes, SMTP) is a failure.

Example:
  CI=true cargo xtask ci
";

/// Runs the checks in order; the first that fails ends it.
///
/// # Errors
/// If a check fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    arguments.finish("cargo xtask ci --help")?;
    let place = Place::find()?;
    let check = |name: &str, words: &[&str]| {
        step(name, || run_command(cargo(&place.root).args(words).env("RUSTDOCFLAGS", "-D warnings")))
    };
    check("check the format", &["fmt", "--all", "--check"])?;
    check("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    check("build the documentation", &["doc", "--workspace", "--no-deps"])?;
    test::all(&place)
}
