//! `plugin ...`.

use std::path::Path;

use clap::Subcommand;
use relhost_connect::printable::{lines, one_line};
use relhost_runtime::Inspection;

use super::session::Session;
use super::settings;
use super::table::table;
use super::validate;
use crate::app::plugins;
use crate::bundled;
use crate::exit::{Exit, Failure};

/// The longest summary in the list.
const SUMMARY_SHOWN: usize = 100;

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
        inspected.push((name, look(&sandbox, name, bytes)?));
    }
    if inspected.is_empty() {
        session.ui.hint("this binary was built without plugins: run `cargo xtask plugins`, then build again");
    }
    let views: Vec<serde_json::Value> =
        inspected.iter().map(|(name, inspection)| view(name, inspection)).collect();
    session.ui.result(&views, || {
        let rows = inspected.iter().map(|(name, inspection)| {
            let about = inspection.describe.as_ref().map(|d| first_sentence(&d.summary)).unwrap_or_default();
            [(*name).to_owned(), inspection.kind.to_string(), requests(inspection), about]
        });
        table(["plugin", "kind", "asks for", "about"], rows)
    });
    Ok(Exit::Done)
}

fn inspect(session: &Session<'_>, plugin: &str) -> Result<Exit, Failure> {
    let sandbox = validate::sandbox(&session.config(None)?)?;
    let bytes = match (bundled::component(plugin), Path::new(plugin).exists()) {
        (Some(bytes), false) => bytes.to_vec(),
        (None, false) => return Err(no_such(plugin)),
        (_, true) => plugins::read_file(Path::new(plugin)).map_err(|why| {
            Failure::new(Exit::Invalid, "plugin-unreadable", format!("cannot read {plugin}: {why}"))
        })?,
    };
    let inspection = look(&sandbox, plugin, &bytes)?;
    session.ui.result(&view(plugin, &inspection), || describe(plugin, &inspection));
    inspection.warnings.iter().for_each(|warning| session.ui.warn(warning));
    Ok(Exit::Done)
}

fn no_such(plugin: &str) -> Failure {
    let message = format!("there is no file `{plugin}`, and no bundled plugin of that name");
    let names: Vec<&str> = bundled::names().collect();
    Failure::new(Exit::Invalid, "unknown-plugin", message).help(match names.is_empty() {
        true => {
            "this binary was built without plugins: run `cargo xtask plugins`, then build again".to_owned()
        }
        false => format!("bundled are: {}", names.join(", ")),
    })
}

fn look(sandbox: &relhost_runtime::Sandbox, plugin: &str, bytes: &[u8]) -> Result<Inspection, Failure> {
    sandbox.inspect(bytes).map_err(|error| {
        let failure = Failure::chain(Exit::Invalid, "component-refused", &error);
        Failure { message: format!("{plugin}: {}", failure.message), ..failure }
    })
}

/// The rest is what `inspect` is for.
fn first_sentence(text: &str) -> String {
    let sentence = text.split_inclusive(". ").next().unwrap_or_default();
    one_line(sentence.trim_end().trim_end_matches('.'), SUMMARY_SHOWN)
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
    let about = inspection.describe.as_ref();
    let mut text = format!("{name}: a {} plugin\n", inspection.kind);
    if let Some(about) = about {
        text.push_str(&format!("{}\n", lines(&about.summary)));
    }
    let needs = requests(inspection);
    text.push_str(&format!(
        "\nasks for   {}\ndigest     {}\nsize       {} KiB\n",
        if needs.is_empty() { "nothing" } else { &needs },
        inspection.digest,
        inspection.size.div_ceil(1024),
    ));
    let (library, own): (Vec<_>, Vec<_>) =
        inspection.imports.iter().partition(|import| import.starts_with("wasi:"));
    let mut rows: Vec<String> = own.into_iter().cloned().collect();
    if !library.is_empty() {
        rows.push(format!("{} interfaces of Rust's standard library (wasi), as a stub", library.len()));
    }
    for (name, list) in [("imports", &rows), ("exports", &inspection.exports)] {
        for (index, item) in list.iter().enumerate() {
            text.push_str(&format!("{:<11}{item}\n", if index == 0 { name } else { "" }));
        }
    }
    let schema = about.and_then(|about| serde_json::from_str(&about.settings_schema).ok());
    if let Some(schema) = schema {
        text.push_str(&format!("\n{}", settings::table_of(&schema)));
    }
    if let Some(about) = about.filter(|about| !about.documentation.trim().is_empty()) {
        text.push_str(&format!("\n{}\n", lines(about.documentation.trim())));
    }
    text
}
