//! `plugin ...`.

use std::path::PathBuf;

use clap::Subcommand;
use relhost_model::id::PluginName;
use relhost_model::pipeline::PluginSource;
use relhost_runtime::Inspection;

use super::session::Session;
use super::{ui, validate};
use crate::app::plugins;
use crate::bundled;
use crate::exit::{Exit, Failure};

/// Look into plugins.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// List the bundled plugins
    List,
    /// Show what a component is, what it imports and what it must be granted
    #[command(after_help = "Examples:
  relhost plugin inspect rolling-deploy
  relhost plugin inspect ./target/wasm32-wasip2/release/my_stage.wasm")]
    Inspect {
        /// A file, or the name of a bundled plugin
        plugin: String,
    },
}

/// Runs the command.
///
/// # Errors
/// If a component cannot be read or is refused.
pub fn run(session: &Session<'_>, command: Plugin) -> Result<Exit, Failure> {
    match command {
        Plugin::List => list(session),
        Plugin::Inspect { plugin } => inspect(session, &plugin),
    }
}

fn list(session: &Session<'_>) -> Result<Exit, Failure> {
    let sandbox = validate::sandbox(&session.config(None)?)?;
    let mut inspected = Vec::new();
    for name in bundled::names() {
        let bytes = bundled::component(name).unwrap_or_default();
        inspected.push((name, look(&sandbox, bytes)?));
    }
    if inspected.is_empty() {
        session.ui.hint("this binary was built without plugins: run `cargo xtask plugins`, then build again");
    }
    let views: Vec<serde_json::Value> =
        inspected.iter().map(|(name, inspection)| view(name, inspection)).collect();
    session.ui.result(&views, || {
        let rows = inspected.iter().map(|(name, inspection)| {
            let about = inspection.describe.as_ref().map(|d| d.summary.clone()).unwrap_or_default();
            [(*name).to_owned(), inspection.kind.to_string(), requests(inspection), about]
        });
        ui::table(["plugin", "kind", "asks for", "about"], rows)
    });
    Ok(Exit::Done)
}

fn inspect(session: &Session<'_>, plugin: &str) -> Result<Exit, Failure> {
    let sandbox = validate::sandbox(&session.config(None)?)?;
    let path = PathBuf::from(plugin);
    let bytes = match bundled::component(plugin) {
        Some(bytes) if !path.exists() => bytes.to_vec(),
        _ => {
            let name = PluginName::new("plugin")
                .map_err(|error| Failure::chain(Exit::Unexpected, "plugin", &error))?;
            plugins::read(&name, std::path::Path::new(""), &PluginSource::Path(plugin.to_owned()))?.bytes
        }
    };
    let inspection = look(&sandbox, &bytes)?;
    session.ui.result(&view(plugin, &inspection), || describe(plugin, &inspection));
    Ok(Exit::Done)
}

fn look(sandbox: &relhost_runtime::Sandbox, bytes: &[u8]) -> Result<Inspection, Failure> {
    sandbox.inspect(bytes).map_err(|error| Failure::chain(Exit::Invalid, "component-refused", &error))
}

fn requests(inspection: &Inspection) -> String {
    inspection.requests.iter().map(|interface| interface.name()).collect::<Vec<_>>().join(", ")
}

fn view(name: &str, inspection: &Inspection) -> serde_json::Value {
    let describe = inspection.describe.as_ref();
    serde_json::json!({
        "plugin": name,
        "kind": inspection.kind,
        "digest": inspection.digest,
        "size": inspection.size,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "asks-for": inspection.requests.iter().map(|interface| interface.name()).collect::<Vec<_>>(),
        "summary": describe.map(|describe| &describe.summary),
        "settings-schema": describe.and_then(|d| serde_json::from_str::<serde_json::Value>(&d.settings_schema).ok()),
    })
}

fn describe(name: &str, inspection: &Inspection) -> String {
    let mut text = format!(
        "{name}: a {} plugin\ndigest    {}\nsize      {} bytes\nasks for  {}\n",
        inspection.kind,
        inspection.digest,
        inspection.size,
        requests(inspection),
    );
    for import in &inspection.imports {
        text.push_str(&format!("import    {import}\n"));
    }
    for export in &inspection.exports {
        text.push_str(&format!("export    {export}\n"));
    }
    if let Some(describe) = &inspection.describe {
        text.push_str(&format!("about     {}\nsettings  {}\n", describe.summary, describe.settings_schema));
        if !describe.documentation.is_empty() {
            text.push_str(&format!("\n{}\n", describe.documentation));
        }
    }
    text
}
