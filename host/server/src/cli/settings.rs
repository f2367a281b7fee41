//! A plugin's settings schema as a table.

use relhost_connect::printable::one_line;
use serde_json::{Map, Value};

use super::table::table;

/// Schemas nest as deep as settings do; deeper than this nobody reads a table.
const DEPTH_MAX: usize = 4;
/// The longest description in the table.
const DESCRIPTION_SHOWN: usize = 100;

/// The settings, one a line: the way to it, its type, whether it must be there, what it is.
#[must_use]
pub fn table_of(schema: &Value) -> String {
    let mut rows = Vec::new();
    collect(schema, schema, "", &mut rows);
    if rows.is_empty() {
        return "no settings\n".into();
    }
    table(["setting", "type", "", "what"], rows)
}

fn collect(root: &Value, schema: &Value, above: &str, rows: &mut Vec<[String; 4]>) {
    if above.matches('.').count() >= DEPTH_MAX {
        return;
    }
    let schema = resolve(root, schema);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let none = Map::new();
    for (name, property) in schema["properties"].as_object().unwrap_or(&none) {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let target = resolve(root, property);
        let about = property["description"].as_str().or(target["description"].as_str()).unwrap_or_default();
        let needed = if required.contains(&name.as_str()) { "required" } else { "" };
        rows.push([
            path.clone(),
            type_of(root, target, 0),
            needed.into(),
            one_line(about, DESCRIPTION_SHOWN),
        ]);
        collect(root, target, &path, rows);
    }
}

/// Follows a reference, and the one alternative to `null`.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return root.pointer(reference.trim_start_matches('#')).unwrap_or(schema);
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let mut real = alternatives.filter(|alternative| alternative["type"] != "null");
    match (real.next(), real.next()) {
        (Some(only), None) => resolve(root, only),
        _ => schema,
    }
}

fn type_of(root: &Value, schema: &Value, depth: usize) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ");
    }
    let word = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|word| *word != "null"),
        one => one.as_str(),
    };
    match word {
        // Its items may be such lists again, without an end.
        Some("array") if depth >= DEPTH_MAX => "list".to_owned(),
        Some("array") => format!("list of {}", type_of(root, resolve(root, &schema["items"]), depth + 1)),
        Some(word) => word.to_owned(),
        None => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_and_optional_settings_are_rows() {
        let schema = serde_json::json!({
            "type": "object",
            "required": ["manifests"],
            "properties": {
                "manifests": { "type": "array", "items": { "type": "string" }, "description": "Files." },
                "pull-secret": { "anyOf": [{ "$ref": "#/definitions/Secret" }, { "type": "null" }] },
                "timeout": { "type": ["string", "null"], "description": "How long." },
            },
            "definitions": {
                "Secret": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
            },
        });
        assert_eq!(
            table_of(&schema),
            "SETTING           TYPE                      WHAT\n\
             manifests         list of string  required  Files.\n\
             pull-secret       object\n\
             pull-secret.name  string          required\n\
             timeout           string                    How long.\n"
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = serde_json::json!({
            "properties": { "next": { "$ref": "#/definitions/Next" } },
            "definitions": { "Next": { "type": "object", "properties": { "next": { "$ref": "#/definitions/Next" } } } },
        });
        assert_eq!(table_of(&schema).lines().count(), 1 + DEPTH_MAX + 1);
    }
}
