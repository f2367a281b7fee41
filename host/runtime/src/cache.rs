//! Compiled components in a folder. What is loaded is native code, so every file carries a keyed checksum
//! over the very bytes that are loaded; a file without a right one is compiled again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use relhost_model::digest::Digest;
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::compatibility;
use crate::limits::CACHED_MAX;

const MAC_LEN: usize = 32;

/// A folder of compiled components.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

/// What a look into the cache found.
pub enum Found {
    /// The component, ready.
    Component(Component),
    /// Nothing.
    Nothing,
    /// A file that cannot be read.
    Unreadable(String),
    /// A file that is not what this host wrote. It was not loaded.
    Tampered(String),
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl Cache {
    /// Opens the folder, and makes it if it is not there; only the owner may read it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: PathBuf, key: [u8; 32]) -> std::io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self { folder, key })
    }

    /// Removes what none of these engines would load: what another version has compiled, and what was left half
    /// written. Nobody else may write meanwhile.
    pub fn sweep(&self, engines: [&Engine; 2]) {
        let ours = engines.map(suffix);
        let names = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            let old = name.ends_with(".cwasm") && !ours.iter().any(|ours| name.ends_with(ours.as_str()));
            if old || name.ends_with(".tmp") {
                // It is only in the way.
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
    }

    /// The file of a component for an engine.
    #[must_use]
    pub fn path(&self, digest: &Digest, engine: &Engine) -> PathBuf {
        self.folder.join(digest.hex() + &suffix(engine))
    }

    /// Looks for a component.
    #[must_use]
    pub fn load(&self, digest: &Digest, engine: &Engine) -> Found {
        let path = self.path(digest, engine);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return Found::Unreadable(format!("{} cannot be read: {error}", path.display())),
        };
        let tampered = |what: &str| Found::Tampered(format!("{}: {what}", path.display()));
        let Some((mac, compiled)) = bytes.split_at_checked(MAC_LEN) else {
            return tampered("it is too short");
        };
        if self.mac(&path, compiled).verify_slice(mac).is_err() {
            return tampered("its checksum is not from this host's key");
        }
        match load(engine, compiled) {
            Ok(component) => Found::Component(component),
            Err(error) => tampered(&format!("it does not load: {error:#}")),
        }
    }

    /// Keeps a compiled component for an engine.
    ///
    /// # Errors
    /// If the file cannot be written. The component is usable all the same.
    pub fn keep(&self, digest: &Digest, engine: &Engine, compiled: &[u8]) -> std::io::Result<()> {
        let path = self.path(digest, engine);
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".{}-{}-{number}.tmp", digest.short(), std::process::id()));
        let written = (|| {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
            file.write_all(&self.mac(&path, compiled).finalize().into_bytes())?;
            file.write_all(compiled)?;
            std::fs::rename(&temporary, &path)
        })();
        if written.is_err() {
            // Whether or not it is there, nothing reads it.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Over the file's name too, so that one component's file is not taken for another's.
    fn mac(&self, path: &Path, compiled: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any size");
        let name = path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default();
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(&name);
        mac.update(compiled);
        mac
    }
}

fn suffix(engine: &Engine) -> String {
    format!("-{}.cwasm", compatibility(engine))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let size = std::fs::metadata(path)?.len();
    if size > CACHED_MAX {
        return Err(std::io::Error::other(format!("it has {size} bytes; the limit is {CACHED_MAX}")));
    }
    std::fs::read(path)
}

/// Loads a compiled component. Only for bytes that this program compiled: they have just come from its
/// compiler, or carry this host's checksum.
///
/// # Errors
/// If they were compiled for another engine.
#[allow(
    unsafe_code,
    reason = "native code is loaded; it was compiled by this program, and has not been in other hands since"
)]
pub(crate) fn load(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `compiled` is what the engine's own compiler returned: it was handed over by the process that
    // compiled it, which is this one or a child of it, or it carries an HMAC over these very bytes in memory,
    // under a key that only this host has. A mismatch of engines is an error of its own.
    unsafe { Component::deserialize(engine, compiled) }
}
