//! A component on its way to being a plugin: what it is, what it asks for, and whether it may.

use std::sync::Arc;

use relhost_model::config::Allow;
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::release::PluginKind;

use crate::bindings::policy::PolicyPluginPre;
use crate::bindings::stage::StagePluginPre;
use crate::fault::Who;
use crate::grant::{Interface, check_imports, requests};
use crate::limits::{STAGE_COMPONENT_MAX, component_max};
use crate::policy::PolicyState;
use crate::policy::describe::Description;
use crate::state::StageState;

pub mod advice;
pub mod refusal;
pub mod shape;

pub use refusal::PluginError;
use shape::Shape;

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
