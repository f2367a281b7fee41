//! The `relhost` program: seal the memory, install TLS, read the command line, run it, choose the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use relhost::cli::{Cli, Command, ui::Ui};

fn main() -> ExitCode {
    relhost::host::seal::seal();
    // Two providers may be compiled in; without a choice the first TLS connection would panic.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    // Compiling is bounded in memory, of which the threads of a runtime would take a part.
    if let Command::CompileComponent { kind } = cli.command {
        return relhost::host::compiler::run(kind);
    }
    let ui = Ui::new(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return ui.fail(&relhost::exit::Failure::chain(relhost::exit::Exit::Unexpected, "start", &error));
        }
    };
    let ended = runtime.block_on(relhost::cli::run(cli, &ui));
    // Blocking reads of the terminal cannot be interrupted; the process does not wait for them.
    runtime.shutdown_background();
    match ended.and_then(|exit| ui.complete(exit)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => ui.fail(&failure),
    }
}
