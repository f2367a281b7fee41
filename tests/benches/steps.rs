//! Durable steps: guests whose calls are journaled, on SQLite as the product opens it, and effects that do nothing.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::journaled::Engine;
use crate::peer::{Part, Peer};
use crate::quick;
use crate::report::{Goal, Row, Unit};
use crate::sync;

pub const ABOUT: &str = "A step is a host call of the guest `five-steps` whose intent is durable before its effect, \
    which does nothing; a run is created, claimed and ended within the time. At most 32 runs are in flight, as in the \
    product. The peers run the same number of steps that do nothing, with their own settings \
    (`tests/benches/peers`). fsyncs are counted by `strace -f -c` around another run of the same program.";

/// Steps of the sequential run; the goal is stated for runs of hundreds.
const SEQUENTIAL: u32 = 2000;
/// Runs in flight, in the product and here.
const IN_FLIGHT: usize = 32;
/// Runs of a few steps at once, and how often each is measured, here and with the peers.
const AT_ONCE: [(u32, usize, usize); 2] = [(32, 15, 5), (1000, 5, 1)];
const STEPS: u32 = 5;
const TIMES: usize = 9;
/// The same of the peers, who need longer.
const PEER_STEPS: u32 = 200;
const PEER_TIMES: usize = 5;
/// How often the disk itself is asked.
const PROBES: usize = 500;
/// Steps whose fsyncs are counted.
const COUNTED: u32 = 500;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let engine = runtime.block_on(Engine::open(folder.path(), None))?;
    let sequential =
        times(quick::times(TIMES), || runtime.block_on(engine.run(quick::of(SEQUENTIAL))).map(drop))?;
    let what = format!("sequential durable steps ({})", engine.settings);
    let ours = Row::rates(what, Goal::Value(2000.0), quick::of(SEQUENTIAL), &sequential);
    let mut rows =
        beside(ours, "sequential steps", Part::OneRun(quick::of(PEER_STEPS)), quick::times(PEER_TIMES));
    for (count, repeated, peer_repeated) in AT_ONCE {
        let (count, repeated, peer_repeated) =
            (quick::of(count), quick::times(repeated), quick::times(peer_repeated));
        let seen = times(repeated, || runtime.block_on(runs(&engine, count, STEPS)))?;
        let what = format!("{count} runs of {STEPS} durable steps");
        let ours = Row::rates(what.clone(), Goal::Value(5000.0), count * STEPS, &seen);
        rows.extend(beside(ours, &what, Part::RunsOfFive(count), peer_repeated));
    }
    rows.push(synced("sequential", 1, COUNTED)?);
    rows.extend(Peer::ALL.map(peer_synced));
    rows.push(synced("32 runs of 5", IN_FLIGHT as u32, STEPS)?);
    rows.push(Row::times(
        "the disk: append 4 KiB and fdatasync",
        Goal::None,
        Unit::Micros,
        &disk(folder.path())?,
    ));
    Ok(rows)
}

/// Our row, and the same of the peers.
fn beside(mut ours: Row, what: &str, part: Part, times: usize) -> Vec<Row> {
    let operations = match part {
        Part::OneRun(steps) => steps,
        Part::RunsOfFive(runs) => runs * STEPS,
        Part::Approval => 1,
    };
    let mut peers = Vec::new();
    for peer in Peer::ALL {
        let row = match peer.measure(part, times) {
            Ok(seen) => Row::rates(format!("{what}: {}", seen.title), Goal::None, operations, &seen.times),
            Err(error) => Row::missing(format!("{what}: {}", peer.name()), format!("{error:#}")),
        };
        ours = ours.beside(peer.name(), &row);
        peers.push(row);
    }
    peers.insert(0, ours);
    peers
}

fn peer_synced(peer: Peer) -> Row {
    let what = format!("fsyncs per step, sequential: {}", peer.name());
    match peer.synced(PEER_STEPS) {
        Ok(count) => Row::new(what, Goal::None, Unit::Count, vec![count]),
        Err(error) => Row::missing(what, format!("{error:#}")),
    }
}

/// So many runs of so many steps, at most [`IN_FLIGHT`] at once.
///
/// # Errors
/// If one does not end well.
pub async fn runs(engine: &Engine, count: u32, steps: u32) -> anyhow::Result<()> {
    let free = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (engine, free) = (engine.clone(), Arc::clone(&free));
        runs.spawn(async move {
            let _one = free.acquire().await?;
            engine.run(steps).await
        });
    }
    while let Some(ended) = runs.join_next().await {
        ended??;
    }
    Ok(())
}

/// fsyncs per step of so many runs at once.
fn synced(what: &str, runs: u32, steps: u32) -> anyhow::Result<Row> {
    let program = std::env::current_exe()?;
    let command = |steps: u32| {
        let mut command = Command::new(&program);
        // Without any steps there are no runs either.
        let (runs, steps) = if steps == 0 { (0, 0) } else { (runs, steps / runs) };
        command.args([sync::COUNTED, "steps", &runs.to_string(), &steps.to_string()]);
        Ok(command)
    };
    let what = format!("fsyncs per step, {what}");
    Ok(match sync::per_step(command, runs * steps) {
        Ok(count) => Row::new(what, Goal::None, Unit::Count, vec![count]),
        Err(error) => Row::missing(what, format!("{error:#}")),
    })
}

fn times(count: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<Duration>> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        work()?;
        seen.push(started.elapsed());
    }
    Ok(seen)
}

/// What a durable step cannot be quicker than here.
fn disk(folder: &std::path::Path) -> anyhow::Result<Vec<Duration>> {
    let mut file = std::fs::File::create(folder.join("probe"))?;
    let page = [7; 4096];
    times(PROBES, || {
        file.write_all(&page)?;
        Ok(file.sync_data()?)
    })
}
