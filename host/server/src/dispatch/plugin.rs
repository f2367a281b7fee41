//! The plugin that a release was frozen with.

use relhost_engine::port::store::{Store as _, StoreError};
use relhost_model::call::CallError;
use relhost_model::config::Allow;
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::release::PluginKind;
use relhost_runtime::{Plugin, PluginError};

use crate::host::Host;
use crate::supervise::Supervisor;

/// From memory, else from its component in the store.
///
/// # Errors
/// If the component cannot be read or compiled for now (`storage-fault`, `compiler-failed`), is damaged
/// (`storage-damaged`) or gone (`component-missing`), or may not run here any more (`component-refused`).
pub async fn frozen(
    host: &Host,
    (name, component): (&PluginName, Digest),
    kind: PluginKind,
    allow: &Allow,
) -> Result<Plugin, CallError> {
    if let Some(plugin) = host.sandbox.registered(name, component, kind, allow) {
        return Ok(plugin);
    }
    let bytes = host.store.read().blob(component).await;
    let bytes = bytes.map_err(|error| match error {
        // What is damaged is damaged the next time too.
        StoreError::Damaged { .. } => CallError::permanent("storage-damaged", error.to_string()),
        error => CallError::transient("storage-fault", error.to_string()),
    })?;
    let bytes = bytes.ok_or_else(|| {
        CallError::permanent("component-missing", format!("the component {component} is not in the store"))
    })?;
    let (sandbox, name, allow) = (host.sandbox.clone(), name.clone(), allow.clone());
    // Compiling takes tenths of a second, and this thread answers others too.
    let registered = Supervisor::blocking(move || sandbox.register(&name, &bytes, kind, &allow)).await;
    registered.map_err(|error| match error {
        // The component is not to blame, and the next time the system may have what the compiler needs.
        PluginError::CompilerFailed { .. } => CallError::transient("compiler-failed", error.to_string()),
        refused => CallError::permanent("component-refused", refused.to_string()),
    })
}
