//! Sizes: the program, its build, and its memory when it has nothing to do.

use std::process::Command;
use std::time::Duration;

use crate::owner::Owner;
use crate::process::{binary, resident};
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "The binary as `cargo build --release -p relhost` makes it, with the plugins in it; the time of \
    that build in an empty target folder, with the sources of all dependencies there; and the resident size (VmRSS) of \
    `relhost serve` with a page and an empty state, at rest.";

/// After this long it has done what it does at its start.
const REST: Duration = Duration::from_secs(3);
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// The goal says MB.
const BINARY: f64 = 60e6 / MEBIBYTE;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let program = binary()?;
    let bytes = std::fs::metadata(&program)?.len() as f64;
    let seconds = std::env::var("RELHOST_BENCH_BUILD_SECONDS").ok().and_then(|text| text.parse::<f64>().ok());
    let what = "cold release build";
    let build = match seconds {
        Some(seconds) => Row::new(what, Goal::None, Unit::Seconds, vec![seconds]),
        None => Row::missing(what, "timed only when everything is measured"),
    };
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("relhost.yaml"),
        "state: state\nlisten: 127.0.0.1:0\npeople: { ann: { mail: ann@example.com } }\n\
         environments: { live: { namespace: live } }\n",
    )?;
    let mut serve = Command::new(&program);
    serve.args(["serve", "--rehearse", "--no-input"]).current_dir(folder.path());
    let owner = Owner::start(serve, &folder.path().join("state"))?;
    std::thread::sleep(REST);
    let idle = resident(owner.pid())? as f64;
    owner.stop()?;
    Ok(vec![
        Row::new("size of the binary", Goal::Value(BINARY), Unit::Mebibytes, vec![bytes / MEBIBYTE]),
        build,
        Row::new(
            "resident size of `relhost serve`, idle",
            Goal::Value(40.0),
            Unit::Mebibytes,
            vec![idle / MEBIBYTE],
        ),
    ])
}
