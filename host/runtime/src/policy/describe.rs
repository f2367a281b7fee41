//! The call of `describe`: a pure function as a policy is, of a component of either kind.

use relhost_model::call::CallError;
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType, Val};

use super::{PolicyState, link, store};
use crate::bindings::describe::DescribePluginPre;
use crate::console::{clean, clean_line, cut};
use crate::fault::{Ended, Who, classify};
use crate::grant::base;
use crate::limits::{Limits, SENTENCE_MAX, VERDICT_MAX};
use crate::wasi;

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// One sentence.
    pub summary: String,
    /// JSON Schema (draft-07) of the plugin's `with:`.
    pub settings_schema: String,
    /// Markdown.
    pub documentation: String,
}

/// Puts functions that end the call where a component imports more than a policy gets. An interface that names
/// a resource of another one refers to it and must not bring its own.
fn link_in_name_only(linker: &mut Linker<PolicyState>, component: &Component) -> wasmtime::Result<()> {
    let (engine, mut known) = (component.engine(), Vec::new());
    for (import, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let linked = is_linked(base(import));
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Resource(resource) if known.contains(&resource) => {}
                ComponentItem::Resource(resource) => {
                    known.push(resource);
                    if !linked {
                        let nothing = ResourceType::host::<NameOnly>();
                        linker.instance(import)?.resource(name, nothing, |_, _| Ok(()))?;
                    }
                }
                ComponentItem::ComponentFunc(_) if !linked => {
                    let called = NameOnly(format!("{import}#{name}"));
                    let end = move |_: StoreContextMut<'_, _>, _, _: &[Val], _: &mut [Val]| {
                        Err(wasmtime::Error::new(called.clone()))
                    };
                    linker.instance(import)?.func_new(name, end)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether [`link`] has it.
fn is_linked(interface: &str) -> bool {
    wasi::INTERFACES.contains(&interface) || ["relhost:types/types", "relhost:log/log"].contains(&interface)
}

/// What a component imports is there in name only, and it was called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it called `{0}` to describe itself, which it must not")]
struct NameOnly(String);

/// Asks a component of either kind to describe itself. Whatever it imports is there in name only: calling
/// any of it but the log ends the call.
///
/// # Errors
/// If it does not return.
pub fn describe(component: &Component, who: &Who, limits: &Limits) -> Result<Description, CallError> {
    let failed = |error: wasmtime::Error| {
        CallError::permanent("describe-failed", format!("{who} does not describe itself: {error:#}"))
    };
    let engine = component.engine();
    let mut linker = link(engine).map_err(failed)?;
    link_in_name_only(&mut linker, component).map_err(failed)?;
    let pre = linker.instantiate_pre(component).and_then(DescribePluginPre::new).map_err(failed)?;
    let mut store = store(engine, limits).map_err(failed)?;
    let described = pre
        .instantiate(&mut store)
        .and_then(|plugin| plugin.relhost_describe_describe().call_describe(&mut store));
    match described {
        Ok(described) => Ok(Description {
            summary: clean_line(&described.summary, SENTENCE_MAX),
            settings_schema: cut(clean(&described.settings_schema), VERDICT_MAX),
            documentation: cut(clean(&described.documentation), VERDICT_MAX),
        }),
        Err(error) => match classify(&error, who, limits, &store.data().console) {
            Ended::Guest(fault) => Err(fault),
            Ended::Host(_) | Ended::Stopped => Err(failed(error)),
        },
    }
}
