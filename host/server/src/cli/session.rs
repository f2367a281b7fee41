//! What the commands share: finding configuration and state, opening it, asking the owner.

use std::path::{Path, PathBuf};

use relhost_model::config::Config;
use relhost_model::id::PersonId;

use super::Global;
use super::ui::Ui;
use crate::api::peer;
use crate::app::caller::Caller;
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

    /// The options with which another command finds the same configuration and state, each with a space
    /// before it: whatever a message tells somebody to type works where they are.
    #[must_use]
    pub fn again(&self, pipeline: Option<&Path>) -> String {
        let config = load::find_config(self.global.config.as_deref(), pipeline);
        let config = config.filter(|path| path != Path::new(load::CONFIG_FILE));
        let options = [("--config", config.as_deref()), ("--state", self.global.state.as_deref())];
        let given = options.into_iter().filter_map(|(name, path)| Some(format!(" {name} {}", word(path?))));
        given.collect()
    }

    /// Who sits at this terminal, as the configuration knows them.
    #[must_use]
    pub fn user(&self, config: &Config) -> Option<PersonId> {
        Caller::os_user(config, &peer::current_user(), "terminal", None).actor.person().cloned()
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
        self.require_state(&config)?;
        self.open(config, Duty::Answer).await
    }

    /// Asking for something must not make a state.
    ///
    /// # Errors
    /// If there is none.
    pub fn require_state(&self, config: &Config) -> Result<(), Failure> {
        let state = self.state(config);
        if state.join("relhost.db").exists() {
            return Ok(());
        }
        let message = format!("there is no state in {}", state.display());
        Err(Failure::new(Exit::Invalid, "no-state", message)
            .help("`--config` names relhost.yaml, `--state` the folder; `relhost run` makes one"))
    }
}

/// A path as a shell reads it.
#[must_use]
pub fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Lets the state go. A second Ctrl-C does not wait for what is under way: it is made again on resume.
pub async fn close(backend: Backend) {
    tokio::select! {
        () = backend.close() => {}
        _ = tokio::signal::ctrl_c() => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_read_something_else() {
        assert_eq!(word(Path::new("shop/relhost.yaml")), "shop/relhost.yaml");
        assert_eq!(word(Path::new("my shop/it's.yaml")), r"'my shop/it'\''s.yaml'");
        assert_eq!(word(Path::new("$HOME")), "'$HOME'");
    }
}
