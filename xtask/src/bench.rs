//! `cargo xtask bench`: the benchmarks, and the peers beside which they are measured.

mod peers;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::args::{Args, Usage};
use crate::cluster;
use crate::command::{cargo, run as run_command};
use crate::place::{Place, create_dir, remove_dir};
use crate::plugins;
use crate::say::{say, step};

pub const HELP: &str = "\
Build everything with optimisation, get the peers (DBOS, Restate, kubectl, Helm), measure all of it in one run, and
write the result to docs/benchmarks.md.

Usage: cargo xtask bench [--no-cold-build] [GROUP...]

With groups only those are measured, and nothing is written. There are sandbox, replay, steps, approval, waiting,
process, apply, cause, size, and million: as many runs that wait, in twenty minutes and 15 GB of disk, which are left out
unless they are asked for. Without any, the release build is made from nothing once, in a folder of its own, to
time it.
Close what else runs on the machine: the numbers are medians, but they are this machine's.

Options:
  --no-cold-build   Leave out the build from nothing, which takes longer than the rest

Environment:
  RELHOST_CACHE          Where the peers are kept [default: relhost in the user's cache folder]
  RELHOST_TEST_CLUSTER   The cluster.json of a control plane that runs already

Examples:
  cargo xtask bench
  cargo xtask bench steps replay
";

/// What `tests/benches/main.rs` measures: a wrong word is refused before anything is built.
const GROUPS: [&str; 10] =
    ["sandbox", "replay", "steps", "approval", "waiting", "process", "apply", "cause", "size", "million"];
const PAGE: &str = "docs/benchmarks.md";
/// Groups that need a control plane, and groups that need somebody else's engine.
const WITH_CLUSTER: [&str; 2] = ["apply", "cause"];
const WITH_ENGINES: [&str; 2] = ["steps", "approval"];

/// Builds and measures.
///
/// # Errors
/// If there is no such group, something does not build or a benchmark fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let timed = !arguments.flag("--no-cold-build");
    let groups = arguments.words("cargo xtask bench --help")?;
    if let Some(unknown) = groups.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        let text = format!("there is no group `{unknown}`; there are {}", GROUPS.join(", "));
        return Err(Usage::new(text));
    }
    let place = Place::find()?;
    plugins::build(&place)?;
    let cold = if timed && groups.is_empty() {
        Some(step("build from nothing", || cold_build(&place))?)
    } else {
        None
    };
    let mut build = cargo(&place.root);
    build.args(["build", "--release", "-p", "relhost", "-p", "relhost-tests"]);
    build.args(["--bin", "relhost", "--bin", "relhost-bench"]);
    step("build with optimisation", || run_command(&mut build))?;

    let wanted = |any: &[&str]| groups.is_empty() || groups.iter().any(|group| any.contains(&group.as_str()));
    let mut bench = Command::new(place.built("release", "relhost-bench"));
    bench.current_dir(&place.root).env("RELHOST_BIN", place.built("release", "relhost")).args(&groups);
    if let Some(cold) = cold {
        bench.env("RELHOST_BENCH_BUILD_SECONDS", cold.as_secs_f64().to_string());
    }
    if wanted(&WITH_ENGINES) {
        bench.envs(peers::engines());
    }
    if groups.is_empty() {
        create_dir(&place.root.join("docs"))?;
        bench.arg("--write").arg(PAGE);
    }
    measure(&place, &mut bench, wanted(&WITH_CLUSTER))?;
    if groups.is_empty() {
        say(format_args!("    wrote {PAGE}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// With a control plane if one is wanted: the one that is given or runs already, else one that is ended again.
fn measure(place: &Place, bench: &mut Command, with_cluster: bool) -> Result<()> {
    let mut started = None;
    if with_cluster {
        bench.envs(peers::helm());
        if std::env::var_os("RELHOST_TEST_CLUSTER").is_none() {
            let layout = cluster::layout(place, None)?;
            let up = step("bring up the control plane", || cluster::up(place, &layout))?;
            bench.env("RELHOST_TEST_CLUSTER", &up.summary);
            started = up.started.then_some(layout);
        }
    }
    let measured = step("measure", || run_command(bench));
    if let Some(layout) = started {
        cluster::down(&layout).context("cannot end the control plane")?;
    }
    measured
}

/// The time of `cargo build --release -p relhost` in an empty target folder, which is removed again.
fn cold_build(place: &Place) -> Result<Duration> {
    let target = place.made("bench-cold");
    remove_dir(&target)?;
    let started = Instant::now();
    let built = build_in(place, &target);
    let took = started.elapsed();
    remove_dir(&target)?;
    built.map(|()| took)
}

fn build_in(place: &Place, target: &Path) -> Result<()> {
    let mut build = cargo(&place.root);
    build
        .args(["build", "--quiet", "--release", "-p", "relhost", "--bin", "relhost", "--target-dir"])
        .arg(target);
    run_command(&mut build)
}
