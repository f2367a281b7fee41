//! A state folder and the one process that owns it.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use relhost_engine::port::store::StoreError;
use serde::{Deserialize, Serialize};

/// The file that the owner locks, and that says who it is.
pub const LOCK_FILE: &str = "lock";
/// The database in the folder.
pub const DATABASE_FILE: &str = "relhost.db";
/// The Unix socket in the folder, unless the owner announces another.
pub const SOCKET_FILE: &str = "socket";

/// Only the user who runs the host may look into the folder: it holds the key of the approval links.
const FOLDER_MODE: u32 = 0o700;
/// The lock file itself tells nothing that `ps` does not.
const LOCK_MODE: u32 = 0o644;

/// How often a lock file that was removed meanwhile is made again: each time another command was refused in
/// the very moment.
const LOCK_TRIES: u32 = 10;

/// Who has a state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// The machine, by its own name.
    pub host: String,
    /// The Unix socket on which the owner answers.
    pub socket: PathBuf,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}, socket {}", self.pid, self.host, self.socket.display())
    }
}

/// A state folder that nobody has been asked for yet.
#[derive(Debug, Clone, Copy)]
pub struct StateFolder;

impl StateFolder {
    /// Takes the folder for the life of this process; it is created if it is not there. The lock is the
    /// operating system's: it ends with the process, however that ends.
    ///
    /// # Errors
    /// [`StoreError::Owned`] with the owner's name if another process, or this one, has it already;
    /// [`StoreError::Damaged`] if the folder cannot be used.
    pub fn acquire(path: &Path) -> Result<Held, StoreError> {
        make(path).map_err(|cause| unusable(path, &cause))?;
        let path = path.canonicalize().map_err(|cause| unusable(path, &cause))?;
        let file = locked(&path)?;
        let socket = path.join(SOCKET_FILE);
        let held = Held { folder: path, lock: Arc::new(Lock(file)) };
        held.announce(&socket)?;
        Ok(held)
    }
}

/// A folder that is new is synced in the one that holds it: a power cut must not take it with all that is in it.
fn make(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    let parent = path.canonicalize()?.parent().map(Path::to_owned);
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The lock file of a folder, locked. An owner whose command was refused removes the file before it lets go:
/// a lock on a file that is no longer there keeps nobody out, and is not taken for one.
fn locked(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    for _ in 0..LOCK_TRIES {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(LOCK_MODE)
            .open(&path)
            .map_err(|cause| unusable(&path, &cause))?;
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(owned(folder)),
            Err(TryLockError::Error(cause)) => return Err(unusable(&path, &cause)),
        }
    }
    Err(owned(folder))
}

/// Whether an open file is the one that is found at a path now.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |a: Metadata, b: Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().and_then(|open| Ok(same(open, std::fs::metadata(path)?))).unwrap_or(false)
}

/// Who has the folder, as the lock file says. Ask after [`StateFolder::acquire`] was refused: after a crash
/// the file still names the process that is gone. `None` if nobody does, or the owner is just writing it.
#[must_use]
pub fn owner(path: &Path) -> Option<Owner> {
    let text = std::fs::read(path.join(LOCK_FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A state folder that this process owns. The lock is held until this, and every store that was opened
/// with it, is dropped.
#[derive(Debug, Clone)]
pub struct Held {
    folder: PathBuf,
    lock: Arc<Lock>,
}

impl Held {
    /// The folder, absolute.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE_FILE)
    }

    /// Says on which socket this process answers, where the default does not do: the path of a socket
    /// may be no longer than 107 bytes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the lock file cannot be written.
    pub fn announce(&self, socket: &Path) -> Result<(), StoreError> {
        let owner = Owner { pid: std::process::id(), host: host_name(), socket: socket.to_owned() };
        let text = serde_json::to_vec(&owner).expect("an owner has a number and texts only");
        self.lock.write(&text).map_err(|cause| unusable(&self.folder.join(LOCK_FILE), &cause))
    }
}

/// The locked file. Empty again once it is given up in good order.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn write(&self, text: &[u8]) -> std::io::Result<()> {
        let mut file = &self.0;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only for the reader's comfort: the lock itself ends when the file is closed.
        let _ = self.0.set_len(0);
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn owned(path: &Path) -> StoreError {
    let owner = owner(path).map_or_else(|| "another process".to_owned(), |owner| owner.to_string());
    StoreError::Owned { owner }
}

fn unusable(path: &Path, cause: &std::io::Error) -> StoreError {
    StoreError::Damaged { reason: format!("use {}: {cause}", path.display()) }
}

#[cfg(test)]
mod tests;
