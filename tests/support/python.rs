//! The Python that the mail server and the mail reader of the tests run in.

use std::path::PathBuf;
use std::process::Command;

use crate::workspace::root;

/// Where `cargo xtask test` says which interpreter it is.
const VARIABLE: &str = "RELHOST_TEST_PYTHON";

/// A program of `tests/support/`, to be run.
///
/// # Panics
/// If there is no interpreter: a test that needs it fails.
#[must_use]
pub fn program(name: &str) -> Command {
    let interpreter = std::env::var_os(VARIABLE).map(PathBuf::from);
    let interpreter =
        interpreter.unwrap_or_else(|| panic!("{VARIABLE} is not set: cargo xtask test sets it"));
    let mut command = Command::new(interpreter);
    command.arg(root().join("tests/support").join(name));
    command
}
