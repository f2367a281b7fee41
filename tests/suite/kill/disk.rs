//! Cases of the crash matrix about the disk: K26, it takes no more; K27, what lies on it is gone or changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use relhost_engine::port::store::{RunState, StageState};
use relhost_tests::journey::{BOUND, Step};
use relhost_tests::program::{Ended, Running, kill_binary};
use relhost_tests::workspace::component;

use super::*;

/// Runs a step in a shell that lets no file grow beyond so many blocks of 512 bytes: a write beyond it fails
/// as on a full disk, and the signal that would come with it is ignored.
fn confined(journey: &Journey, step: Step, blocks: usize) -> Ended {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(kill_binary()).args(step.arguments());
    shell.current_dir(journey.place.path()).env_remove("CI").env("RELHOST_KILL_TRACE", journey.trace());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::new(shell.spawn().expect("start a shell")).end(BOUND)
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k26_a_full_disk_ends_the_process_with_nothing_sent() {
    let before = up_to(Course::Shop, 2);
    let mut stopped = 0;
    // The log of the database starts empty: each limit stops another commit.
    for blocks in (8..400).step_by(40) {
        let journey = before.copy();
        let ended = confined(&journey, Step::GoOn, blocks);
        journey.holds(&format!("{blocks} blocks"));
        if ended.code != Some(0) {
            assert_eq!(ended.code, Some(1), "{blocks} blocks: {}", ended.stderr);
            assert!(ended.stderr.contains("disk I/O error"), "{blocks} blocks: {}", ended.stderr);
            stopped += 1;
        }
        journey.finish(2);
        assert_eq!(journey.outcome(), *uninterrupted(Course::Shop), "{blocks} blocks");
    }
    assert!(stopped >= 3, "only {stopped} limits stopped anything");
}

/// Changes one byte of what a file holds of the given bytes, or changes it back. The file keeps them in pieces.
fn flip(file: &Path, piece: &[u8], changed: bool) {
    let mut bytes = std::fs::read(file).expect("read it");
    let mut wanted = piece.to_vec();
    wanted[0] ^= u8::from(changed);
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).expect("the file holds it");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("write it");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k27_a_component_with_other_bytes_is_not_run() {
    let journey = up_to(Course::Shop, 2);
    let bytes = std::fs::read(component("bundled", "rolling-deploy")).expect("read the component");
    let piece = &bytes[bytes.len() / 2..][..48];
    let database = journey.state().join("relhost.db");
    let made = journey.evidence().effects.len();
    flip(&database, piece, false);
    let ended = journey.step(Step::GoOn, None).expect(10);
    assert!(ended.stderr.contains("have another digest"), "{}", ended.stderr);
    let evidence = journey.evidence();
    assert_eq!(evidence.runs[1].state, RunState::Quarantined);
    assert_eq!(evidence.effects.len(), made, "nothing was made");
    // With the right bytes a person sets it going again.
    flip(&database, piece, true);
    let _retried = journey.command(&["release", "retry", "rel-1", "--as", "ann"], None).expect(0);
    let _done = journey.step(Step::GoOn, None).expect(0);
    journey.holds("at the end");
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
}

/// The one manifest in the state folder.
fn manifest(journey: &Journey) -> PathBuf {
    let artifacts = std::fs::read_dir(journey.state().join("artifacts")).expect("read a folder");
    let folder = artifacts.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.is_dir());
    let file = folder.expect("an artifact").join("manifests/web.yaml");
    assert!(file.is_file(), "{}", file.display());
    file
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k27_an_artifact_that_is_gone_or_changed_is_not_deployed() {
    let before = up_to(Course::Shop, 2);
    let whole = std::fs::read_to_string(manifest(&before)).expect("read it");
    for change in [None, Some(whole.replace("replicas: 2", "replicas: 9"))] {
        let journey = before.copy();
        let file = manifest(&journey);
        std::fs::remove_file(&file).expect("remove it");
        if let Some(text) = &change {
            std::fs::write(&file, text).expect("write it");
        }
        let ended = journey.step(Step::GoOn, None).expect(10);
        assert!(ended.stderr.contains("of artifact `shop` from the state folder"), "{}", ended.stderr);
        let evidence = journey.evidence();
        assert_eq!(evidence.releases[0].stored.stages[1].state, StageState::Quarantined(evidence.runs[1].id));
        assert!(!journey.state().join("rehearsal/prod/Deployment.shop-web.json").exists());
        journey.holds("K27");
        std::fs::write(&file, &whole).expect("bring it back");
        let _retried = journey.command(&["release", "retry", "rel-1", "--as", "ann"], None).expect(0);
        let _done = journey.step(Step::GoOn, None).expect(0);
        journey.holds("at the end");
        assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
    }
}
