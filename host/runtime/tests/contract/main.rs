//! What the sandbox promises, tried out: one binary, because each links the compiler.
#![allow(clippy::unwrap_used, reason = "what helps a test may fail like one")]

mod advisory;
mod cache;
mod contract;
mod denial;
mod durable;
mod fixture;
mod host;
mod inspection;
mod limits;
mod plugins;
mod policy;
mod registration;
mod wit;
