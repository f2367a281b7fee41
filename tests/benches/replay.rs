//! Replay: a journal is read, its chain verified, and the guest run again on it in a fresh instance.

use std::time::{Duration, Instant};

use crate::journaled::Engine;
use crate::quick;
use crate::report::{Goal, Row};

pub const ABOUT: &str = "A run's journal is read from the database, its hash chain verified, and the guest \
    `five-steps` runs again on it in a fresh instance, every call answered from the journal. A step has two records.";

/// Records of the journals, and how often each is replayed.
const SIZES: [(u32, usize); 3] = [(1_000, 15), (10_000, 9), (100_000, 5)];
const GOAL: f64 = 200_000.0;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    runtime.block_on(async {
        let engine = Engine::open(folder.path(), None).await?;
        let mut rows = Vec::new();
        for (records, times) in SIZES {
            let (records, times) = (quick::of(records), quick::times(times));
            let run = engine.run(records / 2).await?;
            let mut seen: Vec<Duration> = Vec::new();
            for _ in 0..times {
                let started = Instant::now();
                engine.replay(run).await?;
                seen.push(started.elapsed());
            }
            let what = format!("replay of a journal of {records} records");
            rows.push(Row::rates(what, Goal::Value(GOAL), records, &seen));
        }
        Ok(rows)
    })
}
