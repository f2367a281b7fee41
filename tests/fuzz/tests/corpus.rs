//! Every file of the corpora and every finding, as ordinary tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use relhost_fuzz::{TARGETS, run};

/// Seeds are read by people and kept in the repository.
const BYTES_MAX: u64 = 200 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Gives every file to its target. The name of the file that fails stands in front of the panic.
#[expect(clippy::print_stdout, reason = "the harness shows it if the test fails")]
fn all(target: &str) {
    let mut inputs = entries(&folder("corpus").join(target));
    assert!(!inputs.is_empty(), "{target} has no seeds");
    inputs.extend(entries(&folder("regressions").join(target)));
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        println!("{}", input.display());
        run(target, &bytes);
    }
    for nothing in [&b""[..], b"\n", b"\0", b"%%\n%%\n%%\n", &[0xff; 64]] {
        run(target, nothing);
    }
}

macro_rules! targets {
    ($($test:ident $name:literal,)+) => {
        $(#[test]
        fn $test() {
            all($name);
        })+

        const TESTED: &[&str] = &[$($name),+];
    };
}

targets! {
    archive_listing "archive-listing",
    decide_form "decide-form",
    frame "frame",
    host_config "host-config",
    image_rules "image-rules",
    mail_headers "mail-headers",
    manifest "manifest",
    pipeline_file "pipeline-file",
    settings "settings",
    variables "variables",
}

#[test]
fn every_target_is_tested_and_every_folder_is_a_target() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED.iter().copied().collect());
    for kind in ["corpus", "regressions", "words"] {
        for entry in entries(&folder(kind)) {
            let name = entry.file_name().unwrap().to_str().unwrap();
            assert!(names.contains(name), "{kind}/{name} belongs to no target");
        }
    }
}

#[test]
fn the_corpora_are_small() {
    let files = TARGETS.iter().flat_map(|target| entries(&folder("corpus").join(target.name)));
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
