//! What the benchmarks measure, done without a look at the clock: for tools that count what a program does.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::journaled::Engine;
use crate::steps;

/// Components that were compiled before, in a folder that is kept from one call to the next.
const CACHE: &str = "RELHOST_COUNTED_CACHE";

/// Does one of these:
/// `steps RUNS STEPS`: so many runs of so many durable steps;
/// `replays RECORDS TIMES`: a run with so many records, replayed so often;
/// `instances TIMES`: a run of one step, replayed so often.
///
/// # Errors
/// If it is called otherwise, or a run does not end well.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let numbers: Vec<u32> = words.iter().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let cache = std::env::var_os(CACHE);
    // Threads that look for work would be counted too.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    runtime.block_on(async {
        let engine = Engine::open(folder.path(), cache.as_deref().map(Path::new)).await?;
        match (words.first().map(String::as_str), numbers.as_slice()) {
            (Some("steps"), [runs, steps]) => steps::runs(&engine, *runs, *steps).await,
            (Some("replays"), [records, times]) => replays(&engine, *records, *times).await,
            (Some("instances"), [times]) => replays(&engine, 2, *times).await,
            _ => bail!("not `{}`", words.join(" ")),
        }
    })
}

async fn replays(engine: &Engine, records: u32, times: u32) -> anyhow::Result<()> {
    let run = engine.run(records / 2).await.context("make the run")?;
    for _ in 0..times {
        engine.replay(run).await?;
    }
    Ok(())
}
