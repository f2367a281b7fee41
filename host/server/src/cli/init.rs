//! `init`.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::session::{Session, word};
use crate::exit::{Exit, Failure};

/// Write a pipeline and a configuration that run in rehearsal as they are. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  relhost init shop
  relhost run shop/pipeline.yaml --artifact shop/build-output --rehearse")]
pub struct Init {
    /// The folder
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

const PIPELINE: &str = include_str!("init/pipeline.yaml");
const CONFIG: &str = include_str!("init/relhost.yaml");
const MANIFEST: &str = include_str!("init/web.yaml");
const BUILD: &str = include_str!("init/build.yaml");

/// Writes the files.
///
/// # Errors
/// If one exists, or the folder cannot be written.
pub fn run(session: &Session<'_>, command: &Init) -> Result<Exit, Failure> {
    let folder = &command.folder;
    let schema = |value: &serde_json::Value| format!("{value:#}\n");
    let files = [
        ("pipeline.yaml", PIPELINE.to_owned()),
        ("relhost.yaml", CONFIG.to_owned()),
        ("build-output/manifests/web.yaml", MANIFEST.to_owned()),
        // Last in its folder, as a build would write it.
        ("build-output/build.yaml", BUILD.to_owned()),
        (".relhost/pipeline.schema.json", schema(&relhost_model::schema::pipeline())),
        (".relhost/config.schema.json", schema(&relhost_model::schema::config())),
    ];
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| folder.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        return Err(Failure::new(
            Exit::Conflict,
            "exists",
            format!("nothing was written: {} exists", taken.join(", ")),
        )
        .help("name another folder: `relhost init NAME`"));
    }
    // The state will live there, and it holds the key of the approval links.
    private(&folder.join(".relhost"))?;
    for (name, text) in files {
        let path = folder.join(name);
        write(&path, &text).map_err(|error| unwritable(&path, &error))?;
        session.ui.note(&format!("wrote {}", path.display()));
    }
    let shown = |name: &str| word(&folder.join(name));
    session.ui.hint(&format!(
        "try it: relhost run {} --artifact {} --rehearse",
        shown("pipeline.yaml"),
        shown("build-output")
    ));
    Ok(Exit::Done)
}

fn private(folder: &Path) -> Result<(), Failure> {
    let made = match folder.parent() {
        Some(parent) => std::fs::create_dir_all(parent),
        None => Ok(()),
    };
    let made = made.and_then(|()| std::fs::DirBuilder::new().mode(0o700).create(folder));
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(unwritable(folder, &error)),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Invalid, "write", format!("cannot write {}: {error}", path.display()))
        .help("name a folder that you may write: `relhost init NAME`")
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}
