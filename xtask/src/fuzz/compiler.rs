//! This program in place of the compiler, to put libFuzzer's counters into our own crates.
//!
//! Cargo calls it with the compiler and its arguments for every crate of the workspace, and for no other: the
//! dependencies of the ordinary build serve here too. The compiler is the stable one of this project; the pass is
//! part of LLVM and needs no sanitizer.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::say::say;

/// Tells this program that it is called as the compiler, and where libFuzzer is.
const MARK: &str = "RELHOST_FUZZ_LIBRARY";
/// The crate that is linked with it.
const PROGRAM: &str = "fuzz";

/// Counters of edges, a table of them, and what comparisons compare.
const COUNTERS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Makes a cargo command put counters into what it builds of ours, and link the program with libFuzzer.
///
/// # Errors
/// If this program does not know where it lies.
pub fn instrument<'a>(cargo: &'a mut Command, library: &Path) -> Result<&'a mut Command> {
    let this = std::env::current_exe().context("cannot find this program")?;
    Ok(cargo.env("RUSTC_WORKSPACE_WRAPPER", this).env(MARK, library))
}

/// Compiles, if that is what this program was called for.
pub fn instead() -> Option<ExitCode> {
    let library = std::env::var_os(MARK)?;
    let mut words = std::env::args_os().skip(1);
    let compiler = words.next()?;
    // What is run by the build itself has no libFuzzer in it.
    if Path::new(&compiler).file_stem()? != "rustc" {
        return None;
    }
    let words: Vec<_> = words.collect();
    let mut command = Command::new(compiler);
    let texts: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    if instrumented(&texts) {
        command.args(COUNTERS);
    }
    if value(&texts, "--crate-name") == Some(PROGRAM) {
        command.arg(format!("-Clink-arg={}", library.display())).arg("-Clink-arg=-lstdc++");
    }
    Some(match command.args(words).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(format_args!("cannot start the compiler: {error}"));
            ExitCode::FAILURE
        }
    })
}

/// Whether these arguments of the compiler are for a crate that ends up in a fuzzing program.
fn instrumented(words: &[impl AsRef<str>]) -> bool {
    let build_script = value(words, "--crate-name").is_none_or(|name| name.starts_with("build_script_"));
    !build_script && value(words, "--crate-type") != Some("proc-macro")
}

fn value<'a>(words: &'a [impl AsRef<str>], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word.as_ref() == option)?;
    words.get(at + 1).map(AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_itself_runs_gets_no_counters() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(instrumented(&words("--crate-name relhost_model --edition=2024 --crate-type lib")));
        assert!(instrumented(&words("--crate-name fuzz --crate-type bin")));
        assert!(!instrumented(&words("--crate-name build_script_build --crate-type bin")));
        assert!(!instrumented(&words("--crate-name relhost_sdk_macros --crate-type proc-macro")));
        assert!(!instrumented(&words("-vV")));
    }
}
