//! The sandbox: stages and policies are WebAssembly components that see the contract in `wit/` and nothing
//! else. What they call is converted to words of the domain, checked against what they were granted, and
//! handed to the host; what they must not do ends them alone, with a name for it.
//!
//! A module imports only modules declared above it.

pub mod limits;

pub mod console;

pub mod request;

pub mod bindings;

pub mod engine;

pub mod wasi;

pub mod grant;

pub mod cache;

pub mod fault;

pub mod state;

pub mod capability;

pub mod stage;

pub mod policy;

pub mod plugin;

pub mod sandbox;

pub use engine::Ticker;
pub use engine::compile::{CompileError, Compiler};
pub use grant::Interface;
pub use plugin::{Inspection, Plugin, PluginError};
pub use policy::describe::Description;
pub use sandbox::{Sandbox, SandboxError, SandboxOptions};
pub use stage::Activation;
