//! `build.yaml`: what the build says of itself.

use crate::artifact::BuildInfo;
use crate::yaml::{Problem, Problems};

/// Reads `build.yaml`. Numbers and booleans are taken as they are written.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<BuildInfo, Problems> {
    let mut problems = Problems::new(file, text);
    problems.push(Problem::error("not-built", None, "", "reading build files is being built"));
    Err(problems)
}
