//! Running other programs, with errors that say which one, and how it ended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The cargo that runs this program, in the given folder.
pub fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Runs a program that shares this one's streams.
///
/// # Errors
/// If it cannot be started, or ends other than well.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs a program and returns what it printed to stdout; what it printed to stderr is part of the error.
///
/// # Errors
/// If it cannot be started, or ends other than well.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}: {}", line(command), output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Finds a program the way a shell does.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// The command as somebody would type it.
pub fn line(command: &Command) -> String {
    let path = command.get_program();
    let program = Path::new(path).file_name().unwrap_or(path);
    let mut line = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_a_program_ended_and_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c echo why >&2; exit 3` failed: exit status: 3: why");
    }

    #[test]
    fn names_the_program_that_cannot_be_started() {
        let error = run(Command::new("/nowhere/nothing").arg("x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `nothing x`");
    }

    #[test]
    fn returns_what_was_printed() {
        assert_eq!(output(Command::new("echo").arg("a b")).unwrap(), "a b");
    }
}
