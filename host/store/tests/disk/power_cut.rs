//! Nothing that was acknowledged is lost when the power goes, at whatever moment.
//!
//! A trial's seed decides what is committed, when the power goes and what the disk has written by then; how
//! commits are grouped is up to the threads. `RELHOST_POWER_CUT_SEED=n` runs one seed,
//! `RELHOST_POWER_CUT_TRIALS=1000` as many seeds.

use std::path::Path;

use fastrand::Rng;
use relhost_engine::port::store::{Store as _, StoreError};
use relhost_store::{SqliteStore, Writer};

use crate::disk::Disk;
use crate::work::{Done, Open, Running, Seen, block_on, open, produce};
use crate::{sample, vfs};

/// Trials under plain `cargo test`: a few seconds of work.
const TRIALS: u64 = 60;
/// How many instead; a thousand take some minutes.
const COUNT: &str = "RELHOST_POWER_CUT_TRIALS";
/// One trial, by its seed.
const SEED: &str = "RELHOST_POWER_CUT_SEED";
/// Changes of files until the database is there and open.
const BOOT: u64 = 60;
/// Changes of files in the longest trials: enough for several moves of the log into the database.
const LONGEST: u64 = 4_000;

/// What a trial found.
#[derive(Debug, Default)]
struct Found {
    /// Acknowledged commits.
    acknowledged: usize,
    /// Those that are not there any more.
    lost: usize,
    /// Whatever else must not be.
    wrong: Vec<String>,
    /// Cuts while a store was being opened.
    cut_at_boot: u32,
    /// Starts that were refused because the log does not reach as far as was acknowledged.
    refused: u32,
}

/// One folder after the other, each with what the last cut has left.
fn trial(seed: u64, open: Open) -> Found {
    vfs::install();
    let mut rng = Rng::with_seed(seed);
    let mut found = Found::default();
    let mut done = Vec::new();
    let mut folder = tempfile::tempdir().unwrap();
    // A third of the trials cuts twice or more: the second one meets a store that recovers from the first.
    for _ in 0..=[0, 0, 1, 2][rng.usize(0..4)] {
        let disk = Disk::mount(folder.path(), rng.u64(..));
        disk.0.cut_after(fuse(&mut rng));
        match opened(folder.path(), open, &mut found) {
            Ok(opened) => {
                let running = Running::start(opened);
                settle(&running, &mut done, &mut found);
                done.extend(work(&running, &mut rng));
                running.stop();
            }
            Err(error) if disk.0.is_off() => {
                found.cut_at_boot += 1;
                drop(error);
            }
            Err(error) => {
                found.wrong.push(format!("what a cut left was refused: {error}"));
                return found;
            }
        }
        disk.0.cut();
        let next = tempfile::tempdir().unwrap();
        disk.0.leave(next.path());
        drop(disk);
        folder = next;
    }
    match opened(folder.path(), crate::work::open, &mut found) {
        Ok(opened) => {
            let running = Running::start(opened);
            settle(&running, &mut done, &mut found);
            judge(&running, &mut found);
            running.stop();
        }
        Err(error) => found.wrong.push(format!("what a cut left was refused: {error}")),
    }
    found
}

/// Opens what is there. If the host refuses a log that is too short, it is asked again without the mark that
/// says so.
fn opened(folder: &Path, open: Open, found: &mut Found) -> Result<(SqliteStore, Writer), StoreError> {
    match open(folder) {
        Err(StoreError::Damaged { reason }) if reason.contains("the rest was acknowledged") => {
            found.refused += 1;
            std::fs::remove_file(folder.join("relhost.db-mark")).unwrap();
            open(folder)
        }
        opened => opened,
    }
}

fn fuse(rng: &mut Rng) -> u64 {
    match rng.u8(0..8) {
        0 => rng.u64(1..BOOT),
        1..5 => rng.u64(BOOT..BOOT + 200),
        _ => rng.u64(BOOT..LONGEST),
    }
}

/// A few producers at once, to the end of the power or of their work.
fn work(running: &Running, rng: &mut Rng) -> Vec<Done> {
    let steps = rng.usize(5..150);
    let rngs: Vec<Rng> = (0..rng.usize(1..=4)).map(|_| rng.fork()).collect();
    let done = block_on(async {
        let store = |rng| produce(running.store.clone(), rng, steps);
        rngs.into_iter().map(store).collect::<tokio::task::JoinSet<_>>().join_all().await
    });
    done.into_iter().flatten().collect()
}

/// Compares what a cut has left with what was said. A commit that nobody was told of is there or not; from now
/// on it stays so.
fn settle(running: &Running, done: &mut Vec<Done>, found: &mut Found) {
    block_on(async {
        let mut seen = Seen::new(&running.store);
        let mut kept = Vec::new();
        for mut each in std::mem::take(done) {
            let mut there = Vec::new();
            for fact in &each.facts {
                match seen.holds(fact).await {
                    Ok(holds) => there.push(holds),
                    Err(error) => found.wrong.push(error.to_string()),
                }
            }
            let (some, all) = (there.contains(&true), !there.contains(&false));
            if some && !all {
                found.wrong.push(format!("half a commit is left: {there:?} of {:.200?}", each.facts));
            }
            found.acknowledged += usize::from(each.acknowledged);
            found.lost += usize::from(each.acknowledged && !all);
            each.acknowledged = all;
            kept.extend(all.then_some(each));
        }
        *done = kept;
        found.wrong.extend(seen.folds().await.err());
    });
}

/// Nothing contradicts itself, and it goes on.
fn judge(running: &Running, found: &mut Found) {
    found.wrong.extend(running.store.check().unwrap());
    block_on(async {
        let release = sample::release(&running.store).await;
        let run = sample::run(&running.store, release).await;
        running.store.claim(run, "after".into(), sample::at(1)).await.unwrap().unwrap();
    });
}

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number(SEED) {
        Some(seed) => vec![seed],
        None => (0..number(COUNT).unwrap_or(TRIALS)).collect(),
    }
}

/// Runs trials; returns lost commits, and starts that were refused for it.
fn trials(open: Open) -> (usize, u32) {
    let (mut acknowledged, mut lost, mut at_boot, mut refused, mut wrong) = (0, 0, 0, 0, Vec::new());
    let seeds = seeds();
    let count = seeds.len();
    for seed in seeds {
        let found = trial(seed, open);
        acknowledged += found.acknowledged;
        lost += found.lost;
        at_boot += found.cut_at_boot;
        refused += found.refused;
        wrong.extend(found.wrong.into_iter().take(3).map(|problem| format!("{SEED}={seed}: {problem:.400}")));
        if found.lost > 0 {
            println!("{SEED}={seed}: {} of {} acknowledged commits are lost", found.lost, found.acknowledged);
        }
    }
    println!(
        "{count} trials: {acknowledged} commits acknowledged, {lost} lost, {at_boot} cuts at boot, {refused} refused"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    (lost, refused)
}

fn careless(folder: &Path) -> Result<(SqliteStore, Writer), StoreError> {
    vfs::careless::normal(|| open(folder))
}

#[test]
fn nothing_acknowledged_is_lost() {
    assert_eq!(trials(open), (0, 0));
}

#[test]
fn without_full_synchronisation_the_same_trials_lose_some() {
    let (lost, refused) = trials(careless);
    assert!(lost > 0, "the disk under test loses nothing, so it proves nothing");
    assert!(refused > 0, "no start has noticed what was lost");
}
