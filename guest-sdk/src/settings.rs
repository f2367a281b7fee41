//! A plugin's `with:` on its way from JSON to the author's struct.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::outcome::Failure;

mod place;
#[cfg(test)]
mod tests;

const DRAFT_07: &str = "http://json-schema.org/draft-07/schema#";

/// What settings can be: read from JSON and described by a schema. `#[relhost_sdk::settings]` on a struct
/// makes it so.
pub trait Settings: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Settings for T {}

/// The settings of a plugin that has none. Anything under `with:` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads settings. Nothing at all counts as an empty map, as in a stage without `with:`.
///
/// # Errors
/// If they do not fit: code `invalid-settings`, with the path of the field.
pub fn parse<S: DeserializeOwned>(json: &str) -> Result<S, Failure> {
    let json = if matches!(json.trim(), "" | "null") { "{}" } else { json };
    // A list would be read as the fields in their order, which nobody means.
    if !json.trim_start().starts_with('{') {
        return Err(Failure::invalid_settings("", "settings are a map of names and values"));
    }
    serde_json::from_str(json).map_err(|error| {
        let problem = error.to_string();
        // The position is one in the host's JSON, which nobody has written.
        let problem = problem.rsplit_once(" at line ").map_or(problem.as_str(), |(problem, _)| problem);
        let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let field = place::path_at(json, place::offset(json, error.line(), error.column()), missing);
        Failure::invalid_settings(&field, problem)
    })
}

/// The JSON Schema (draft-07) of settings.
#[must_use]
pub fn schema<S: JsonSchema>() -> String {
    // Without references there is nothing in which the drafts differ for settings, except that draft-07
    // passes over what newer ones say about tuples and flattened fields. The generator's own draft-07 mode
    // rewrites all that and costs every component 20 KB.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = Some(DRAFT_07.into());
        settings.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<S>().as_value().to_string()
}
