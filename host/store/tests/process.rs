//! Real processes: who owns a folder, and what a killed one leaves.
//!
//! The process under test is this binary, started again with one of the `child` functions below and a
//! folder in its environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use relhost_engine::port::store::{Store, StoreError};
use relhost_model::id::RunId;
use relhost_store::{SqliteStore, StateFolder, lock};

#[path = "conformance/sample.rs"]
#[allow(dead_code, reason = "the cases of the port use the rest of it")]
mod sample;

const FOLDER: &str = "RELHOST_STORE_TEST_FOLDER";

fn spawn(name: &str, folder: &Path, kill: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]).env(FOLDER, folder);
    if let Some(kill) = kill {
        command.env("RELHOST_KILL", kill);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The folder that the parent chose; `None` if nobody started this as a child.
fn folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

fn say(word: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "child {word}").unwrap();
    out.flush().unwrap();
}

/// The words that the child says, until it ends.
fn words(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The test runner's own line may stand before the first word.
    lines.filter_map(|line| line.split_once("child ").map(|(_, word)| word.to_owned()))
}

#[test]
#[ignore = "child process of the tests below"]
fn child_holds_the_folder() {
    let Some(folder) = folder() else { return };
    let _held = StateFolder::acquire(&folder).unwrap();
    say("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_second_process_is_refused_and_named_until_the_first_ends() {
    for killed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = spawn("child_holds_the_folder", folder.path(), None);
        assert_eq!(words(&mut child).next().unwrap(), "held");
        let Err(StoreError::Owned { owner }) = StateFolder::acquire(folder.path()) else {
            panic!("two processes own one folder")
        };
        assert!(owner.contains(&format!("process {} on ", child.id())), "{owner}");
        assert_eq!(lock::owner(folder.path()).unwrap().pid, child.id());
        if killed {
            child.kill().unwrap();
        } else {
            drop(child.stdin.take());
        }
        child.wait().unwrap();
        StateFolder::acquire(folder.path()).unwrap();
    }
}

/// Opens the store of a folder with its writer and does something with it, to the end of either.
fn with_store(folder: &Path, work: impl AsyncFnOnce(&SqliteStore)) -> SqliteStore {
    let held = StateFolder::acquire(folder).unwrap();
    let (store, writer) = SqliteStore::open(&held).unwrap();
    let thread = std::thread::Builder::new().spawn(|| writer.run()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work(&store));
    runtime.block_on(store.close()).unwrap();
    thread.join().unwrap();
    store
}

#[test]
#[ignore = "child process of the tests below"]
fn child_appends_until_it_dies() {
    let Some(folder) = folder() else { return };
    with_store(&folder, async |store| {
        let release = sample::release(store).await;
        let run = sample::run(store, release).await;
        say("created");
        let claimed = store.claim(run, "a".into(), sample::at(1)).await.unwrap().unwrap();
        say("claimed");
        let mut tail = claimed.frames.last().unwrap().clone();
        for ordinal in 0..1_000_000 {
            let mut next = sample::after(&tail, vec![sample::intent(ordinal)]);
            next.logs = vec![(ordinal, 0, sample::line("x"))];
            tail = sample::stored(&next);
            store.commit(sample::frame(next)).await.unwrap();
            say(tail.position);
        }
    });
}

/// Opens what a killed process left: nothing contradicts itself, and the journal of run 1 is this long.
fn frames_left(folder: &Path) -> u64 {
    let mut frames = 0;
    with_store(folder, async |store| {
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        frames = store.read().journal(RunId(1)).await.unwrap().len() as u64;
        // It goes on from there.
        if frames > 1 {
            assert_eq!(store.recover().await.unwrap(), 1);
            store.claim(RunId(1), "b".into(), sample::at(2)).await.unwrap().unwrap();
        }
    });
    frames
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    for acknowledged in [1, 7, 40] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = spawn("child_appends_until_it_dies", folder.path(), None);
        let mut seen = words(&mut child).filter_map(|word| word.parse::<u64>().ok());
        let last = seen.find(|position| *position > acknowledged).unwrap();
        child.kill().unwrap();
        let last = seen.last().unwrap_or(last);
        child.wait().unwrap();
        let frames = frames_left(folder.path());
        // One more may have become durable without anybody having been told.
        assert!((last + 1..=last + 2).contains(&frames), "told of {last}, left {frames} frames");
    }
}

#[cfg(feature = "kill-points")]
mod points {
    use super::*;

    /// Kills the child at a label for the n-th time; returns the last word it said and the frames it left.
    fn kill_at(point: &str) -> (String, u64) {
        use std::os::unix::process::ExitStatusExt;

        let folder = tempfile::tempdir().unwrap();
        let mut child = spawn("child_appends_until_it_dies", folder.path(), Some(point));
        let said = words(&mut child).last().unwrap_or_default();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "{point} was not reached");
        (said, frames_left(folder.path()))
    }

    // The child's commits: release, run with frame 0, claim, then one frame each.

    #[test]
    fn before_the_commit_nothing_is_left() {
        assert_eq!(kill_at("store.before-commit:3"), ("created".into(), 1));
        assert_eq!(kill_at("store.before-commit:5"), ("2".into(), 3));
    }

    #[test]
    fn inside_the_transaction_nothing_is_left() {
        assert_eq!(kill_at("store.in-transaction:5"), ("2".into(), 3));
    }

    #[test]
    fn after_the_commit_all_is_left_although_nobody_was_told() {
        assert_eq!(kill_at("store.after-commit:3"), ("created".into(), 2));
        assert_eq!(kill_at("store.after-commit:5"), ("2".into(), 4));
    }

    #[test]
    fn a_creation_that_was_cut_off_starts_again() {
        for point in ["store.before-migration-commit:1", "store.before-first-rename:1"] {
            assert_eq!(kill_at(point), (String::new(), 0));
        }
    }
}

#[cfg(not(feature = "kill-points"))]
#[test]
fn an_ordinary_build_has_no_kill_points() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = spawn("child_appends_until_it_dies", folder.path(), Some("store.before-commit:1"));
    assert!(words(&mut child).take(10).any(|word| word == "5"), "the child died of a point it must not have");
    child.kill().unwrap();
    child.wait().unwrap();
    let binary = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    // Not written out in one piece, or this test would find itself.
    let label = ["store.in", "-transaction"].concat();
    let found = binary.windows(label.len()).any(|window| window == label.as_bytes());
    assert!(!found, "the label of a kill point is in an ordinary binary");
}
