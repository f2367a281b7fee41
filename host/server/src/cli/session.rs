//! What the commands share: finding configuration and state, opening it, asking the owner.

use std::path::{Path, PathBuf};

use relhost_model::config::Config;

use super::Global;
use super::ui::Ui;
use crate::app::load;
use crate::exit::{Exit, Failure};
use crate::owner::{Backend, Duty, open};
use crate::telemetry;

/// The name of the state folder beside the configuration.
const STATE_FOLDER: &str = ".relhost";

/// One command's surroundings.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The writer.
    pub ui: &'a Ui,
    /// The global options.
    pub global: &'a Global,
}

impl Session<'_> {
    /// Reads the configuration; an empty one if there is none.
    ///
    /// # Errors
    /// If it is invalid, or was named and does not exist.
    pub fn config(&self, pipeline: Option<&Path>) -> Result<Config, Failure> {
        let Some(path) = load::find_config(self.global.config.as_deref(), pipeline) else {
            return Ok(Config { folder: current_folder()?, ..Config::default() });
        };
        let loaded = load::config(&path)?;
        for warning in loaded.warnings {
            self.ui.warn(&warning);
        }
        Ok(loaded.value)
    }

    /// Where the state is.
    #[must_use]
    pub fn state(&self, config: &Config) -> PathBuf {
        match &self.global.state {
            Some(state) => state.clone(),
            None if config.state.as_os_str().is_empty() => config.folder.join(STATE_FOLDER),
            None => config.state.clone(),
        }
    }

    /// Takes the state or finds its owner.
    ///
    /// # Errors
    /// If neither is possible.
    pub async fn open(&self, config: Config, duty: Duty) -> Result<Backend, Failure> {
        let state = self.state(&config);
        let state = std::path::absolute(&state).map_err(|error| {
            Failure::new(Exit::Invalid, "state", format!("the state folder {}: {error}", state.display()))
        })?;
        telemetry::start(self.global.verbose);
        open(&state, config, duty).await
    }

    /// Opens the state for one request.
    ///
    /// # Errors
    /// If there is no state yet, or it cannot be opened.
    pub async fn ask(&self) -> Result<Backend, Failure> {
        let config = self.config(None)?;
        let state = self.state(&config);
        if !state.join("relhost.db").exists() {
            return Err(Failure::new(
                Exit::Invalid,
                "no-state",
                format!("there is no state in {}", state.display()),
            )
            .help("`--state` names the folder; `relhost run` makes one"));
        }
        self.open(config, Duty::Answer).await
    }
}

fn current_folder() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::chain(Exit::Unexpected, "folder", &error))
}

/// A path that another process can use too.
///
/// # Errors
/// If the current folder is gone.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::chain(Exit::Invalid, "path", &error))
}

/// The owner is of another version.
#[must_use]
pub fn unexpected() -> Failure {
    Failure::new(Exit::Unexpected, "owner-answer", "the owner answered something else than was asked")
}
