//! Write stages and approval policies for relhost.
//!
//! A stage is a type with one method; the attribute exports it as a WebAssembly component:
//!
//! ```
//! use relhost_sdk::prelude::*;
//!
//! /// What the pipeline writes under `with:`.
//! #[relhost_sdk::settings]
//! struct Settings {
//!     /// Manifest files of the artifact.
//!     manifests: Vec<String>,
//! }
//!
//! struct Deploy;
//!
//! /// Applies manifests and waits until they work.
//! #[relhost_sdk::stage]
//! impl Stage for Deploy {
//!     type Settings = Settings;
//!
//!     fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
//!         let deployment = ctx.deploy().manifests(settings.manifests).start()?;
//!         deployment.wait(Duration::from_secs(600))?;
//!         Ok(Outcome::succeeded("everything runs"))
//!     }
//! }
//!
//! // In a test, on any machine, without WebAssembly:
//! use relhost_sdk::mock::{self, MockHost};
//!
//! let host = MockHost::new().deploy(mock::applied("d1", &["Deployment/web"])).wait(mock::rollout());
//! let outcome = host.run(&Deploy, json!({ "manifests": ["web.yml"] })).expect("no failure");
//! assert_eq!(outcome.status(), Status::Succeeded);
//! ```
//!
//! The manifest of a plugin has `crate-type = ["cdylib", "rlib"]` and this crate as its only dependency. It is
//! built with `cargo build --release --target wasm32-wasip2`.
//!
//! - A stage's powers hang off [`Context`](context::Context): [`deploy`], [`secrets`], [`approval`],
//!   [`notify`], [`log`]. A component imports only what its code calls, and what it imports has to be granted.
//! - A stage is run again from its start after a wait or a restart, and is answered from the journal: it has
//!   to be deterministic ([`stage::Stage`]).
//! - A [`mod@policy`] decides from votes whether an approval is given.
//! - [`mock`] tests both natively.

// The attributes write paths that begin with the crate's name, in its own documentation and tests too.
extern crate self as relhost_sdk;

/// The plugin that the first page shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub mod time;

pub mod outcome;

pub mod settings;

#[doc(hidden)]
pub mod host;

pub mod log;

pub mod secrets;

pub mod deploy;

pub mod approval;

pub mod notify;

pub mod context;

pub mod plugin;

pub mod stage;

pub mod policy;

#[cfg(not(target_arch = "wasm32"))]
pub mod mock;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod export;

pub use relhost_sdk_macros::{policy, settings, stage};

/// Everything that a plugin usually needs.
pub mod prelude {
    pub use std::time::Duration;

    pub use schemars::JsonSchema;
    pub use serde::Deserialize;
    pub use serde_json::{Value, json};

    pub use crate::approval::{Decision, NotApproved, Resolution};
    pub use crate::context::{Actor, ActorKind, ArtifactRef, Context};
    pub use crate::deploy::{Change, Deployment, Rollout};
    pub use crate::outcome::{Explain, Failure, Outcome, Status};
    pub use crate::policy::{Answer, Approver, Policy, PolicyInput, Requirement, Verdict};
    pub use crate::secrets::SecretRef;
    pub use crate::settings::NoSettings;
    pub use crate::stage::Stage;
    pub use crate::time::{Span, Timestamp};
    pub use crate::{debug, error, info, warn};
}

/// For settings whose reading is written by hand; the derives come with [`macro@settings`].
pub use {schemars, serde, serde_json};
