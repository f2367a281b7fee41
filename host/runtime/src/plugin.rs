//! A component on its way to being a plugin: what it is, what it asks for, and whether it may.

use std::sync::Arc;

use relhost_model::config::Allow;
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::release::PluginKind;

use crate::bindings::policy::PolicyPluginPre;
use crate::bindings::stage::StagePluginPre;
use crate::fault::Who;
use crate::grant::{Interface, NotGranted, check_imports, requests};
use crate::limits::{STAGE_COMPONENT_MAX, component_max};
use crate::policy::{Description, PolicyState};
use crate::state::StageState;

pub mod advice;
pub mod shape;

use advice::Advice;
use shape::Shape;

/// A component cannot be a plugin, or not this one. Each text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Too many bytes.
    #[error(
        "the component has {size} bytes; the limit for a {kind} plugin is {max}; build it with `opt-level = \"s\"`, `lto = true` and `strip = true`, and keep data out of it"
    )]
    TooLarge {
        /// What it has.
        size: usize,
        /// What it may have.
        max: usize,
        /// For which kind.
        kind: PluginKind,
    },
    /// Too much memory.
    #[error(
        "the component begins with {wanted} MiB of memory and a {kind} plugin may have {max} MiB; keep large data out of it{}", or_raise(*.kind)
    )]
    Memory {
        /// What it begins with.
        wanted: u64,
        /// What it may have.
        max: u64,
        /// For which kind.
        kind: PluginKind,
    },
    /// Native code.
    #[error(
        "the file is a precompiled component, which is native code and is never loaded; give the `.wasm` file that it was made from"
    )]
    Precompiled,
    /// Something else.
    #[error(
        "the file is not WebAssembly; give the `.wasm` file that `cargo build --target wasm32-wasip2` wrote"
    )]
    NotWasm,
    /// Text.
    #[error("the file is WebAssembly text; turn it into a binary first, for example with `wasm-tools parse`")]
    Text,
    /// A module.
    #[error(
        "the file is a core WebAssembly module, not a component; build it for the target `wasm32-wasip2` (`wasm32-wasip1` and `wasm32-unknown-unknown` make modules)"
    )]
    CoreModule,
    /// It ends too early.
    #[error("the component is cut off after {size} bytes; build it or copy it again")]
    Truncated {
        /// What is there.
        size: usize,
    },
    /// It is not what the format says.
    #[error("the component is not valid: {reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Neither kind.
    #[error(
        "the component is not a relhost plugin: it exports {exports}; a stage exports `relhost:stage/stage`, a policy `relhost:policy/policy`, and the SDK's attribute macro writes the export"
    )]
    NoKind {
        /// What it exports.
        exports: String,
    },
    /// Both kinds.
    #[error("the component exports a stage and a policy; build each from a package of its own")]
    BothKinds,
    /// The other kind.
    #[error("the component is a {found} plugin and a {expected} plugin is needed here; name another plugin")]
    WrongKind {
        /// What is needed.
        expected: PluginKind,
        /// What it is.
        found: PluginKind,
    },
    /// It imports what no plugin gets.
    #[error("the component imports what the sandbox does not offer:\n{}", advice::table(.0))]
    Forbidden(Vec<Advice>),
    /// A policy imports what only a stage may be granted.
    #[error(
        "a policy is a pure function and may import `relhost:log/log` only; this one imports `{import}`; give it what it needs to know as settings under `with:`, or make it a stage"
    )]
    ImpurePolicy {
        /// What it imports.
        import: String,
    },
    /// Another version of the contract.
    #[error(
        "the component was built for `{name}` {wanted} and this host offers {offered}; rebuild it with the SDK of this host's release"
    )]
    Version {
        /// The interface.
        name: String,
        /// The component's version.
        wanted: String,
        /// The host's version.
        offered: String,
    },
    /// An interface of the contract that this host does not know.
    #[error(
        "the component imports `{name}`, which this host does not know; it was built for a newer host: update this one, or rebuild the component with the SDK of this host's release"
    )]
    Unknown {
        /// The interface.
        name: String,
    },
    /// A function of an interface that is there.
    #[error("the component needs `{function}` of `{interface}`, which this host does not have; {remedy}")]
    NoFunction {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// What to do.
        remedy: String,
    },
    /// Not granted.
    #[error(transparent)]
    NotGranted(#[from] NotGranted),
    /// It does not fit the host's functions.
    #[error(
        "the component does not fit this host ({reason}); rebuild it with the SDK of this host's release"
    )]
    Incompatible {
        /// What the linker said.
        reason: String,
    },
}

fn or_raise(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Stage => ", or raise `stage-memory-mib` under `limits` in `relhost.yaml`",
        PluginKind::Policy => "",
    }
}

/// The end of the linker's chain of reasons if an interface is there and lacks a function.
const NO_FUNCTION: &str = "function implementation is missing";

impl PluginError {
    /// Names what the linker missed. It has no type for that; the tests of registration hold its texts.
    pub(crate) fn unfit(error: &wasmtime::Error) -> Self {
        let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
        let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
        let (interface, function) = match reasons.as_slice() {
            [instance, export, cause] if cause == NO_FUNCTION => (quoted(instance), quoted(export)),
            _ => (None, None),
        };
        let (Some(interface), Some(function)) = (interface, function) else {
            return Self::Incompatible { reason: reasons.join(": ") };
        };
        let remedy = if interface.starts_with("relhost:") {
            "it was built for a newer host: update this one, or rebuild the component with the SDK of this host's release".to_owned()
        } else {
            let advice = advice::advice(&interface);
            format!("it usually comes from {}; use {} instead", advice.cause, advice.instead)
        };
        Self::NoFunction { interface, function, remedy }
    }
}

/// What a component is, before anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: usize,
    /// Stage or policy.
    pub kind: PluginKind,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// The interfaces it exports, with versions.
    pub exports: Vec<String>,
    /// What has to be granted.
    pub requests: Vec<Interface>,
    /// What it says about itself, if it says anything.
    pub describe: Option<Description>,
    /// What is odd about it and does not keep it from running.
    pub warnings: Vec<String>,
}

/// The linked component of a plugin.
pub enum Linked {
    /// Of a stage.
    Stage(StagePluginPre<StageState>),
    /// Of a policy.
    Policy(PolicyPluginPre<PolicyState>),
}

pub(crate) struct Inner {
    pub(crate) who: Who,
    pub(crate) allow: Arc<Allow>,
    pub(crate) imports: Vec<String>,
    pub(crate) linked: Linked,
    pub(crate) warnings: Vec<String>,
}

/// A component that was checked, compiled and linked with what it was granted. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(pub(crate) Arc<Inner>);

impl Plugin {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.0.who.name
    }

    /// SHA-256 of its component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.who.digest
    }

    /// Stage or policy.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        match self.0.linked {
            Linked::Stage(_) => PluginKind::Stage,
            Linked::Policy(_) => PluginKind::Policy,
        }
    }

    /// What it asked for and was granted.
    #[must_use]
    pub fn requests(&self) -> Vec<Interface> {
        requests(&self.0.imports)
    }

    /// What an operator should know: a file of the cache that was not this host's, a cache that cannot be
    /// written.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("who", &self.0.who)
            .field("allow", &self.0.allow)
            .finish_non_exhaustive()
    }
}

/// Reads what a component is.
///
/// # Errors
/// If it is no plugin at all.
pub fn read(bytes: &[u8]) -> Result<(Shape, PluginKind), PluginError> {
    if bytes.len() > STAGE_COMPONENT_MAX {
        let (size, max) = (bytes.len(), STAGE_COMPONENT_MAX);
        return Err(PluginError::TooLarge { size, max, kind: PluginKind::Stage });
    }
    let shape = shape::read(bytes)?;
    let kind = shape.kind()?;
    Ok((shape, kind))
}

/// Checks a component against what is wanted and granted, without compiling it.
///
/// # Errors
/// If it is not the plugin that is wanted, or may not be.
pub fn check(name: &PluginName, bytes: &[u8], kind: PluginKind, allow: &Allow) -> Result<Shape, PluginError> {
    let (shape, found) = read(bytes)?;
    if found != kind {
        return Err(PluginError::WrongKind { expected: kind, found });
    }
    let (size, max) = (bytes.len(), component_max(kind));
    if size > max {
        return Err(PluginError::TooLarge { size, max, kind });
    }
    shape.check_contract()?;
    if kind == PluginKind::Policy {
        let asked = requests(&shape.imports);
        let impure = shape.imports.iter().find(|import| {
            let base = crate::grant::base(import);
            base == "relhost:context/run-context" || asked.iter().any(|interface| interface.import() == base)
        });
        if let Some(import) = impure {
            return Err(PluginError::ImpurePolicy { import: import.clone() });
        }
    }
    check_imports(name, &shape.imports, allow)?;
    Ok(shape)
}

#[cfg(test)]
mod tests;
