//! How much of the log is needed, kept beside it.
//!
//! `SQLite` reads its log up to the first frame that does not fit its checksum, and takes the rest for what a
//! power cut left unfinished. A flipped bit, a file that was cut short or a log that is gone looks the same
//! to it: acknowledged commits would vanish without a word. So after every commit the host writes down how
//! far the log reaches, and before the next start looks whether it still does.
//!
//! The mark is written after the commit is durable and is itself not synced: it never promises more than the
//! disk holds, and after a power cut perhaps less. When the whole log has been moved into the database it is
//! cleared, and that is synced, because from then on the log may begin anew.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use relhost_model::digest::Digest;
use rusqlite::Connection;

/// Pages in the log before they are moved to the database: 4 MiB. Measured: 10,000 pages slow down sequential
/// appends. The host does it and not `SQLite`, which would keep an error of the disk to itself.
const CHECKPOINT_PAGES: i64 = 1000;
/// The beginning of a log: magic, version, page size, number, two salts, two checksums.
const HEADER: usize = 32;
/// Before each page in it: page, size of the database, two salts, two checksums.
const FRAME_HEADER: usize = 24;
/// Salts, frames, and the beginning of the digest of both.
const MARK: usize = 24;

/// How far the log reaches that the database still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reach {
    salts: [u8; 8],
    frames: u64,
}

/// The file beside the log.
#[derive(Debug)]
pub(crate) struct Mark {
    file: File,
    log: PathBuf,
    open_log: Option<File>,
    clear: bool,
}

/// The mark's file, by the database's.
pub(crate) fn mark_file(database: &Path) -> PathBuf {
    beside(database, "-mark")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The frames in the log, and how many of them are in the database too, after a checkpoint of some kind.
fn checkpoint(db: &Connection, kind: &str) -> Result<(i64, i64), String> {
    db.prepare_cached(&format!("PRAGMA wal_checkpoint({kind})"))
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?))))
        .map_err(|error| error.to_string())
}

/// Looks whether the log still reaches as far as it did. `Err` says what is missing.
pub(crate) fn verify(database: &Path) -> Result<(), String> {
    let (mark, log) = (mark_file(database), beside(database, "-wal"));
    let Some(needed) = read_whole(&mark)?.as_deref().and_then(decode) else { return Ok(()) };
    let bytes = read_whole(&log)?.unwrap_or_default();
    let found = reach(&bytes);
    let whole = match &found {
        // Begun anew after everything had been moved into the database; the mark is older than that.
        Some(found) if found.salts != needed.salts => true,
        Some(found) => found.frames >= needed.frames,
        None => false,
    };
    if whole {
        return Ok(());
    }
    Err(format!(
        "its log {} is damaged: {} of {} pages can be read, and the rest was acknowledged; restore the file, or \
         a backup of the whole folder; removing {} starts without what is missing",
        log.display(),
        found.map_or(0, |found| found.frames),
        needed.frames,
        mark.display()
    ))
}

fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(format!("read {}: {cause}", path.display())),
    }
}

/// How far a log reaches; `None` if not even its beginning is whole.
fn reach(log: &[u8]) -> Option<Reach> {
    let header = log.get(..HEADER)?;
    let big_endian = match word(header, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None,
    };
    let salts: [u8; 8] = header[16..24].try_into().ok()?;
    let page = usize::try_from(word(header, 8)).ok()?;
    let mut sums = checksum(&header[..24], (0, 0), big_endian);
    if sums != (word(header, 24), word(header, 28)) || page == 0 {
        return None;
    }
    let mut frames = 0;
    for frame in log[HEADER..].chunks_exact(FRAME_HEADER + page) {
        let (head, data) = frame.split_at(FRAME_HEADER);
        sums = checksum(data, checksum(&head[..8], sums, big_endian), big_endian);
        if head[8..16] != salts || sums != (word(head, 16), word(head, 20)) {
            break;
        }
        frames += 1;
    }
    Some(Reach { salts, frames })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The checksum of `SQLite`'s file format, section 4.2: over pairs of words, in the order of the machine that
/// began the log.
fn checksum(bytes: &[u8], (mut first, mut second): (u32, u32), big_endian: bool) -> (u32, u32) {
    let value = |bytes: &[u8]| {
        let word = bytes.try_into().unwrap_or_default();
        if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(value(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(value(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

fn encode(reach: Reach) -> [u8; MARK] {
    let mut bytes = [0; MARK];
    bytes[..8].copy_from_slice(&reach.salts);
    bytes[8..16].copy_from_slice(&reach.frames.to_be_bytes());
    let digest = Digest::of(&bytes[..16]);
    bytes[16..].copy_from_slice(&digest.0[..8]);
    bytes
}

/// A mark that was not written to its end says nothing.
fn decode(bytes: &[u8]) -> Option<Reach> {
    let bytes: &[u8; MARK] = bytes.try_into().ok()?;
    let salts = bytes[..8].try_into().ok()?;
    let reach = Reach { salts, frames: u64::from_be_bytes(bytes[8..16].try_into().ok()?) };
    (encode(reach) == *bytes && reach.frames > 0).then_some(reach)
}

impl Mark {
    /// Opens the mark of a database whose log was verified.
    pub(crate) fn open(database: &Path) -> std::io::Result<Self> {
        let path = mark_file(database);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Ok(Self { file, log: beside(database, "-wal"), open_log: None, clear: false })
    }

    /// After a commit: moves the log into the database if it has become long, and writes down how far it
    /// reaches.
    pub(crate) fn set(&mut self, db: &Connection) -> Result<(), String> {
        let (mut frames, mut moved) = checkpoint(db, "NOOP")?;
        if frames >= CHECKPOINT_PAGES && frames > moved {
            (frames, moved) = checkpoint(db, "PASSIVE")?;
        }
        if frames == moved {
            return self.clear();
        }
        let salts = self.salts().map_err(|cause| format!("read {}: {cause}", self.log.display()))?;
        self.clear = false;
        self.put(Reach { salts, frames: frames.unsigned_abs() })
    }

    /// Moves the log into the database and, if all of it is there, empties it. As long as a reader holds a part back
    /// the mark stays.
    pub(crate) fn flush(&mut self, db: &Connection) -> Result<(), String> {
        let (frames, moved) = checkpoint(db, "PASSIVE")?;
        if frames == moved {
            self.clear()?;
            let _emptied_or_not = checkpoint(db, "TRUNCATE")?;
        }
        Ok(())
    }

    /// Says that the database needs nothing of the log.
    fn clear(&mut self) -> Result<(), String> {
        if !self.clear {
            self.put(Reach { salts: [0; 8], frames: 0 })?;
            self.file.sync_data().map_err(|cause| format!("sync the mark of the log: {cause}"))?;
            self.clear = true;
        }
        Ok(())
    }

    fn put(&self, reach: Reach) -> Result<(), String> {
        self.file
            .write_all_at(&encode(reach), 0)
            .map_err(|cause| format!("write the mark of the log: {cause}"))
    }

    fn salts(&mut self) -> std::io::Result<[u8; 8]> {
        let log = match self.open_log.take() {
            Some(log) => log,
            None => File::open(&self.log)?,
        };
        let mut salts = [0; 8];
        log.read_exact_at(&mut salts, 16)?;
        self.open_log = Some(log);
        Ok(salts)
    }
}

#[cfg(test)]
mod tests;
