//! Generator calls and nothing else, but for the one handle that changes hands.
#![allow(unsafe_code, reason = "the canonical ABI passes pointers; the generator writes the code")]
#![allow(missing_docs, clippy::all, reason = "generated; the contract's own words are in wit/")]

/// What a stage imports and exports. The imports are everybody's.
pub mod stage_plugin {
    wit_bindgen::generate!({
        path: [
            "../wit/types",
            "../wit/log",
            "../wit/context",
            "../wit/deploy",
            "../wit/secrets",
            "../wit/approval",
            "../wit/notify",
            "../wit/stage",
            "../wit/policy",
            "../wit/describe",
            "../wit/worlds",
        ],
        world: "relhost:worlds/stage-plugin",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_stage",
        default_bindings_module: "relhost_sdk::host::wasm::bindings::stage_plugin",
    });
}

/// What a policy exports.
pub mod policy_plugin {
    wit_bindgen::generate!({
        path: [
            "../wit/types",
            "../wit/log",
            "../wit/context",
            "../wit/deploy",
            "../wit/secrets",
            "../wit/approval",
            "../wit/notify",
            "../wit/stage",
            "../wit/policy",
            "../wit/describe",
            "../wit/worlds",
        ],
        world: "relhost:worlds/policy-plugin",
        with: {
            "relhost:types/types@0.1.0": crate::host::wasm::bindings::stage_plugin::relhost::types::types,
            "relhost:log/log@0.1.0": crate::host::wasm::bindings::stage_plugin::relhost::log::log,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_policy",
        default_bindings_module: "relhost_sdk::host::wasm::bindings::policy_plugin",
    });
}

/// What both say about themselves.
pub mod describe_plugin {
    wit_bindgen::generate!({
        path: [
            "../wit/types",
            "../wit/log",
            "../wit/context",
            "../wit/deploy",
            "../wit/secrets",
            "../wit/approval",
            "../wit/notify",
            "../wit/stage",
            "../wit/policy",
            "../wit/describe",
            "../wit/worlds",
        ],
        world: "relhost:worlds/describe-plugin",
        pub_export_macro: true,
        export_macro_name: "export_describe",
        default_bindings_module: "relhost_sdk::host::wasm::bindings::describe_plugin",
    });
}

use stage_plugin::relhost::context::run_context::RunContext;

/// Takes over a borrowed handle, so that the context needs no lifetime in every author's signature. The
/// lender is left empty and gives nothing back; whoever has the result drops it before the export returns.
pub fn take(lent: &RunContext) -> RunContext {
    // SAFETY: the handle came from the host in this very call and is taken out of its only holder.
    unsafe { RunContext::from_handle(lent.take_handle()) }
}
