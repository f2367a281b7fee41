//! Reads a zip file, without unpacking it anywhere but into the sink.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use zip::ZipArchive;
use zip::result::ZipError;

use super::ArtifactError;
use super::limit::ArtifactLimits;
use super::name::quoted;
use super::sink::Sink;

/// The file type in a Unix mode, and two of its values.
const TYPE_MASK: u32 = 0o170_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_FOLDER: u32 = 0o040_000;

pub(super) fn copy(mut file: File, limits: &ArtifactLimits, sink: &mut Sink) -> Result<(), ArtifactError> {
    check_directory(&mut file, limits)?;
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    // Local headers that say something else than the directory, two entries with one name, and entries that
    // share bytes: each makes two programs see different files in the same archive, or is a bomb.
    archive.validate_header_consistency().map_err(broken)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let name = entry.name_raw().to_vec();
        let refuse = |what| Err(ArtifactError::Kind { name: quoted(&name), what });
        if entry.is_symlink() {
            return refuse("a symbolic link");
        }
        if entry.encrypted() {
            return refuse("encrypted");
        }
        match entry.unix_mode().unwrap_or(0) & TYPE_MASK {
            0 | TYPE_FILE | TYPE_FOLDER => {}
            _ => return refuse("a device, pipe or socket"),
        }
        if entry.is_dir() {
            sink.folder(&name)?;
        } else {
            let size = entry.size();
            sink.file(&name, Some(size), &mut entry)?;
        }
    }
    Ok(())
}

fn broken(error: ZipError) -> ArtifactError {
    ArtifactError::unreadable("it is no zip file, or it is cut off or damaged", error)
}

/// The record at the end of a zip file: 22 bytes, then a comment.
const END_BYTES: u64 = 22;
/// The longest comment: its length has two bytes.
const COMMENT_MAX: u64 = 0xffff;
const END_MARK: [u8; 4] = *b"PK\x05\x06";

/// Refuses a file whose directory is too large before that directory is read into memory. A directory
/// entry is at least 46 bytes long, and one with the longest name and some extra fields about 1,024.
fn check_directory(file: &mut File, limits: &ArtifactLimits) -> Result<(), ArtifactError> {
    let end =
        end_record(file).map_err(|error| ArtifactError::unreadable("the end of the zip file", error))?;
    let end = end.ok_or_else(|| ArtifactError::broken("it is no zip file, or it is cut off"))?;
    let entries = u16::from_le_bytes([end[10], end[11]]);
    let bytes = u32::from_le_bytes([end[12], end[13], end[14], end[15]]);
    if usize::from(entries) > limits.entries || bytes as usize / 1024 > limits.entries {
        let what = format!("it holds more than {} files and folders", limits.entries);
        return Err(ArtifactError::TooLarge { what });
    }
    Ok(())
}

fn end_record(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(END_BYTES + COMMENT_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(END_BYTES + COMMENT_MAX).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let record = |at: &usize| {
        let end = tail.get(*at..*at + END_BYTES as usize)?;
        let comment = usize::from(u16::from_le_bytes([end[20], end[21]]));
        (end[..4] == END_MARK && at + END_BYTES as usize + comment == tail.len()).then(|| end.to_vec())
    };
    Ok((0..tail.len()).rev().find_map(|at| record(&at)))
}
