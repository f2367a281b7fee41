//! A disk that gives back other bytes than it got. What was written is there as it was, or the difference is
//! named; nothing else is ever read.

use std::fs;
use std::path::Path;

use fastrand::Rng;
use relhost_engine::port::store::StoreError;
use relhost_store::StateFolder;

use crate::work::{Fact, Running, Seen, block_on, open, produce};

/// Flips per file.
const FLIPS: u64 = 120;

/// A folder with some content, and the facts in it. Closed in good order, or as a killed process leaves it.
struct Content {
    folder: tempfile::TempDir,
    facts: Vec<Fact>,
}

impl Content {
    fn closed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(open(folder.path()).unwrap());
        let facts = fill(&running, 120);
        running.stop();
        Self { folder, facts }
    }

    fn killed() -> Self {
        let (live, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let running = Running::start(open(live.path()).unwrap());
        let facts = fill(&running, 40);
        for entry in fs::read_dir(live.path()).unwrap() {
            let entry = entry.unwrap();
            // The index of the log is made anew; the lock is this process's.
            if !["relhost.db-shm", "lock"].contains(&entry.file_name().to_str().unwrap()) {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        running.stop();
        Self { folder, facts }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        copy
    }
}

fn fill(running: &Running, steps: usize) -> Vec<Fact> {
    let done = block_on(produce(running.store.clone(), Rng::with_seed(7), steps));
    assert!(done.iter().all(|done| done.acknowledged));
    done.into_iter().flat_map(|done| done.facts).collect()
}

/// How a damaged folder is met.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// It is not opened, and the text says why.
    Refused(String),
    /// It is opened, and a read says what is damaged.
    Named(String),
    /// Everything is as it was.
    Whole,
    /// Something is not as it was and nobody says so.
    Silent(String),
}

fn meet(folder: &Path, facts: &[Fact]) -> Met {
    let opened = match open(folder) {
        Err(StoreError::Damaged { reason }) => return Met::Refused(reason),
        Err(other) => return Met::Refused(other.to_string()),
        Ok(opened) => opened,
    };
    let running = Running::start(opened);
    let met = block_on(async {
        let mut seen = Seen::new(&running.store);
        let mut met = Met::Whole;
        for fact in facts {
            match seen.holds(fact).await {
                Ok(true) => {}
                Ok(false) if seen.named(fact) => met = Met::Named("in a list".into()),
                Ok(false) => return Met::Silent(format!("{fact:?}").chars().take(120).collect()),
                Err(error) => met = Met::Named(error.to_string()),
            }
        }
        met
    });
    running.stop();
    met
}

/// Flips one bit at a time; returns how many were refused, named and without consequence.
fn flips(content: &Content, file: &str) -> (usize, usize, usize) {
    let whole = fs::read(content.folder.path().join(file)).unwrap();
    let (mut refused, mut named, mut harmless, mut silent) = (0, 0, 0, Vec::new());
    for seed in 0..FLIPS {
        let mut rng = Rng::with_seed(seed);
        let copy = content.copy();
        let mut bytes = whole.clone();
        let (at, bit) = (rng.usize(0..bytes.len()), rng.u8(0..8));
        bytes[at] ^= 1 << bit;
        fs::write(copy.path().join(file), bytes).unwrap();
        match meet(copy.path(), &content.facts) {
            Met::Refused(text) => {
                assert!(text.contains("relhost.db"), "seed {seed}: {text}");
                refused += 1;
            }
            Met::Named(_) => named += 1,
            Met::Whole => harmless += 1,
            Met::Silent(what) => {
                silent.push(format!("seed {seed}: bit {bit} of byte {at} of {file}: {what}"))
            }
        }
    }
    println!(
        "{file}: {refused} refused at the start, {named} named by a read, {harmless} without consequence"
    );
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    (refused, named, harmless)
}

#[test]
fn a_flipped_bit_of_the_database_is_named_or_changes_nothing() {
    let content = Content::closed();
    let (refused, named, _) = flips(&content, "relhost.db");
    assert!(refused > 0 && named > 0, "the flips met nothing");
}

#[test]
fn a_flipped_bit_of_the_log_is_named_or_changes_nothing() {
    let content = Content::killed();
    let (refused, ..) = flips(&content, "relhost.db-wal");
    assert!(refused > 0, "the flips met nothing");
}

#[test]
fn a_truncated_file_is_refused_or_named() {
    let (closed, killed) = (Content::closed(), Content::killed());
    for (content, file) in [(&closed, "relhost.db"), (&killed, "relhost.db-wal")] {
        let size = fs::metadata(content.folder.path().join(file)).unwrap().len();
        let mut rng = Rng::with_seed(1);
        for length in [0, 1, 31, 32, 33, 4096, size - 4096, size - 1]
            .into_iter()
            .chain((0..20).map(|_| rng.u64(0..size)))
        {
            let copy = content.copy();
            fs::OpenOptions::new().write(true).open(copy.path().join(file)).unwrap().set_len(length).unwrap();
            let met = meet(copy.path(), &content.facts);
            let noticed = matches!(met, Met::Refused(_) | Met::Named(_));
            assert!(noticed, "{file} cut to {length} of {size}: {met:?}");
        }
    }
}

#[test]
fn a_file_that_is_gone_is_refused() {
    for (content, file) in [(Content::killed(), "relhost.db"), (Content::killed(), "relhost.db-wal")] {
        let copy = content.copy();
        fs::remove_file(copy.path().join(file)).unwrap();
        let met = meet(copy.path(), &content.facts);
        assert!(matches!(met, Met::Refused(_)), "without {file}: {met:?}");
        // The lock file says nothing about the state.
        StateFolder::acquire(copy.path()).unwrap();
    }
}
