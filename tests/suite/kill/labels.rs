//! The labels: all of them are in the binary of these tests and none is in the ordinary one, and each is a place
//! that something passes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use relhost_tests::program::{binary, kill_binary};
use relhost_tests::workspace::root;

/// Every label in the sources of the host.
fn labels() -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    sources(&root().join("host"), &mut |text| {
        for after in text.split("kill::point!(\"").skip(1) {
            labels.extend(after.split('"').next().map(str::to_owned));
        }
    });
    labels
}

fn sources(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).expect("read a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            read(&std::fs::read_to_string(&path).expect("read a source"));
        }
    }
}

/// Asks grep: a debug build takes a second for each look at a hundred megabytes.
fn holds(binary: &Path, text: &str) -> bool {
    let status = Command::new("grep").args(["-qaF", "-e", text]).arg(binary).status().expect("start grep");
    assert!(matches!(status.code(), Some(0 | 1)), "grep {}: {status}", binary.display());
    status.success()
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_ordinary_binary_has_none_of_the_labels() {
    let (ordinary, with_points) = (binary(), kill_binary());
    let labels = labels();
    assert!(labels.len() >= 30, "{labels:?}");
    for label in &labels {
        assert!(holds(&with_points, label), "{label} is not compiled, or this proves nothing");
        assert!(!holds(&ordinary, label), "{label} is in the ordinary binary");
    }
    for variable in ["RELHOST_KILL", "RELHOST_PANIC", "RELHOST_CLOCK", "RELHOST_KILL_TRACE"] {
        assert!(holds(&with_points, variable) && !holds(&ordinary, variable), "{variable}");
    }
}

#[test]
fn every_label_is_named_by_a_test() {
    let mut tests = String::new();
    sources(&root().join("tests/suite"), &mut |text| tests.push_str(text));
    sources(&root().join("host/store/tests"), &mut |text| tests.push_str(text));
    let unnamed: Vec<_> = labels().into_iter().filter(|label| !tests.contains(label)).collect();
    assert!(unnamed.is_empty(), "no test kills at {unnamed:?}");
}
