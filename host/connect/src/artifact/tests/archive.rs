//! Archives written byte by byte: the writers of the libraries refuse to write what an attacker writes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// One entry.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) name: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    /// The type in a tar header.
    pub(super) kind: u8,
    /// The Unix mode in a zip directory, with the file type.
    pub(super) mode: u32,
    pub(super) link: &'static str,
    /// What the headers say the size is, if not the truth.
    pub(super) claimed: Option<u32>,
    pub(super) encrypted: bool,
    pub(super) deflated: bool,
}

impl Content {
    pub(super) fn file(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            bytes: text.into(),
            kind: b'0',
            mode: 0o100_644,
            link: "",
            claimed: None,
            encrypted: false,
            deflated: false,
        }
    }

    pub(super) fn folder(name: &str) -> Self {
        Self { kind: b'5', mode: 0o040_755, ..Self::file(name, "") }
    }

    pub(super) fn special(name: &str, kind: u8, mode: u32, link: &'static str) -> Self {
        Self { kind, mode, link, ..Self::file(name, "") }
    }
}

/// A tar file in the format of POSIX.
pub(super) fn tar(contents: &[Content]) -> Vec<u8> {
    let mut bytes: Vec<u8> = contents.iter().flat_map(tar_entry).collect();
    bytes.extend([0; 1024]);
    bytes
}

fn tar_entry(content: &Content) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..content.name.len()].copy_from_slice(&content.name);
    header[100..108].copy_from_slice(b"0004777\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    let size = content.claimed.map_or(content.bytes.len() as u64, u64::from);
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = content.kind;
    header[157..157 + content.link.len()].copy_from_slice(content.link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = header.to_vec();
    entry.extend(&content.bytes);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip file made on Unix.
pub(super) fn zip(contents: &[Content]) -> Vec<u8> {
    zip_saying(contents, contents.len() as u16)
}

/// A zip file whose end says how many entries it has.
pub(super) fn zip_saying(contents: &[Content], entries: u16) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for content in contents {
        let offset = bytes.len() as u32;
        let packed = if content.deflated { deflate(&content.bytes) } else { content.bytes.clone() };
        let fields = fields(content, packed.len() as u32);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend(&content.name);
        bytes.extend(&packed);
        directory.extend(b"PK\x01\x02");
        directory.extend([30, 3]);
        directory.extend(&fields);
        directory.extend([0; 6]);
        directory.extend((content.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&content.name);
    }
    let (start, size) = (bytes.len() as u32, directory.len() as u32);
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(entries.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

/// What a local header and a directory entry have in common, from the version to the length of extra fields.
fn fields(content: &Content, packed: u32) -> Vec<u8> {
    let mut fields = vec![20, 0];
    fields.extend((0x0800_u16 | u16::from(content.encrypted)).to_le_bytes());
    fields.extend(if content.deflated { 8_u16 } else { 0 }.to_le_bytes());
    fields.extend([0, 0, 0x21, 0x58]);
    let mut crc = flate2::Crc::new();
    crc.update(&content.bytes);
    fields.extend(crc.sum().to_le_bytes());
    fields.extend(packed.to_le_bytes());
    fields.extend(content.claimed.unwrap_or(content.bytes.len() as u32).to_le_bytes());
    fields.extend((content.name.len() as u16).to_le_bytes());
    fields.extend([0; 2]);
    fields
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
