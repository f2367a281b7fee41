//! Reads a folder. Every file counts, hidden ones too; symbolic links and whatever else is no file are
//! refused, so that a build cannot pull in what lies outside its folder.

use std::ffi::OsStr;

use cap_std::fs::Dir;

use super::ArtifactError;
use super::limit::DEPTH_MAX;
use super::sink::Sink;

pub(super) fn copy(folder: &Dir, sink: &mut Sink) -> Result<(), ArtifactError> {
    below(folder, "", 0, sink)
}

fn below(folder: &Dir, path: &str, depth: usize, sink: &mut Sink) -> Result<(), ArtifactError> {
    let fault = |name: &str, error| ArtifactError::unreadable(format!("{name:?}"), error);
    let mut names = Vec::new();
    for entry in folder.entries().map_err(|error| fault(path, error))? {
        names.push(entry.map_err(|error| fault(path, error))?.file_name());
    }
    names.sort();
    for name in names {
        let inside = join(path, &name);
        // Opened from the folder that was listed: what is swapped in meanwhile cannot lead outside of it.
        let found = folder.symlink_metadata(&name).map_err(|error| fault(&inside, error))?;
        if found.is_dir() {
            sink.folder(inside.as_bytes())?;
            if depth == DEPTH_MAX {
                let problem = format!("it lies more than {DEPTH_MAX} folders deep");
                return Err(ArtifactError::Name { name: inside, problem });
            }
            let next = folder.open_dir(&name).map_err(|error| fault(&inside, error))?;
            below(&next, &inside, depth + 1, sink)?;
        } else if found.is_file() {
            let mut file = folder.open(&name).map_err(|error| fault(&inside, error))?;
            sink.file(inside.as_bytes(), None, &mut file)?;
        } else {
            let what = if found.is_symlink() { "a symbolic link" } else { "a device, pipe or socket" };
            return Err(ArtifactError::Kind { name: inside, what });
        }
    }
    Ok(())
}

/// A name that is not UTF-8 is passed on with a control character in it, for which it is then refused.
fn join(path: &str, name: &OsStr) -> String {
    let name = name.to_str().map_or_else(|| format!("{}\u{7f}", name.to_string_lossy()), str::to_owned);
    if path.is_empty() { name } else { format!("{path}/{name}") }
}
