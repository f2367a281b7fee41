//! `cargo xtask torture`: the real binary is killed at random places of the whole sample pipeline, again and again.
//! The suite makes a few of these trials; this makes many.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Args, Usage};
use crate::command::{cargo, run as run_command};
use crate::place::Place;
use crate::say::step;
use crate::test;

pub const HELP: &str = "\
Kill relhost at random places while it rehearses the sample pipeline from Dev to Prod, go on, and check after every
kill that nothing was lost, doubled or made up, and that the result is the one without a kill.

Usage: cargo xtask torture [--seed N] [--runs N] [--seconds N]

Options:
  --seed N      The seed of the first trial; the next one has N + 1. Without it a random one, which is printed
  --runs N      How many trials; 500 without
  --seconds N   Begin no trial after so many seconds; an hour without

A trial that fails prints its own seed, and its folder is kept in target/torture.

Examples:
  cargo xtask torture
  cargo xtask torture --seed 7 --runs 1
  cargo xtask torture --seconds 600
";

/// How many trials, unless somebody says otherwise: a quarter of an hour on two cores.
const RUNS: u64 = 500;
/// No machine takes that long; one that hangs is noticed.
const SECONDS: u64 = 3600;
/// The test that makes the trials.
const TRIALS: &str = "kill::random::a_release_survives_kills_at_random_places";

/// Builds and kills.
///
/// # Errors
/// If something does not build, or a trial fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let seed = number(arguments, "--seed")?.unwrap_or_else(random);
    let runs = number(arguments, "--runs")?.unwrap_or(RUNS);
    let seconds = number(arguments, "--seconds")?.unwrap_or(SECONDS);
    arguments.finish("cargo xtask torture --help")?;
    let place = Place::find()?;
    let kill_binary = test::build(&place)?;
    let mut trials = cargo(&place.root);
    trials.args(["test", "--workspace", "--test", "suite", "--", "--exact", TRIALS]);
    trials.args(["--include-ignored", "--nocapture"]).env("RELHOST_KILL_BIN", kill_binary);
    let asked = [("SEED", seed), ("RUNS", runs), ("SECONDS", seconds)];
    trials.envs(asked.map(|(name, value)| (format!("RELHOST_TORTURE_{name}"), value.to_string())));
    step("kill relhost at random places", || run_command(&mut trials))?;
    Ok(ExitCode::SUCCESS)
}

fn number(arguments: &mut Args, name: &str) -> Result<Option<u64>> {
    let Some(text) = arguments.option(name)? else { return Ok(None) };
    let number =
        text.parse().map_err(|_| Usage::new(format!("`{name} {text}`: a whole number is needed")))?;
    Ok(Some(number))
}

/// Small enough to be typed again.
fn random() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000_000
}
