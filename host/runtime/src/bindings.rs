//! The contract as Rust: generator calls and nothing else. What is generated has the contract's own words
//! in `wit/` as its documentation.

/// The world of a stage. Only calls that may wait are async: a getter costs less without.
#[allow(missing_docs, reason = "generated")]
pub mod stage {
    wasmtime::component::bindgen!({
        path: [
            "../../wit/types",
            "../../wit/log",
            "../../wit/context",
            "../../wit/deploy",
            "../../wit/secrets",
            "../../wit/approval",
            "../../wit/notify",
            "../../wit/stage",
            "../../wit/policy",
            "../../wit/describe",
            "../../wit/worlds",
        ],
        world: "relhost:worlds/stage-plugin",
        imports: {
            "relhost:deploy/deploy.deploy": async | trappable | exact,
            "relhost:deploy/deploy.wait": async | trappable | exact,
            "relhost:secrets/create-secret": async | trappable,
            "relhost:approval/await-approval.await-approval": async | trappable | exact,
            "relhost:notify/notify": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "relhost:context/run-context.run-context": crate::request::ContextHandle,
            "relhost:deploy/deploy.deployment-request": relhost_model::call::DeployCall,
            "relhost:approval/await-approval.approval-request": crate::request::ApprovalDraft,
        },
    });
}

/// The world of a policy: nothing waits.
#[allow(missing_docs, reason = "generated")]
pub mod policy {
    wasmtime::component::bindgen!({
        path: [
            "../../wit/types",
            "../../wit/log",
            "../../wit/context",
            "../../wit/deploy",
            "../../wit/secrets",
            "../../wit/approval",
            "../../wit/notify",
            "../../wit/stage",
            "../../wit/policy",
            "../../wit/describe",
            "../../wit/worlds",
        ],
        world: "relhost:worlds/policy-plugin",
        imports: { default: trappable },
    });
}

/// The optional description.
#[allow(missing_docs, reason = "generated")]
pub mod describe {
    wasmtime::component::bindgen!({
        path: [
            "../../wit/types",
            "../../wit/log",
            "../../wit/context",
            "../../wit/deploy",
            "../../wit/secrets",
            "../../wit/approval",
            "../../wit/notify",
            "../../wit/stage",
            "../../wit/policy",
            "../../wit/describe",
            "../../wit/worlds",
        ],
        world: "relhost:worlds/describe-plugin",
    });
}
