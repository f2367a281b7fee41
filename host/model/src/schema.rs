//! JSON Schema (draft-07) of the files a user writes, for completion and descriptions in editors.
//!
//! Written from the tables that the readers check against. What a reader accepts, the schema accepts; rules
//! that need more than one key at a time (references, circles, limits of size) are the readers' alone.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::definition::table::{PIPELINE, STAGE};
use crate::yaml::{Key, Object, Rule, SECRET, Shape, Use};
use crate::{build_file, config_file, plugin_set};

/// The schema of `pipeline.yaml`.
#[must_use]
pub fn pipeline() -> Value {
    file("relhost pipeline", &PIPELINE)
}

/// The schema of `relhost.yaml`.
#[must_use]
pub fn config() -> Value {
    or_empty(file("relhost configuration", &config_file::table::CONFIG))
}

/// The schema of `build.yaml`.
#[must_use]
pub fn build() -> Value {
    or_empty(file("relhost build file", &build_file::BUILD))
}

/// The schema of a plugin set file.
#[must_use]
pub fn plugin_set() -> Value {
    file("relhost plugin set", &plugin_set::PLUGIN_SET)
}

fn file(title: &str, object: &Object) -> Value {
    let mut schema = of_object(object, Use::Whole);
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), title.into());
    Value::Object(schema)
}

/// A file that says nothing is one too.
fn or_empty(mut schema: Value) -> Value {
    schema["type"] = json!(["object", "null"]);
    schema
}

fn of_shape(shape: &Shape, how: Use) -> Map<String, Value> {
    let schema = match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Whole { max } => json!({ "type": "integer", "minimum": 0, "maximum": max }),
        Shape::Span => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Settings => json!({ "type": "object" }),
        Shape::Secret => return of_object(&SECRET, Use::Whole),
        // What stands in a list is never merged.
        Shape::List(item) => json!({ "type": "array", "items": of_shape(item, Use::Whole) }),
        Shape::NonEmpty(item) => {
            json!({ "type": "array", "minItems": 1, "items": of_shape(item, Use::Whole) })
        }
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": of_value(value, how) }),
        Shape::Object(object) => return of_object(object, how),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(|shape| of_shape(shape, how)).collect::<Vec<_>>() })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// A value of a key: in a clone null removes it.
fn of_value(shape: &Shape, how: Use) -> Map<String, Value> {
    let schema = of_shape(shape, how);
    if how == Use::Whole {
        return schema;
    }
    let mut nullable = Map::new();
    nullable.insert("anyOf".into(), json!([schema, { "type": "null" }]));
    nullable
}

fn of_object(object: &Object, how: Use) -> Map<String, Value> {
    // A stage may be a clone; whether it is one decides the reader.
    let stage = std::ptr::eq(object, &raw const STAGE);
    let inner = if stage { Use::Patch } else { how };
    let properties: Map<String, Value> =
        object.keys.iter().map(|key| (key.name.to_owned(), of_key(key, inner))).collect();
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("additionalProperties".into(), false.into());
    schema.insert("properties".into(), Value::Object(properties));
    if how == Use::Patch {
        return schema;
    }
    let required: Vec<&str> = object.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    let each = |names: &[&str]| names.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>();
    match object.rule {
        Rule::None => {}
        Rule::OneOf(names) => {
            schema.insert("oneOf".into(), Value::Array(each(names)));
        }
        Rule::AnyOf(names) => {
            schema.insert("anyOf".into(), Value::Array(each(names)));
        }
    }
    schema
}

fn of_key(key: &Key, how: Use) -> Value {
    let mut schema = if key.required { of_shape(&key.shape, how) } else { of_value(&key.shape, how) };
    schema.insert("description".into(), key.about.into());
    Value::Object(schema)
}
