//! What a component imports and exports, read without compiling it.

use relhost_model::release::PluginKind;
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;

use super::PluginError;
use super::advice::{Advice, advice};
use crate::grant::{FREE, Interface, base};
use crate::wasi;

/// The version of every package of the contract that this host offers.
pub const CONTRACT: &str = "0.1.0";

const STAGE: &str = "relhost:stage/stage";
const POLICY: &str = "relhost:policy/policy";
const DESCRIBE: &str = "relhost:describe/describe";

/// Bytes of a page of memory. Pages of other sizes are a proposal that the engines do not accept.
const PAGE: u64 = 1 << 16;

/// What a component has of each, names with versions and in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The largest memory that one of its modules begins with, in bytes.
    pub memory: u64,
}

/// Reads a component.
///
/// # Errors
/// If it is not one. Whether its code is valid is seen when it is compiled.
pub fn read(bytes: &[u8]) -> Result<Shape, PluginError> {
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(PluginError::Precompiled);
    }
    if bytes.trim_ascii_start().starts_with(b"(") {
        return Err(PluginError::Text);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(PluginError::NotWasm);
    }
    parse(bytes)
}

fn parse(bytes: &[u8]) -> Result<Shape, PluginError> {
    let mut shape = Shape::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error, bytes))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(PluginError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    shape.imports.push(import.map_err(|error| broken(&error, bytes))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    shape.exports.push(export.map_err(|error| broken(&error, bytes))?.name.name.to_owned());
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(|error| broken(&error, bytes))?;
                    shape.memory = shape.memory.max(memory.initial.saturating_mul(PAGE));
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

fn broken(error: &wasmparser::BinaryReaderError, bytes: &[u8]) -> PluginError {
    if error.message().contains("unexpected end") {
        return PluginError::Truncated { size: bytes.len() };
    }
    PluginError::Malformed { reason: error.to_string() }
}

impl Shape {
    /// Which contract it fulfils.
    ///
    /// # Errors
    /// If it fulfils none, both, or another version of one.
    pub fn kind(&self) -> Result<PluginKind, PluginError> {
        let find = |name: &str| self.exports.iter().find(|export| base(export) == name);
        let (export, kind) = match (find(STAGE), find(POLICY)) {
            (Some(export), None) => (export, PluginKind::Stage),
            (None, Some(export)) => (export, PluginKind::Policy),
            (Some(_), Some(_)) => return Err(PluginError::BothKinds),
            (None, None) => return Err(PluginError::NoKind { exports: self.exports_text() }),
        };
        check_version(export)?;
        Ok(kind)
    }

    /// Whether it describes itself in words that this host understands.
    #[must_use]
    pub fn describes(&self) -> bool {
        self.exports.iter().any(|export| base(export) == DESCRIBE && check_version(export).is_ok())
    }

    /// Checks that every import is one that the sandbox can offer, granted or not.
    ///
    /// # Errors
    /// If one is not: the message says where it usually comes from.
    pub fn check_contract(&self) -> Result<(), PluginError> {
        let foreign: Vec<Advice> =
            self.imports.iter().filter(|import| is_foreign(import)).map(|i| advice(i)).collect();
        if !foreign.is_empty() {
            return Err(PluginError::Forbidden(foreign));
        }
        for import in self.imports.iter().filter(|import| import.starts_with("relhost:")) {
            let name = base(import);
            let known = FREE.contains(&name) || Interface::ALL.iter().any(|known| known.import() == name);
            if !known {
                return Err(PluginError::Unknown { name: import.clone() });
            }
            check_version(import)?;
        }
        Ok(())
    }

    /// Checks that it can start with so much memory, as a plugin of some kind.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_memory(&self, max: usize, kind: PluginKind) -> Result<(), PluginError> {
        let max = u64::try_from(max).unwrap_or(u64::MAX);
        if self.memory <= max {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        Err(PluginError::Memory { wanted: mib(self.memory), max: mib(max), kind })
    }

    fn exports_text(&self) -> String {
        if self.exports.is_empty() {
            return "nothing".into();
        }
        let names: Vec<String> = self.exports.iter().take(5).map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

fn is_foreign(import: &str) -> bool {
    let name = base(import);
    let stub = wasi::INTERFACES.contains(&name) && import[name.len()..].starts_with("@0.2.");
    !stub && !import.starts_with("relhost:")
}

fn check_version(full: &str) -> Result<(), PluginError> {
    let wanted = full.split_once('@').map_or("without a version", |(_, version)| version);
    if track(wanted) == track(CONTRACT) {
        return Ok(());
    }
    let (name, wanted, offered) = (base(full).to_owned(), wanted.to_owned(), CONTRACT.to_owned());
    Err(PluginError::Version { name, wanted, offered })
}

/// Versions on one track fit each other, as the linker sees it: the major version, below 1.0.0 the minor one
/// too, and a pre-release only itself.
fn track(version: &str) -> &str {
    if version.contains('-') || version.starts_with("0.0.") {
        return version;
    }
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    version.match_indices('.').nth(parts - 1).map_or(version, |(end, _)| &version[..end])
}
