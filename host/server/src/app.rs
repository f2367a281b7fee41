//! The use cases. Every transport (command line, socket, page, trigger) calls these functions and no
//! others, and authorisation is inside them: there is no second path to a deployment.

pub mod approval;
pub mod caller;
pub mod configured;
pub mod create;
pub mod environment;
pub mod find;
pub mod handle;
pub mod load;
pub mod plugins;
pub mod release;
pub mod repair;
pub mod run;
pub mod settings;
