//! The operator's configuration file.

use std::path::Path;

use crate::config::Config;
use crate::yaml::{Problem, Problems, Warnings};

/// Reads and checks `relhost.yaml`. Relative paths in it are joined with `folder`; `file` names it in messages.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, folder: &Path, file: &str) -> Result<(Config, Warnings), Problems> {
    let mut problems = Problems::new(file, text);
    let place = format!("{}", folder.display());
    problems.push(Problem::error("not-built", None, &place, "reading configurations is being built"));
    Err(problems)
}
