//! Settings against the schema that a plugin describes itself with, so that a wrong `with:` is refused before
//! a release is made. Only what a person gets wrong is checked: unknown and missing keys, types, and words of
//! a list. The plugin itself reads the rest when it starts.

use relhost_model::yaml::suggest::nearest_or_all;
use serde_json::Value;

/// Settings that nest deeper are not looked at; a schema may refer to itself.
const DEPTH_MAX: usize = 16;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The way to it, for example `with.manifests[0]`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Everything that is wrong with settings. `path` is the way to them.
#[must_use]
pub fn check(schema: &Value, settings: &Value, path: &str) -> Vec<Wrong> {
    // No settings at all are those of an empty map.
    let empty = Value::Object(serde_json::Map::new());
    let settings = if settings.is_null() { &empty } else { settings };
    let mut checker = Checker { root: schema, wrong: Vec::new() };
    checker.value(schema, settings, path, 0);
    checker.wrong
}

struct Checker<'a> {
    root: &'a Value,
    wrong: Vec<Wrong>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, path: &str, depth: usize) {
        let Some(schema) = self.resolve(schema, value).filter(|_| depth < DEPTH_MAX) else { return };
        // What a variable stands for is known only when the stage starts.
        if value.as_str().is_some_and(|text| text.contains("$(")) {
            return;
        }
        if !self.has_type(schema, value, path) {
            return;
        }
        self.one_of_the_words(schema, value, path);
        match value {
            Value::Object(map) => self.map(schema, map, path, depth),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&schema["items"], item, &format!("{path}[{index}]"), depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Follows a reference, and picks the only alternative beside `null`. Of several real alternatives none is
    /// picked: which was meant is not known.
    fn resolve(&self, schema: &'a Value, value: &Value) -> Option<&'a Value> {
        let mut schema = schema;
        for _ in 0..DEPTH_MAX {
            if let Some(reference) = schema["$ref"].as_str() {
                schema = self.root.pointer(reference.strip_prefix('#')?)?;
                continue;
            }
            let Some(alternatives) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) else {
                return Some(schema);
            };
            let mut real = alternatives.iter().filter(|alternative| alternative["type"] != "null");
            match (real.next(), real.next()) {
                (Some(only), None) if !value.is_null() => schema = only,
                _ => return None,
            }
        }
        None
    }

    fn has_type(&mut self, schema: &Value, value: &Value, path: &str) -> bool {
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => vec![one],
            _ => return true,
        };
        let found = type_of(value);
        let fits = |wanted: &&str| **wanted == *found || (**wanted == *"number" && found == "integer");
        if types.iter().any(fits) {
            return true;
        }
        let wanted: Vec<&str> = types.into_iter().filter(|word| *word != "null").map(word).collect();
        let help = (wanted == ["a list"]).then(|| "put it in brackets: `[...]`".to_owned());
        self.add(path, format!("expected {}, found {}", wanted.join(" or "), word(found)), help);
        false
    }

    fn one_of_the_words(&mut self, schema: &Value, value: &Value, path: &str) {
        let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) else { return };
        let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
        let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let help = nearest_or_all(&found, "words", known.iter().copied());
        self.add(path, format!("`{found}` is none of the words that are known here"), Some(help));
    }

    fn map(&mut self, schema: &'a Value, map: &serde_json::Map<String, Value>, path: &str, depth: usize) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(name) {
                let about = schema["properties"][name]["description"].as_str();
                self.add(
                    path,
                    format!("`{name}` is missing"),
                    about.map(|about| format!("`{name}`: {about}")),
                );
            }
        }
        let properties = schema["properties"].as_object();
        for (name, value) in map {
            let below = format!("{path}.{name}");
            match properties.and_then(|properties| properties.get(name)) {
                Some(property) => self.value(property, value, &below, depth + 1),
                None if schema["additionalProperties"] == false => {
                    let known = properties.into_iter().flat_map(|known| known.keys().map(String::as_str));
                    let help = nearest_or_all(name, "settings", known);
                    self.add(&below, "there is no such setting".into(), Some(help));
                }
                None => self.value(&schema["additionalProperties"], value, &below, depth + 1),
            }
        }
    }

    fn add(&mut self, path: &str, message: String, help: Option<String>) {
        self.wrong.push(Wrong { path: path.to_owned(), message, help });
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A JSON type in the words of the rest of our messages.
fn word(of: &str) -> &str {
    match of {
        "null" => "nothing",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["manifests"],
            "properties": {
                "manifests": { "type": "array", "items": { "type": "string" }, "description": "Files to apply." },
                "count": { "type": ["integer", "null"] },
                "power": { "enum": ["deploy", "wait"] },
                "pull-secret": { "anyOf": [{ "$ref": "#/$defs/Secret" }, { "type": "null" }] },
                "either": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            },
            "$defs": { "Secret": {
                "type": "object", "additionalProperties": false, "required": ["name"],
                "properties": { "name": { "type": "string" }, "next": { "$ref": "#/$defs/Secret" } },
            } },
        })
    }

    fn wrong(settings: Value) -> Vec<(String, String)> {
        check(&schema(), &settings, "with").into_iter().map(|w| (w.path, w.message)).collect()
    }

    #[test]
    fn what_fits_is_not_touched() {
        for settings in [
            json!({ "manifests": ["a"], "count": 3, "power": "wait", "pull-secret": { "name": "x" } }),
            json!({ "manifests": [], "count": null, "pull-secret": null, "either": 1, "labels": { "a": "b" } }),
            // A variable may stand for anything.
            json!({ "manifests": "$(list)", "count": "$(n)", "power": "$(power)", "pull-secret": "$(s)" }),
        ] {
            assert_eq!(wrong(settings), []);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let table = [
            (json!(null), "with", "`manifests` is missing"),
            (json!([]), "with", "expected a map, found a list"),
            (json!({ "manifests": "a" }), "with.manifests", "expected a list, found a text"),
            (json!({ "manifests": [1] }), "with.manifests[0]", "expected a text, found a whole number"),
            (
                json!({ "manifests": [], "count": 1.5 }),
                "with.count",
                "expected a whole number, found a number",
            ),
            (
                json!({ "manifests": [], "power": "walk" }),
                "with.power",
                "`walk` is none of the words that are known here",
            ),
            (json!({ "manifests": [], "manifest": 1 }), "with.manifest", "there is no such setting"),
            (json!({ "manifests": [], "pull-secret": {} }), "with.pull-secret", "`name` is missing"),
            (
                json!({ "manifests": [], "pull-secret": { "name": "x", "next": { "name": 1 } } }),
                "with.pull-secret.next.name",
                "expected a text, found a whole number",
            ),
            (
                json!({ "manifests": [], "labels": { "a": 1 } }),
                "with.labels.a",
                "expected a text, found a whole number",
            ),
        ];
        for (settings, path, message) in table {
            assert_eq!(wrong(settings.clone()), [(path.to_owned(), message.to_owned())], "{settings}");
        }
    }

    #[test]
    fn help_names_what_was_meant() {
        let found = check(&schema(), &json!({ "manifest": [] }), "with");
        let help: Vec<_> = found.iter().filter_map(|wrong| wrong.help.as_deref()).collect();
        assert_eq!(help, ["`manifests`: Files to apply.", "did you mean `manifests`?"]);
    }
}
