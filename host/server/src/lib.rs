//! The server: it assembles the engine and its adapters, dispatches runs, and serves people through the
//! command line, a socket and a page.
//!
//! A module imports only modules declared above it. The blank lines keep the formatter from sorting.

pub mod exit;

pub mod clock;

pub mod telemetry;

pub mod supervise;

pub mod token;

pub mod bundled;

pub mod protocol;

pub mod fresh;

pub mod host;

pub mod dispatch;

pub mod app;

pub mod api;

pub mod owner;

pub mod trigger;

pub mod cli;
