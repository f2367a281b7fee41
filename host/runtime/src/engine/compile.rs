//! Compiling: what anybody may ask of a compiler, and what it may answer.
//!
//! What a component costs to compile cannot be told from its size, so a host compiles in a process of its own
//! that is ended at its [budget](crate::limits::CompileBudget).

use relhost_model::release::PluginKind;

use crate::engine;

/// A component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is not what the format says.
    #[error("{0}")]
    Invalid(String),
    /// It takes more than it may.
    #[error("it takes more than {0}")]
    Budget(String),
    /// The compiler is to blame.
    #[error("{0}")]
    Broken(String),
}

/// Compiles for the engine of a kind. Blocks for as long as it takes.
pub trait Compiler: Send + Sync {
    /// The compiled component, which only an engine of this program and kind can load.
    ///
    /// # Errors
    /// If it cannot be compiled, or not within its budget.
    fn compile(&self, kind: PluginKind, component: &[u8]) -> Result<Vec<u8>, CompileError>;
}

/// Compiles in this process, within no budget: for the process that has one, and for components that are known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Here;

impl Compiler for Here {
    fn compile(&self, kind: PluginKind, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let engine = engine::compiler(kind).map_err(|error| CompileError::Broken(error.to_string()))?;
        engine.precompile_component(component).map_err(|error| CompileError::Invalid(format!("{error:#}")))
    }
}
