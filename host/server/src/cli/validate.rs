//! `validate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use relhost_model::config::Config;
use relhost_runtime::{Sandbox, SandboxOptions};

use super::session::Session;
use crate::app::{configured, load, plugins};
use crate::exit::{Exit, Failure};
use crate::host::compiler::ChildProcess;

/// Check pipelines and the configuration, components and grants included. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  relhost validate pipelines/*/pipeline.yaml")]
pub struct Validate {
    /// Pipeline files; without any those of the configuration
    pub pipelines: Vec<PathBuf>,
    /// A plugin set over the pipelines' own plugins
    #[arg(long, value_name = "PATH")]
    pub plugins: Vec<PathBuf>,
}

/// Checks everything and reports every file, not only the first that is wrong.
///
/// # Errors
/// If a file is invalid.
pub fn run(session: &Session<'_>, command: &Validate) -> Result<Exit, Failure> {
    let ui = session.ui;
    let mut exit = Exit::Done;
    let mut checked = Vec::new();
    let pipelines = match command.pipelines.as_slice() {
        [] => session.config(None)?.pipelines,
        given => given.to_vec(),
    };
    if pipelines.is_empty() {
        return Err(Failure::new(
            Exit::Invalid,
            "usage",
            "no pipeline was named, and relhost.yaml lists none",
        )
        .help("relhost validate pipeline.yaml"));
    }
    for path in &pipelines {
        match one(session, path, &command.plugins) {
            Ok(said) => {
                if ui.for_people() {
                    ui.raw(&format!("{}: {said}\n", path.display()));
                }
                checked.push(serde_json::json!({ "file": path, "valid": true }));
            }
            Err(failure) => {
                let _code = ui.fail(&failure);
                checked.push(serde_json::json!({ "file": path, "valid": false, "problem": failure }));
                exit = if exit == Exit::Done { failure.exit } else { exit };
            }
        }
    }
    if !ui.for_people() {
        ui.result(&checked, String::new);
    }
    Ok(exit)
}

fn one(session: &Session<'_>, path: &Path, sets: &[PathBuf]) -> Result<String, Failure> {
    let ui = session.ui;
    let config = session.config(Some(path))?;
    let loaded = load::pipeline(path)?;
    for warning in &loaded.warnings {
        ui.warn(warning);
    }
    let pipeline = loaded.value;
    let sandbox = sandbox(&config)?;
    configured::check(&pipeline, &config)?;
    let components = plugins::collect(&pipeline, &config, sets)?;
    plugins::pin(&sandbox, &config, &pipeline, &components)?;
    let demanded = plugins::demanded(&pipeline, &config)?;
    plugins::pin_demanded(&sandbox, &config, &pipeline, &demanded)?;
    let counted = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    let (stages, plugins) = (pipeline.stages.len(), components.len());
    Ok(format!("{} is valid ({}, {})", pipeline.name, counted(stages, "stage"), counted(plugins, "plugin")))
}

/// A sandbox for inspection only: nothing is cached, so nothing is written.
///
/// # Errors
/// If it cannot be started.
pub fn sandbox(config: &Config) -> Result<Sandbox, Failure> {
    let limits = config.limits.clone();
    let options =
        SandboxOptions { cache_dir: None, cache_key: [0; 32], limits, compiler: Arc::new(ChildProcess) };
    let (sandbox, _ticker) =
        Sandbox::new(options).map_err(|error| Failure::chain(Exit::Unexpected, "sandbox", &error))?;
    Ok(sandbox)
}
