//! What waiting costs, and what it costs a restart: memory, disk and time beside very many runs that wait.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::fleet::{Fleet, Stopped};
use crate::owner::Owner;
use crate::process;
use crate::quick;
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "`relhost serve --rehearse` on a state folder with so many runs that wait inside a stage's \
    code. One of them is made by the real binary, the others are its copies under other names, committed through the \
    store; each holds an environment of its own, which the configuration does not name. Resident bytes are those of \
    the process (VmRSS) at rest, less those beside one run that waits. For the restart, active runs are such that were \
    approved and claimed when their owner was killed; each has progressed when the object that it applies then is in \
    the rehearsal cluster. The time counts from the start of the process.";

/// How many wait, one size after the other.
const SIZES: [u32; 2] = [10_000, 100_000];
/// The same for those who have twenty minutes and 15 GB of disk.
const MILLION: [u32; 1] = [1_000_000];
/// The size beside which a restart is measured, the active runs, and how often.
const RESTART_SIZE: u32 = 100_000;
const ACTIVE: u32 = 1_000;
const RESTARTS: usize = 3;
/// Longer than this is no restart.
const RESTART_LIMIT: Duration = Duration::from_secs(120);
/// After this long a process has done what it does at its start.
const REST: Duration = Duration::from_secs(3);

pub fn measure() -> anyhow::Result<Vec<Row>> {
    of(&SIZES)
}

pub fn measure_million() -> anyhow::Result<Vec<Row>> {
    of(&MILLION)
}

fn of(sizes: &[u32]) -> anyhow::Result<Vec<Row>> {
    let mut fleet = Fleet::new()?;
    let (base, _) = at_rest(&fleet)?;
    let base_disk = disk(&fleet.state())?;
    let mut rows = Vec::new();
    for &full in sizes {
        let size = u64::from(quick::of(full));
        fleet.add((size + 1).saturating_sub(fleet.size()), Stopped::Waiting)?;
        let (resident, answered) = at_rest(&fleet)?;
        let per_run = |bytes: u64, base: u64| bytes.saturating_sub(base) as f64 / size as f64;
        rows.push(Row::new(
            format!("resident bytes per waiting run, of {size}"),
            Goal::Value(64.0),
            Unit::Bytes,
            vec![per_run(resident, base)],
        ));
        rows.push(Row::new(
            format!("bytes on disk per waiting run, of {size}"),
            Goal::None,
            Unit::Bytes,
            vec![per_run(disk(&fleet.state())?, base_disk)],
        ));
        rows.push(Row::times(
            format!("start beside {size} waiting runs, until it answers"),
            Goal::None,
            Unit::Seconds,
            &[answered],
        ));
        if full == RESTART_SIZE {
            rows.push(restart(&mut fleet)?);
        }
    }
    Ok(rows)
}

/// The resident bytes of a server that has nothing to do, and the time until it answered.
fn at_rest(fleet: &Fleet) -> anyhow::Result<(u64, Duration)> {
    let started = Instant::now();
    let owner = Owner::start(fleet.serve()?, &fleet.state())?;
    let answered = started.elapsed();
    std::thread::sleep(REST);
    let resident = process::resident(owner.pid())?;
    owner.stop()?;
    Ok((resident, answered))
}

fn restart(fleet: &mut Fleet) -> anyhow::Result<Row> {
    let active = quick::of(ACTIVE);
    let waiting = quick::of(RESTART_SIZE);
    let mut times = Vec::new();
    for _ in 0..RESTARTS {
        let environments = fleet.add(active.into(), Stopped::Active)?;
        let mut missing: Vec<PathBuf> = environments
            .iter()
            .map(|name| fleet.state().join("rehearsal").join(name).join("ConfigMap.object.json"))
            .collect();
        let started = Instant::now();
        let owner = Owner::start(fleet.serve()?, &fleet.state())?;
        while !missing.is_empty() {
            missing.retain(|path| !path.exists());
            let waited = started.elapsed();
            ensure!(waited < RESTART_LIMIT, "{} runs did not progress in {waited:?}", missing.len());
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(started.elapsed());
        owner.stop()?;
    }
    let what = format!("restart: until {active} active runs progress, beside {waiting} that wait");
    Ok(Row::times(what, Goal::Value(2.0), Unit::Seconds, &times))
}

fn disk(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("relhost") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
