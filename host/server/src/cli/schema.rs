//! `schema`.

use clap::{Args, ValueEnum};

use super::session::Session;
use crate::exit::{Exit, Failure};

/// Print the JSON Schema of a file, for editors.
#[derive(Debug, Args)]
#[command(after_help = "Example, at the top of pipeline.yaml:
  # yaml-language-server: $schema=./pipeline.schema.json
made by:
  relhost schema pipeline > pipeline.schema.json")]
pub struct Schema {
    /// Which file
    #[arg(value_enum, default_value_t = Of::Pipeline)]
    pub of: Of,
}

/// A file that a person writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// pipeline.yaml
    Pipeline,
    /// relhost.yaml
    Config,
}

/// Prints it.
///
/// # Errors
/// None.
pub fn run(session: &Session<'_>, command: &Schema) -> Result<Exit, Failure> {
    let schema = match command.of {
        Of::Pipeline => relhost_model::schema::pipeline(),
        Of::Config => relhost_model::schema::config(),
    };
    session.ui.result(&schema, || serde_json::to_string_pretty(&schema).unwrap_or_default());
    Ok(Exit::Done)
}
