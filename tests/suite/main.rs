//! The one test binary of the project. A test that needs a real part is ignored unless `cargo xtask test`
//! has started it.

mod cli;
mod kill;
mod page;
mod sandbox;
mod scenarios;
mod tidy;
