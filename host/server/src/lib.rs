//! The server: it assembles the engine and its adapters, dispatches runs, and serves people through the
//! command line, a socket and a page.
//!
//! A module imports only modules declared above it.

pub mod api;
pub mod app;
pub mod bundled;
pub mod cli;
pub mod clock;
pub mod dispatch;
pub mod exit;
pub mod host;
pub mod owner;
pub mod protocol;
pub mod supervise;
pub mod telemetry;
pub mod token;
pub mod trigger;
