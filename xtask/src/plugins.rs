//! `cargo xtask plugins`: the bundled plugins and the guests of the tests, built to components.
//!
//! The host's build script embeds what lies in `target/bundled/`, so a file is written only when its bytes
//! change: otherwise the host would be built again for nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::args::Args;
use crate::command::{cargo, output, run as run_command};
use crate::place::{Place, create_dir, remove_file, write};
use crate::say::{say, step};

pub const HELP: &str = "\
Build every plugin in plugins/ and every guest of the tests in tests/guests/ to a WebAssembly component.

Usage: cargo xtask plugins

The components are copied to target/bundled/NAME.wasm, which the next build of the host embeds, and to
target/guests/NAME.wasm. Only files whose bytes differ are written; those of removed plugins are removed.

Example:
  cargo xtask plugins && cargo build -p relhost
";

const TARGET: &str = "wasm32-wasip2";
/// Small beats quick: components are loaded, hashed and compiled by the host.
const PROFILE: &str = "component";

/// Builds and copies.
///
/// # Errors
/// If the command line is wrong or the build fails.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    arguments.finish("cargo xtask plugins --help")?;
    build(&Place::find()?)?;
    Ok(ExitCode::SUCCESS)
}

/// A folder of packages, and where their components go.
struct Family {
    source: &'static str,
    package_prefix: &'static str,
    made: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family { source: "plugins", package_prefix: "relhost-plugin-", made: "bundled" },
    Family { source: "tests/guests", package_prefix: "relhost-guest-", made: "guests" },
];

/// Builds every plugin and guest, and puts the components in their places.
///
/// # Errors
/// If the toolchain lacks the target, a package does not build, or a file cannot be written.
pub fn build(place: &Place) -> Result<()> {
    step("build the plugins and the guests", || {
        let mut names = Vec::new();
        for family in &FAMILIES {
            names.push(package_folders(&place.root.join(family.source))?);
        }
        compile(place, &names)?;
        for (family, names) in FAMILIES.iter().zip(&names) {
            collect(place, family, names)?;
        }
        Ok(())
    })
}

/// The names of the folders that hold a package, in order.
fn package_folders(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {}", folder.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// One cargo call for all of them: they share their dependencies, and cargo its work.
fn compile(place: &Place, names: &[Vec<String>]) -> Result<()> {
    let mut build = cargo(&place.root);
    build.args(["build", "--quiet", "--profile", PROFILE, "--target", TARGET]);
    let mut any = false;
    for (family, names) in FAMILIES.iter().zip(names) {
        for name in names {
            build.arg("-p").arg(format!("{}{name}", family.package_prefix));
            any = true;
        }
    }
    if any {
        install_target(place)?;
        run_command(&mut build)?;
    }
    Ok(())
}

/// Asks the compiler, not rustup: a toolchain from a distribution may well have the target.
fn install_target(place: &Place) -> Result<()> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&place.root))?;
    if Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        return Ok(());
    }
    say(format_args!("    the toolchain lacks {TARGET}: rustup target add {TARGET}"));
    let mut rustup = Command::new("rustup");
    run_command(rustup.args(["target", "add", TARGET]).current_dir(&place.root)).with_context(|| {
        format!(
            "plugins are built for {TARGET}, which the toolchain of rust-toolchain.toml lacks; run \
             `rustup target add {TARGET}` where rustup may download, or install the package of your \
             distribution that has the target"
        )
    })
}

fn collect(place: &Place, family: &Family, names: &[String]) -> Result<()> {
    let made = place.made(family.made);
    create_dir(&made)?;
    for name in names {
        let built = place.target.join(TARGET).join(PROFILE).join(artifact(family.package_prefix, name));
        let component = fs::read(&built).with_context(|| {
            format!(
                "{}/{name} built no component at {}: its manifest needs `crate-type = [\"cdylib\", \"rlib\"]`",
                family.source,
                built.display()
            )
        })?;
        if !is_component(&component) {
            bail!("{} is a core module, not a component: {TARGET} makes components", built.display());
        }
        put(&made.join(format!("{name}.wasm")), &component)?;
    }
    for stale in stale_components(&made, names)? {
        remove_file(&stale)?;
        say(format_args!("    removed {}: its source is gone", stale.display()));
    }
    Ok(())
}

/// Cargo names the file after the library, which has no hyphens.
fn artifact(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}.wasm").replace('-', "_")
}

/// The magic number and the version of a component, as opposed to a core module.
fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    write(path, bytes)?;
    say(format_args!("    wrote {} ({} KiB)", path.display(), bytes.len() / 1024));
    Ok(())
}

fn stale_components(made: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(made).with_context(|| format!("cannot list {}", made.display()))?;
    let mut stale = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", made.display()))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "wasm") && !names.contains(&stem) {
            stale.push(path);
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("xtask-plugins-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_the_artifact_as_cargo_does() {
        assert_eq!(artifact("relhost-plugin-", "in-sequence"), "relhost_plugin_in_sequence.wasm");
    }

    #[test]
    fn tells_a_component_from_a_core_module() {
        assert!(is_component(b"\0asm\x0d\0\x01\0rest"));
        assert!(!is_component(b"\0asm\x01\0\0\0rest"));
        assert!(!is_component(b""));
    }

    #[test]
    fn finds_only_folders_that_hold_a_package() {
        let scratch = Scratch::new("folders");
        let dir = &scratch.0;
        fs::create_dir_all(dir.join("b")).unwrap();
        fs::create_dir_all(dir.join("a")).unwrap();
        fs::create_dir_all(dir.join("none")).unwrap();
        for name in ["a", "b"] {
            fs::write(dir.join(name).join("Cargo.toml"), "").unwrap();
        }
        assert_eq!(package_folders(dir).unwrap(), ["a", "b"]);
        assert!(package_folders(&dir.join("nowhere")).unwrap().is_empty());
    }

    #[test]
    fn does_not_touch_a_file_whose_bytes_are_the_same() {
        let scratch = Scratch::new("same");
        let file = scratch.0.join("a.wasm");
        put(&file, b"one").unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        put(&file, b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
        put(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }

    #[test]
    fn finds_components_whose_source_is_gone() {
        let scratch = Scratch::new("stale");
        let dir = &scratch.0;
        for name in ["kept.wasm", "gone.wasm", "note.txt"] {
            fs::write(dir.join(name), "").unwrap();
        }
        assert_eq!(stale_components(dir, &["kept".to_owned()]).unwrap(), [dir.join("gone.wasm")]);
    }
}
