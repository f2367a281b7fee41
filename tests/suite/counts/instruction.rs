//! Instructions and calls of a step, a replay and an instance, as callgrind counts them in the program of the
//! benchmarks. It counts the same whatever else the machine does.

use std::path::Path;
use std::process::Command;

use super::holds;

/// What a call costs here and there differs by what was in a buffer, and the log is moved into the database once more
/// or once less.
const TOLERANCE: f64 = 0.1;

/// What a program did.
struct Counted {
    instructions: u64,
    /// The lines of callgrind's file.
    profile: String,
}

impl Counted {
    /// How often a function was called. A callee's name is followed by the count of its calls.
    fn calls(&self, function: &str) -> u64 {
        let callee = format!("cfn={function}");
        let mut lines = self.profile.lines();
        let mut calls = 0;
        while lines.any(|line| line == callee) {
            let count = lines.next().and_then(|line| line.strip_prefix("calls="));
            let count = count.and_then(|counted| counted.split(' ').next());
            calls += count.and_then(|count| count.parse::<u64>().ok()).expect("callgrind counts calls");
        }
        calls
    }
}

/// Runs the program of the benchmarks under callgrind.
fn counted(cache: &Path, words: &[&str]) -> Counted {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("profile");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--compress-strings=no", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(env!("CARGO_BIN_EXE_relhost-bench")).arg("counted").args(words);
    command.env("RELHOST_COUNTED_CACHE", cache);
    let output = command.output().expect("valgrind is installed");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(profile).expect("callgrind wrote what it counted");
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    Counted { instructions: total.trim().parse().expect("a number"), profile }
}

#[test]
#[ignore = "needs components and valgrind: cargo xtask test"]
fn steps_replays_and_instances_cost_no_more_than_they_did() {
    let cache = tempfile::tempdir().expect("a folder");
    let each = |name: &str, few: (u32, &[&str]), many: (u32, &[&str])| {
        let (few, less) = (counted(cache.path(), few.1), few.0);
        let (many, more) = (counted(cache.path(), many.1), many.0);
        let per = move |few: u64, many: u64| (many - few) as f64 / f64::from(more - less);
        holds(&format!("instructions per {name}"), per(few.instructions, many.instructions), TOLERANCE);
        move |function: &str| per(few.calls(function), many.calls(function))
    };
    // What is compiled once counts for nobody.
    let _compiled = counted(cache.path(), &["instances", "0"]);
    let of_a_step = each("step", (5, &["steps", "1", "5"]), (45, &["steps", "1", "45"]));
    holds("fdatasync per step", of_a_step("fdatasync"), TOLERANCE);
    holds("sqlite3_step per step", of_a_step("sqlite3_step"), TOLERANCE);
    let _calls = each("instance", (2, &["instances", "2"]), (12, &["instances", "12"]));
    let _calls = each("record replayed", (100, &["replays", "100", "1"]), (1100, &["replays", "100", "11"]));
}
