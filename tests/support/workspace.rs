//! Where things are in the workspace.

use std::path::{Path, PathBuf};

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// A component of `target/guests` or `target/bundled`.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn component(folder: &str, name: &str) -> PathBuf {
    let path = root().join("target").join(folder).join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: cargo xtask plugins", path.display());
    path
}
