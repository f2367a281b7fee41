//! A disk that keeps apart what was written and what is durable.
//!
//! A write is durable once its file was synced after it; a new file's name is with the first sync of the
//! file, and a removal is if its caller asked for it. At a *cut* any part of the rest survives: sectors in
//! any order, sectors half written, sizes without their data, names without their files. What is left is
//! then put into a folder of its own and opened there. The shared memory of the WAL index never survives.
//!
//! `SQLite` syncs the folder itself when it syncs a new journal; the host does so when it has renamed a new
//! database. Neither goes through the file system's table, so both are taken for done.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsString, c_int};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use rusqlite::ffi;

/// Disks by the folder whose files they hold.
static DISKS: Mutex<BTreeMap<PathBuf, Arc<Disk>>> = Mutex::new(BTreeMap::new());

/// The disk that a file lies on.
pub fn of(file: &Path) -> Option<Arc<Disk>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(file.parent()?).cloned()
}

/// A file, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(usize);

/// What is to be done with a write.
pub enum Advice {
    Do,
    Refuse(c_int),
    /// So many bytes of it, and then this error.
    Cut(usize, c_int),
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Delete,
}

/// An error that the disk gives from its n-th operation of a kind on a file whose name ends like this.
#[derive(Debug, Clone)]
pub struct Fault {
    pub operation: Operation,
    /// `db` is the database itself, `-wal` its log.
    pub file: &'static str,
    /// How many of them still succeed.
    pub after: u64,
    /// How many fail then.
    pub times: u64,
    pub code: c_int,
    /// A write that fails has written so many bytes.
    pub short: usize,
}

enum Change {
    Data { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

struct File {
    name: OsString,
    inode: u64,
    /// Made by the host itself and not renamed yet: its name is not durable.
    fresh: bool,
    durable: Vec<u8>,
    /// Since the last sync, oldest first.
    pending: Vec<Change>,
}

/// A name in the folder: given to a file, or taken from it.
enum Naming {
    Given(OsString, FileId),
    Taken(OsString),
}

struct State {
    folder: PathBuf,
    /// What was there when the disk was mounted.
    found: BTreeSet<OsString>,
    rng: Rng,
    sector: usize,
    files: Vec<File>,
    live: BTreeMap<OsString, FileId>,
    /// What a cut leaves of the folder for certain, and what it may.
    durable: BTreeMap<OsString, FileId>,
    pending: Vec<Naming>,
    /// Operations until the power goes; `None` never.
    fuse: Option<u64>,
    left: Option<BTreeMap<OsString, Vec<u8>>>,
    fault: Option<Fault>,
    struck: u64,
}

/// The disk under one folder.
pub struct Disk {
    folder: PathBuf,
    state: Mutex<State>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the disk under {}", self.folder.display())
    }
}

/// A disk that is known to the file system until this is dropped.
pub struct Mounted(pub Arc<Disk>);

impl Drop for Mounted {
    fn drop(&mut self) {
        DISKS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0.folder);
    }
}

impl Disk {
    /// Puts a disk under a folder, whose files are durable as they are.
    pub fn mount(folder: &Path, seed: u64) -> Mounted {
        let mut rng = Rng::with_seed(seed);
        let sector = if rng.bool() { 512 } else { 4096 };
        let folder = folder.canonicalize().unwrap();
        let state = State {
            found: std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect(),
            folder: folder.clone(),
            rng,
            sector,
            files: Vec::new(),
            live: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            fuse: None,
            left: None,
            fault: None,
            struck: 0,
        };
        let disk = Arc::new(Self { folder: folder.clone(), state: Mutex::new(state) });
        DISKS.lock().unwrap_or_else(PoisonError::into_inner).insert(folder, Arc::clone(&disk));
        Mounted(disk)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power at the n-th change from now.
    pub fn cut_after(&self, operations: u64) {
        self.state().fuse = Some(operations);
    }

    /// Cuts the power now, if it is still there.
    pub fn cut(&self) {
        self.state().cut();
    }

    /// Whether the power is gone.
    pub fn is_off(&self) -> bool {
        self.state().left.is_some()
    }

    /// Lets an operation fail.
    pub fn fail(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    /// How many operations have failed for [`Disk::fail`].
    pub fn struck(&self) -> u64 {
        self.state().struck
    }

    /// Puts what a cut has left into a folder.
    pub fn leave(&self, folder: &Path) {
        let state = self.state();
        for (name, bytes) in state.left.as_ref().expect("the power was cut") {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

/// What the file system asks.
impl Disk {
    pub fn may_open(&self, path: &Path, flags: c_int) -> Result<(), c_int> {
        let mut state = self.state();
        if flags & ffi::SQLITE_OPEN_CREATE != 0 && !path.exists() {
            state.spend(ffi::SQLITE_CANTOPEN)?;
        }
        state.strike(Operation::Open, &name(path)).map_err(|fault| fault.code)
    }

    pub fn opened(&self, path: &Path, existed: bool) -> FileId {
        let (name, inode) = (name(path), std::fs::metadata(path).map_or(0, |file| file.ino()));
        let mut state = self.state();
        if let Some(id) = state.live.get(&name) {
            return *id;
        }
        let same = |id: &&FileId| {
            state.files[id.0].inode == inode && !self.folder.join(&state.files[id.0].name).exists()
        };
        if let Some(id) = state.live.values().find(same).copied() {
            state.renamed(id, name);
            return id;
        }
        let durable = if existed { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        let id = FileId(state.files.len());
        // One that is there and empty was made by the host a moment ago.
        let fresh = existed && durable.is_empty() && !state.found.contains(&name);
        state.files.push(File { name: name.clone(), inode, fresh, durable, pending: Vec::new() });
        state.live.insert(name.clone(), id);
        if existed && !fresh {
            state.durable.insert(name, id);
        } else {
            state.pending.push(Naming::Given(name, id));
        }
        id
    }

    pub fn deleted(&self, path: &Path, sync: bool) -> Result<(), c_int> {
        let mut state = self.state();
        let name = name(path);
        state.live.remove(&name);
        state.pending.push(Naming::Taken(name.clone()));
        state.spend(ffi::SQLITE_IOERR_DELETE)?;
        state.strike(Operation::Delete, &name).map_err(|fault| fault.code)?;
        if sync {
            state.sync_names();
        }
        Ok(())
    }

    pub fn may_read(&self, id: FileId) -> Result<(), c_int> {
        let mut state = self.state();
        let name = state.files[id.0].name.clone();
        state.strike(Operation::Read, &name).map_err(|fault| fault.code)
    }

    pub fn written(&self, id: FileId, offset: u64, bytes: &[u8]) -> Advice {
        let mut state = self.state();
        let name = state.files[id.0].name.clone();
        let fault = state.strike(Operation::Write, &name).err();
        let length = fault.as_ref().map_or(bytes.len(), |fault| fault.short.min(bytes.len()));
        if length > 0 {
            let change = Change::Data { offset: index(offset), bytes: bytes[..length].to_vec() };
            state.files[id.0].pending.push(change);
        }
        match (fault, state.spend(ffi::SQLITE_IOERR_WRITE)) {
            (Some(Fault { code, .. }), _) if length > 0 => Advice::Cut(length, code),
            (Some(Fault { code, .. }), _) | (None, Err(code)) => Advice::Refuse(code),
            (None, Ok(())) => Advice::Do,
        }
    }

    pub fn truncated(&self, id: FileId, size: u64) -> Result<(), c_int> {
        let mut state = self.state();
        let name = state.files[id.0].name.clone();
        state.strike(Operation::Truncate, &name).map_err(|fault| fault.code)?;
        state.files[id.0].pending.push(Change::Size(index(size)));
        state.spend(ffi::SQLITE_IOERR_TRUNCATE)
    }

    pub fn synced(&self, id: FileId) -> Result<(), c_int> {
        let mut state = self.state();
        state.spend(ffi::SQLITE_IOERR_FSYNC)?;
        let name = state.files[id.0].name.clone();
        state.strike(Operation::Sync, &name).map_err(|fault| fault.code)?;
        state.sync(id);
        Ok(())
    }
}

fn name(path: &Path) -> OsString {
    path.file_name().expect("a file has a name").to_owned()
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("files of the tests are small")
}

impl State {
    /// Counts a change. The one that burns the fuse through is itself half done.
    fn spend(&mut self, code: c_int) -> Result<(), c_int> {
        match &mut self.fuse {
            Some(0) => {}
            Some(fuse) => *fuse -= 1,
            None => {}
        }
        if self.fuse == Some(0) {
            self.cut();
        }
        if self.left.is_some() { Err(code) } else { Ok(()) }
    }

    fn strike(&mut self, operation: Operation, name: &OsString) -> Result<(), Fault> {
        let Some(fault) = &mut self.fault else { return Ok(()) };
        if fault.operation != operation || !name.to_string_lossy().ends_with(fault.file) {
            return Ok(());
        }
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        if fault.times == 0 {
            return Ok(());
        }
        fault.times -= 1;
        self.struck += 1;
        Err(fault.clone())
    }

    fn renamed(&mut self, id: FileId, to: OsString) {
        let file = &mut self.files[id.0];
        let from = std::mem::replace(&mut file.name, to.clone());
        file.fresh = false;
        self.live.remove(&from);
        self.live.insert(to.clone(), id);
        self.pending.push(Naming::Taken(from));
        self.pending.push(Naming::Given(to, id));
        self.sync_names();
    }

    fn sync(&mut self, id: FileId) {
        let file = &mut self.files[id.0];
        for change in file.pending.drain(..) {
            apply(&mut file.durable, change);
        }
        let unnamed = self.pending.iter().any(|naming| matches!(naming, Naming::Given(_, of) if *of == id));
        if unnamed && !self.files[id.0].fresh {
            self.sync_names();
        }
    }

    /// A folder is synced as a whole.
    fn sync_names(&mut self) {
        for naming in self.pending.drain(..) {
            give(&mut self.durable, &naming);
        }
    }

    /// Decides what survives.
    fn cut(&mut self) {
        if self.left.is_some() {
            return;
        }
        let mut names = std::mem::take(&mut self.durable);
        for naming in std::mem::take(&mut self.pending) {
            if self.rng.bool() {
                give(&mut names, &naming);
            }
        }
        let mut left: BTreeMap<_, _> =
            names.into_iter().map(|(name, id)| (name, self.survives(id))).collect();
        // The host writes the mark of its log past the file system's table, and does not sync it.
        let mark = OsString::from("relhost.db-mark");
        if self.rng.bool()
            && let Ok(bytes) = std::fs::read(self.folder.join(&mark))
        {
            left.insert(mark, bytes);
        }
        self.left = Some(left);
    }

    fn survives(&mut self, id: FileId) -> Vec<u8> {
        let file = &mut self.files[id.0];
        let mut image = file.durable.clone();
        let mut sizes = vec![image.len()];
        // A whole cache may be lost, or nearly nothing of it: both happen, and both must be met.
        let lost = [0.0, 0.1, 0.5, 0.9, 1.0][self.rng.usize(0..5)];
        for change in std::mem::take(&mut file.pending) {
            match change {
                Change::Size(size) => {
                    if self.rng.f64() >= lost {
                        image.resize(size, 0);
                    }
                    sizes.push(size);
                }
                Change::Data { offset, bytes } => {
                    sizes.push(image.len().max(offset + bytes.len()));
                    for (at, piece) in sectors(offset, &bytes, self.sector) {
                        if self.rng.f64() >= lost {
                            let torn = self.rng.u8(0..8) == 0;
                            let whole = if torn { self.rng.usize(0..=piece.len()) } else { piece.len() };
                            put(&mut image, at, &piece[..whole]);
                        }
                    }
                }
            }
        }
        // The size is written apart from the data. Where it came and the data did not, there is anything.
        if sizes.len() > 1 && self.rng.bool() {
            let (size, junk) = (sizes[self.rng.usize(0..sizes.len())], self.rng.u8(0..4) == 0);
            let before = image.len();
            image.resize(size, 0);
            if junk && size > before {
                self.rng.fill(&mut image[before..]);
            }
        }
        image
    }
}

fn give(names: &mut BTreeMap<OsString, FileId>, naming: &Naming) {
    match naming {
        Naming::Given(name, id) => drop(names.insert(name.clone(), *id)),
        Naming::Taken(name) => drop(names.remove(name)),
    }
}

fn apply(image: &mut Vec<u8>, change: Change) {
    match change {
        Change::Data { offset, bytes } => put(image, offset, &bytes),
        Change::Size(size) => image.resize(size, 0),
    }
}

fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

/// The pieces of a write that lie in one sector each.
fn sectors(offset: usize, bytes: &[u8], sector: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = offset + at;
        let length = (sector - start % sector).min(bytes.len() - at);
        let piece = &bytes[at..at + length];
        at += length;
        (length > 0).then_some((start, piece))
    })
}
