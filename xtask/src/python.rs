//! The Python that runs the SMTP server of the tests: a virtual environment in the cache, made once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::{find, output};
use crate::place::{cache, create_dir, lock, remove_dir, write};
use crate::say::step;

/// What `tests/support/smtp_server.py` imports, and what that needs. All of it is pinned.
const PACKAGES: [&str; 3] = ["aiosmtpd==1.4.6", "atpublic==5.1", "attrs==25.4.0"];

/// The interpreter of an environment that has the packages.
///
/// # Errors
/// If there is no Python, or a package cannot be installed.
pub fn smtp_python() -> Result<PathBuf> {
    let folder = cache()?.join("python");
    create_dir(&folder)?;
    // The name says what is in it, so that other pins make another environment.
    let name = PACKAGES.join("-").replace("==", "-");
    let environment = folder.join(&name);
    let (python, ready) = (environment.join("bin").join("python"), environment.join("ready"));
    if ready.exists() {
        return Ok(python);
    }
    let _lock = lock(&folder.join("lock"), "it makes the same environment")?;
    if !ready.exists() {
        step("make the Python environment of the SMTP server", || {
            // An environment knows its own path, so it is made in its place; the mark comes last.
            remove_dir(&environment)?;
            make(&environment, &python)?;
            write(&ready, "")
        })?;
    }
    Ok(python)
}

fn make(environment: &std::path::Path, python: &std::path::Path) -> Result<()> {
    let base = find("python3")
        .context("Python 3 is needed for the SMTP server of the tests and was not found: install python3")?;
    output(Command::new(base).args(["-m", "venv"]).arg(environment))
        .context("cannot make a virtual environment; some distributions want the package python3-venv")?;
    output(Command::new(python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
        .context("cannot install the SMTP server's packages from the Python package index")?;
    Ok(())
}
