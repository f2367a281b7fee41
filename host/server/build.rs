//! Embeds the bundled plugins: whatever lies in the target folder's `bundled/` when the host is built.
//! Without it everything still builds, and a `bundled:` plugin fails with the command that makes it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=RELHOST_BUNDLED");
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let bundled = std::env::var_os("RELHOST_BUNDLED")
        .map_or_else(|| manifest.join("../../target/bundled"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", bundled.display());

    let mut components: Vec<PathBuf> = match std::fs::read_dir(&bundled) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    components.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    components.sort();

    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("bundled.rs");
    let mut file = std::fs::File::create(out)?;
    writeln!(file, "&[")?;
    for path in &components {
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(file, "    ({:?}, include_bytes!({:?})),", stem(path), path.canonicalize()?)?;
    }
    writeln!(file, "]")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
