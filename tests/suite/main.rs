//! The one test binary of the project. A test that needs a real part is ignored unless `cargo xtask test`
//! has started it.

mod cli;
mod cluster;
mod counts;
mod damage;
mod kill;
mod kill_cluster;
mod mail;
mod page;
mod refused;
mod sandbox;
mod scenarios;
mod secrets;
mod terminal;
mod tidy;
mod transcript;
mod trigger;
mod verbs;
