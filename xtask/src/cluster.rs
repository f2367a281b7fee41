//! `cargo xtask cluster`: a real Kubernetes control plane on loopback, without containers.
//!
//! etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and KWOK in the place of the nodes. Which
//! life a pod has, and which address a Service gets, is chosen by annotations that are described in
//! `tests/support/cluster/README.md`. Everything that a cluster needs and writes lies in one folder.

mod certificates;
mod kubectl;
mod kwok;
mod launch;
mod layout;
mod ports;
mod process;
mod programs;
mod running;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::args::{Args, Usage};
use crate::place::Place;
use crate::say::{result, say};
use running::Running;

pub use layout::Layout;
pub use up::{Up, up};

pub const HELP: &str = "\
Start, stop or show a Kubernetes control plane for tests: loopback only, no containers.

Usage: cargo xtask cluster <up|down|status> [--dir DIR]

  up       Start it, or reuse the one that runs; the first time builds the programs (minutes, needs Go)
  down     End exactly the processes that `up` started
  status   Show which of them live, their ports and their memory; exit 1 if one is missing

Options:
  --dir DIR   Where it keeps everything [default: target/cluster]

Environment:
  KUBEBUILDER_ASSETS   A folder with kube-apiserver, etcd, kubectl, ...: what is there is used
  RELHOST_CACHE        Where built programs are kept [default: relhost in the user's cache folder]

What tests need to know is in DIR/cluster.json: server, ca, kubeconfig, audit_log, kubectl, versions.

Examples:
  cargo xtask cluster up
  kubectl --kubeconfig target/cluster/admin.kubeconfig get nodes
  cargo xtask cluster down
";

/// Runs `up`, `down` or `status`.
///
/// # Errors
/// If the command line is wrong, or the cluster cannot be started or stopped.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let place = Place::find()?;
    let dir = arguments.option("--dir")?;
    let layout = layout(&place, dir.map(PathBuf::from))?;
    let verb = arguments.positional();
    arguments.finish("cargo xtask cluster --help")?;
    match verb.as_deref() {
        Some("up") => {
            let up = up(&place, &layout)?;
            let how = if up.started { "the control plane is up" } else { "the control plane was up already" };
            say(format_args!("{how}: {}", layout.summary().display()));
            Ok(ExitCode::SUCCESS)
        }
        Some("down") => {
            let started = Instant::now();
            let stopped = down(&layout)?;
            say(format_args!("ended {stopped} processes in {:.1} s", started.elapsed().as_secs_f64()));
            Ok(ExitCode::SUCCESS)
        }
        Some("status") => status(&layout),
        Some(other) => {
            Err(Usage::new(format!("`cluster {other}` is unknown; see `cargo xtask cluster --help`")))
        }
        None => Err(Usage::new("say up, down or status; see `cargo xtask cluster --help`".to_owned())),
    }
}

/// Where a cluster keeps everything: the given folder, or the usual one.
///
/// # Errors
/// If the current folder is gone.
pub fn layout(place: &Place, dir: Option<PathBuf>) -> Result<Layout> {
    let dir = dir.unwrap_or_else(|| place.made("cluster"));
    Ok(Layout::new(std::path::absolute(&dir).with_context(|| format!("cannot resolve {}", dir.display()))?))
}

/// Ends the processes of the cluster, and returns how many lived. Logs and the audit log stay until the
/// next `up`.
///
/// # Errors
/// If a process cannot be ended.
pub fn down(layout: &Layout) -> Result<usize> {
    if !layout.exists() {
        return Ok(0);
    }
    let _lock = layout.lock()?;
    Running::load(layout)?.stop()
}

fn status(layout: &Layout) -> Result<ExitCode> {
    let running = Running::load(layout)?;
    let mut table = format!("{:<26}{:>9}  {:<8}{:>9}  {}\n", "PROGRAM", "PID", "STATE", "MEMORY", "PORTS");
    for record in running.records() {
        let (state, memory) = match record.memory() {
            Some(kib) => ("running", format!("{} MiB", kib / 1024)),
            None => ("ended", "-".to_owned()),
        };
        let ports: Vec<String> = record.ports.iter().map(ToString::to_string).collect();
        let (name, pid) = (&record.name, record.pid);
        table.push_str(&format!("{name:<26}{pid:>9}  {state:<8}{memory:>9}  {}\n", ports.join(" ")));
    }
    let complete = layout.summary().exists();
    if running.records().is_empty() {
        say(format_args!("no control plane runs in {}", layout.dir().display()));
    } else {
        result(table);
        result(if complete { format!("\n{}\n", layout.summary().display()) } else { String::new() });
    }
    Ok(if complete && running.all_alive() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
