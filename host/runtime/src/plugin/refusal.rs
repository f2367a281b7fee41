//! Why a component is refused, and what to do about it.

use relhost_model::release::PluginKind;

use super::advice::{Advice, advice, table};
use crate::engine::compile::CompileError;
use crate::grant::NotGranted;

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
    /// Too much of something else.
    #[error("the component has more of something than an instance may have: {reason}")]
    Oversized {
        /// What the pool said.
        reason: String,
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
    /// It takes too much to compile.
    #[error(
        "the component cannot be compiled: it takes more than {budget}; split its largest functions, keep generated tables in data, and build it with `opt-level = \"s\"`"
    )]
    CompileBudget {
        /// What it may take.
        budget: String,
    },
    /// The compiler failed.
    #[error("the component cannot be compiled, and the compiler is to blame: {reason}")]
    CompilerFailed {
        /// What it said.
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
    #[error("the component imports what the sandbox does not offer:\n{}", table(.0))]
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

impl From<CompileError> for PluginError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Invalid(reason) => Self::Malformed { reason },
            CompileError::Budget(budget) => Self::CompileBudget { budget },
            CompileError::Broken(reason) => Self::CompilerFailed { reason },
        }
    }
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
            let advice = advice(&interface);
            format!("it usually comes from {}; use {} instead", advice.cause, advice.instead)
        };
        Self::NoFunction { interface, function, remedy }
    }
}
