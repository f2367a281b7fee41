//! Reads the files that people write: pipeline, configuration, plugin sets. Problems keep their places.

use std::path::{Path, PathBuf};

use relhost_connect::printable;
use relhost_model::config::Config;
use relhost_model::pipeline::Pipeline;
use relhost_model::yaml::{PROBLEMS_SHOWN, Problem, Problems, Severity};
use relhost_model::{config_file, definition};

use crate::exit::{Exit, Failure, FileProblem};

/// A pipeline or configuration larger than this is not one that a person wrote.
const FILE_MAX: u64 = 1024 * 1024;

/// The name of the configuration file.
pub const CONFIG_FILE: &str = "relhost.yaml";

/// A file that was read, with notes on it.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// What it says.
    pub value: T,
    /// Notes for a person.
    pub warnings: Vec<String>,
}

/// Reads and checks a pipeline file.
///
/// # Errors
/// If it cannot be read, or is not a valid pipeline: every problem with its place.
pub fn pipeline(path: &Path) -> Result<Loaded<Pipeline>, Failure> {
    let text = text(path, "pipeline")?;
    let (value, warnings) =
        definition::read(&text, &path.display().to_string()).map_err(|problems| invalid(&problems))?;
    Ok(Loaded { value, warnings: notes(&warnings) })
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Likewise.
pub fn config(path: &Path) -> Result<Loaded<Config>, Failure> {
    let text = text(path, "configuration")?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::path::absolute(folder).map_err(|error| unreadable(path, "configuration", &error))?;
    let (value, warnings) = config_file::read(&text, &folder, &path.display().to_string())
        .map_err(|problems| invalid(&problems))?;
    Ok(Loaded { value, warnings: notes(&warnings) })
}

/// Where the configuration is: as given, else in the current folder, else beside the pipeline.
#[must_use]
pub fn find_config(given: Option<&Path>, pipeline: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let beside = pipeline.and_then(Path::parent).map(|folder| folder.join(CONFIG_FILE));
    [Some(PathBuf::from(CONFIG_FILE)), beside].into_iter().flatten().find(|path| path.is_file())
}

/// Reads a text file of bounded size.
///
/// # Errors
/// If it is missing, too large, or not UTF-8.
pub fn text(path: &Path, what: &str) -> Result<String, Failure> {
    let size = std::fs::metadata(path).map_err(|error| unreadable(path, what, &error))?.len();
    if size > FILE_MAX {
        return Err(Failure::new(
            Exit::Invalid,
            "too-large",
            format!("the {what} file {} has {size} bytes; at most {FILE_MAX} are read", path.display()),
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, what, &error))?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::new(
            Exit::Invalid,
            "not-text",
            format!("the {what} file {} is not UTF-8 text", path.display()),
        )
    })
}

fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::new(
        Exit::Invalid,
        "unreadable",
        format!("cannot read the {what} file {}: {error}", path.display()),
    );
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            failure.help("`relhost init` writes a pipeline and a configuration to start from")
        }
        _ => failure,
    }
}

/// Warnings, each with its place.
fn notes(warnings: &Problems) -> Vec<String> {
    let note = |problem: FileProblem| {
        let help = problem.help.as_ref().map(|help| format!("  help: {help}")).unwrap_or_default();
        let snippet = problem.snippet.as_deref().unwrap_or_default();
        format!("{}: {}\n{snippet}{help}", problem.place(), problem.message).trim_end().to_owned()
    };
    problems(warnings).into_iter().map(note).collect()
}

/// The problems of a file as one failure, each with its place and help.
#[must_use]
pub fn invalid(found: &Problems) -> Failure {
    let count = found.len();
    let message = match count {
        1 => format!("{} has a problem", found.file()),
        _ => format!("{} has {count} problems", found.file()),
    };
    let mut failure = Failure::new(Exit::Invalid, "invalid-file", message);
    failure.problems = problems(found).into();
    if count > PROBLEMS_SHOWN {
        failure = failure.detail(format!("{} more are not shown", count - PROBLEMS_SHOWN));
    }
    failure
}

fn problems(found: &Problems) -> Vec<FileProblem> {
    let one = |problem: &Problem| FileProblem {
        file: found.file().to_owned(),
        line: problem.place.map(|place| place.line),
        column: problem.place.map(|place| place.column),
        severity: match problem.severity {
            Severity::Error => "error".into(),
            Severity::Warning => "warning".into(),
        },
        code: problem.code.to_owned(),
        path: problem.path.clone(),
        // A file must not drive the terminal.
        message: printable::lines(&problem.message),
        snippet: found.snippet(problem),
        help: problem.help.as_deref().map(printable::lines),
    };
    found.iter().take(PROBLEMS_SHOWN).map(one).collect()
}
