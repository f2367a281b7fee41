//! A state that is not as it was left: what the user reads, and that everything else goes on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use relhost_tests::program::Place;
use relhost_tests::python;
use serde_json::Value;

const RUN: [&str; 3] = ["run", "pipeline.yaml", "--rehearse"];

/// Release 1 has deployed Dev and waits for people before Prod; nobody owns the state.
fn waiting() -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place.edit("relhost.yaml", "listen: 127.0.0.1:0\n", "");
    place.run(&RUN).expect(10);
    // Another pipeline, of one stage in the environment that is free.
    let pipeline = fs::read_to_string(place.path().join("pipeline.yaml")).expect("it was written");
    let (one, _) = pipeline.split_once("  - name: Prod").expect("it has a second stage");
    place.write("other.yaml", one);
    place.edit("other.yaml", "pipeline: shop", "pipeline: other");
    place
}

fn database(place: &Place) -> PathBuf {
    place.path().join(".relhost/relhost.db")
}

fn damage(place: &Place, sql: &str) {
    let mut python = python::program("damage.py");
    let status = python.arg(database(place)).arg(sql).status().expect("python is there");
    assert!(status.success(), "{sql}");
}

/// A damaged row: what is done to it, what the next run of another release says about it, and a command that
/// needs the row, with its exit code and what it says.
const ROWS: &[(&str, &str, &[&str], i32, &str)] = &[
    (
        "UPDATE run SET state = 'ready', uuid = x'00' WHERE id = 1",
        "set aside: run-1: ",
        &["release", "journal", "rel-1"],
        1,
        "run-1: its columns do not fit its seal",
    ),
    (
        "UPDATE approval SET body = 'garbage' WHERE id = 1",
        "set aside: apr-1: ",
        &["approval", "list"],
        0,
        "left out: apr-1: its columns do not fit its seal",
    ),
    (
        "UPDATE approval SET body = replace(body, 'leads', 'loads') WHERE id = 1",
        "set aside: apr-1: ",
        &["approval", "approve", "apr-1", "--as", "ann"],
        1,
        "apr-1: its columns do not fit its seal",
    ),
    (
        "INSERT INTO command (key, release, attempts, due_at, body) VALUES (x'00', 1, 0, 0, 'garbage')",
        "set aside: command 1 of rel-1: ",
        &["release", "get", "rel-1"],
        0,
        "",
    ),
    (
        "UPDATE event SET body = replace(body, 'Dev', 'Dew') WHERE release = 1 AND body LIKE '%Dev%'",
        "",
        &["release", "get", "rel-1"],
        1,
        "of rel-1: its columns do not fit its seal",
    ),
    (
        "UPDATE snapshot SET body = 'garbage' WHERE release = 1",
        "",
        &["resume", "rel-1"],
        1,
        "the frozen part of rel-1: its columns do not fit its seal",
    ),
    (
        "UPDATE release SET summary = 'garbage' WHERE id = 1",
        "",
        &["release", "list"],
        0,
        "left out: rel-1: its columns do not fit its seal",
    ),
    (
        "UPDATE frame SET body = CAST(replace(CAST(body AS TEXT), 'shop', 'shot') AS BLOB) WHERE position = 0",
        "",
        &["release", "replay", "rel-1"],
        1,
        "frame 0 of run-1: its hash does not follow",
    ),
    (
        "UPDATE log SET line = 'garbage' WHERE id = 1",
        "",
        &["release", "logs", "rel-1"],
        0,
        "left out: log line 1 of rel-1",
    ),
    (
        HOLDER,
        "set aside: the place of dep-2 in the queue of prod: ",
        &["env", "list", "-o", "json"],
        0,
        "unknown: the place of dep-2 in the queue of prod: ",
    ),
];

/// Nobody knows any more who holds Prod.
const HOLDER: &str = "UPDATE queue SET active = 0 WHERE environment = 'prod'";

#[test]
#[ignore = "needs components and python: cargo xtask test"]
fn a_damaged_row_is_named_and_another_release_goes_on() {
    for (sql, aside, needs, code, says) in ROWS {
        let place = waiting();
        damage(&place, sql);
        let other = place.run(&["run", "other.yaml", "--rehearse"]).expect(0);
        assert!(other.stderr.contains(aside), "{sql}\n{}", other.stderr);
        let needs = place.run(needs).expect(*code);
        let said = needs.stderr + &needs.stdout;
        assert!(said.contains(says), "{sql}\n{said}");
    }
}

#[test]
#[ignore = "needs components and python: cargo xtask test"]
fn a_deep_look_names_what_is_damaged_and_changes_nothing() {
    let deep = ["doctor", "--deep"];
    let place = waiting();
    let whole = place.run(&deep).expect(0);
    assert!(whole.stdout.contains("every row, journal and component is whole"), "{}", whole.stdout);
    for (sql, .., says) in ROWS {
        let place = waiting();
        damage(&place, sql);
        let before = fs::read(database(&place)).expect("it is there");
        let told = place.run(&deep).expect(2);
        let says = says.trim_start_matches("left out: ").trim_start_matches("unknown: ");
        assert!(told.stdout.contains(says), "{sql}\n{}", told.stdout);
        assert_eq!(fs::read(database(&place)).expect("it is there"), before, "{sql}");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_deep_look_at_a_database_in_use_says_why_there_is_none() {
    let place = waiting();
    let mut owner = place.start(&[&RUN[..], &["--new"]].concat(), &[]);
    owner.wait_for("Prod waits for `prod`");
    let told = place.run(&["doctor", "--deep"]).expect(0);
    assert!(told.stdout.contains("not read, because it is in use"), "{}", told.stdout);
    let _said = owner.kill();
}

/// The stages of a release, in order.
fn stages(place: &Place, release: &str) -> Vec<Value> {
    let release = place.run(&["release", "get", release, "-o", "json"]).expect(0).json();
    release["row"]["summary"]["stages"].as_array().cloned().expect("a release has stages")
}

#[test]
#[ignore = "needs components and python: cargo xtask test"]
fn an_environment_whose_holder_is_unknown_is_given_to_nobody() {
    let place = waiting();
    damage(&place, HOLDER);
    let mut new = place.start(&[&RUN[..], &["--new"]].concat(), &[]);
    new.wait_for("Prod waits for `prod`");
    // The environment of another release is given away later: by then this one was looked at.
    place.run(&["run", "other.yaml", "--rehearse"]).expect(0);
    assert_eq!(stages(&place, "rel-2")[1]["state"], "queued");
    let _said = new.kill();
}

#[test]
#[ignore = "needs components and python: cargo xtask test"]
fn a_counter_that_is_damaged_gives_no_number_twice() {
    let place = waiting();
    damage(&place, "UPDATE sequence SET high = 0 WHERE name = 'deployment'");
    place.run(&["run", "other.yaml", "--rehearse"]).expect(0);
    let stages = [stages(&place, "rel-1"), stages(&place, "rel-2")].concat();
    let deployments: BTreeSet<u64> = stages.iter().filter_map(|stage| stage["deployment"].as_u64()).collect();
    assert_eq!(deployments.len(), 3, "{stages:?}");
}

/// What happens to a file.
type Damage<'a> = &'a dyn Fn(&fs::File) -> std::io::Result<()>;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_database_that_is_no_whole_one_is_refused_with_what_where_and_what_to_do() {
    let cut = |file: &fs::File| file.set_len(file.metadata().expect("a size").len() / 2);
    let flip = |file: &fs::File| file.write_all_at(&[0x5a; 64], 4096 * 3);
    let empty = |file: &fs::File| file.set_len(0);
    let other = |file: &fs::File| file.write_all_at(b"no database", 0);
    let damages: [Damage<'_>; 4] = [&cut, &flip, &empty, &other];
    for damage in damages {
        let place = waiting();
        let path = database(&place);
        damage(&fs::OpenOptions::new().write(true).open(&path).expect("it is there")).expect("it is written");
        let before = fs::read(&path).expect("it is there");
        for command in [&RUN[..], &["release", "list"], &["resume"]] {
            let ended = place.run(command).expect(1);
            let text = &ended.stderr;
            assert!(text.contains(".relhost/relhost.db"), "{command:?}: {text}");
            assert!(text.contains("restore a backup") || text.contains("emptied"), "{command:?}: {text}");
            assert_eq!(ended.stdout, "", "{command:?}");
        }
        assert_eq!(fs::read(&path).expect("it is there"), before, "a refused database was changed");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_state_folder_that_cannot_be_made_is_named() {
    let place = waiting();
    // Nobody can make a folder there, root neither.
    let ended = place.run(&["--state", "/proc/relhost", "run", "pipeline.yaml", "--rehearse"]).expect(1);
    assert!(ended.stderr.contains("/proc/relhost"), "{}", ended.stderr);
}
