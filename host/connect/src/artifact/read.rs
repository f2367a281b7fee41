//! Reads files of a frozen artifact from the state folder.

use std::io::Read as _;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use relhost_model::artifact::{ArtifactFile, FrozenArtifact};
use relhost_model::digest::Digest;
use relhost_model::yaml::suggest::did_you_mean;

use super::{ArtifactError, BUILD_FILE};

/// Endings of files that hold manifests.
const MANIFEST_ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

/// Reads one file of an artifact below `root`, the folder that [`super::import`] copied into. The content is
/// checked against the digest that was frozen, so what was changed since is never deployed.
///
/// # Errors
/// If the artifact has no such file, or the copy is gone or changed.
pub fn read_file(root: &Path, artifact: &FrozenArtifact, path: &str) -> Result<Vec<u8>, ArtifactError> {
    let file = artifact.files.iter().find(|file| file.path == path);
    let file = file.ok_or_else(|| unknown(artifact, path, "it has no such file"))?;
    let folder = root.join(artifact.digest.hex());
    checked(&folder, file).map_err(|problem| ArtifactError::Damaged {
        alias: artifact.alias.to_string(),
        path: path.to_owned(),
        problem,
    })
}

/// The files that a path names: a file, or for a folder every `.yml`, `.yaml` and `.json` file below it in
/// the order of their names. `.` names the whole artifact; its `build.yaml` is no manifest.
///
/// # Errors
/// If the path names nothing, or a folder without such files.
pub fn manifests(artifact: &FrozenArtifact, path: &str) -> Result<Vec<String>, ArtifactError> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    let path = if path == "." { "" } else { path };
    if artifact.files.iter().any(|file| file.path == path) {
        return Ok(vec![path.to_owned()]);
    }
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut below = artifact.files.iter().filter(|file| file.path.starts_with(&prefix)).peekable();
    if below.peek().is_none() {
        return Err(unknown(artifact, path, "nothing in it has this path"));
    }
    let is_manifest = |file: &&ArtifactFile| {
        file.path != BUILD_FILE && MANIFEST_ENDINGS.iter().any(|ending| file.path.ends_with(ending))
    };
    let found: Vec<String> = below.filter(is_manifest).map(|file| file.path.clone()).collect();
    if found.is_empty() {
        return Err(unknown(artifact, path, "the folder holds no .yml, .yaml or .json files"));
    }
    Ok(found)
}

fn unknown(artifact: &FrozenArtifact, path: &str, problem: &str) -> ArtifactError {
    let paths = artifact.files.iter().map(|file| file.path.as_str());
    let folders = paths.clone().flat_map(|path| path.match_indices('/').map(|(end, _)| &path[..end]));
    let help = did_you_mean(path, paths.chain(folders).filter(|other| *other != path));
    ArtifactError::Unknown {
        alias: artifact.alias.to_string(),
        path: path.to_owned(),
        problem: help.map_or_else(|| problem.to_owned(), |help| format!("{problem}; {help}")),
    }
}

/// Whether every file of an artifact lies in a folder as it was frozen.
pub(super) fn intact(folder: &Path, artifact: &FrozenArtifact) -> bool {
    artifact.files.iter().all(|file| checked(folder, file).is_ok())
}

fn checked(folder: &Path, file: &ArtifactFile) -> Result<Vec<u8>, String> {
    let open = || Dir::open_ambient_dir(folder, ambient_authority())?.open(&file.path);
    let content = open().map_err(|error| error.to_string())?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
    content.take(file.size + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if Digest::of(&bytes) != file.digest {
        return Err("its content is not what was frozen; import the artifact again".to_owned());
    }
    Ok(bytes)
}
