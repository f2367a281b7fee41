//! Building programs into the cache.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Program;
use super::module::Source;
use crate::command;
use crate::place::{create_dir, lock, remove_dir};
use crate::say::step;

/// Builds those of the programs that are not in the folder.
///
/// # Errors
/// If Go is missing or the build fails.
pub fn missing(source: &Source, home: &Path, programs: &[Program]) -> Result<()> {
    if absent(home, programs).is_empty() {
        return Ok(());
    }
    create_dir(home)?;
    let _lock = lock(&home.join(".lock"), "it builds the same programs")?;
    // Somebody else may have built them while this process waited.
    let absent = absent(home, programs);
    if absent.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = absent.iter().map(|program| program.name()).collect();
    let what = format!("build {} {}: {}", source.name(), source.version, names.join(", "));
    step(&what, || build(source, home, &absent))
}

fn absent(home: &Path, programs: &[Program]) -> Vec<Program> {
    programs.iter().copied().filter(|program| !home.join(program.name()).is_file()).collect()
}

fn build(source: &Source, home: &Path, programs: &[Program]) -> Result<()> {
    let Some(go) = command::find("go") else {
        bail!(
            "Go is needed to build {} and was not found: install Go 1.26 or newer, or set \
             KUBEBUILDER_ASSETS to a folder that has these programs",
            source.name()
        );
    };
    // What is left of a build that was interrupted is of no use: the lock is held.
    let draft = home.join(".draft");
    remove_dir(&draft)?;
    create_dir(&draft)?;
    command::run(&mut go_build(&go, source, &draft, programs)).with_context(|| {
        format!("cannot build {} {} from the Go module proxy", source.name(), source.version)
    })?;
    for program in programs {
        let (from, to) = (draft.join(program.name()), home.join(program.name()));
        fs::rename(&from, &to).with_context(|| format!("cannot put {} in its place", to.display()))?;
    }
    remove_dir(&draft)
}

fn go_build(go: &Path, source: &Source, draft: &Path, programs: &[Program]) -> Command {
    // Go names a program after its package; that is not always the program's name. With several
    // programs it is, and then Go wants a folder.
    let to = match programs {
        [program] => draft.join(program.name()),
        _ => draft.join(""),
    };
    let mut build = Command::new(go);
    build
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags"])
        .arg(source.link_flags())
        .arg("-o")
        .arg(to)
        .args(programs.iter().map(|program| source.package(*program)))
        .current_dir(&source.folder)
        .env("CGO_ENABLED", "0")
        // What the user has set for other projects must not change what is built here.
        .env("GOFLAGS", "")
        .env("GOWORK", "off");
    build
}
