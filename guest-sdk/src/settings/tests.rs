//! Settings that do not fit name the field.

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::time::Span;

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sample {
    pull_secret: Option<Secret>,
    #[serde(default)]
    manifests: Vec<String>,
    /// How long.
    timeout: Option<Span>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Secret {
    name: String,
    size: Option<u8>,
}

fn problem(json: &str) -> (String, String) {
    let failure = parse::<Sample>(json).unwrap_err();
    assert_eq!(failure.code(), "invalid-settings");
    assert!(!failure.message().contains(" at line "), "{failure}");
    (failure.details()[0].1.clone(), failure.message().to_owned())
}

#[test]
fn nothing_is_an_empty_map() {
    for json in ["", "null", "{}", " {} "] {
        assert_eq!(parse::<NoSettings>(json), Ok(NoSettings {}), "{json:?}");
    }
    assert!(parse::<NoSettings>(r#"{"a":1}"#).is_err());
}

#[test]
fn the_field_is_named() {
    for (json, field) in [
        (r#"{"pull-secret":{"name":5}}"#, "pull-secret.name"),
        (r#"{"pull-secret":{"name":"a","size":300}}"#, "pull-secret.size"),
        (r#"{"pull-secret":{"name":"a","sise":3}}"#, "pull-secret.sise"),
        (r#"{"pull-secret":{"size":3},"manifests":[]}"#, "pull-secret.name"),
        (r#"{"pull-secret":{}}"#, "pull-secret.name"),
        (r#"{"manifests":["a","b",7]}"#, "manifests[2]"),
        (r#"{"manifests":["a","b"],"timeout":"10"}"#, "timeout"),
        (r#"{"timeout":"10","manifests":["a"]}"#, "timeout"),
        (r#"{"manifests":"a"}"#, "manifests"),
        ("{\n  \"manifests\": [\n    \"}\\\"\",\n    true\n  ]\n}", "manifests[1]"),
        (r#"{"q\"x":1}"#, "q\"x"),
        (r#"{"manifests":{"a":[1]}}"#, "manifests"),
        ("[]", ""),
        ("7", ""),
    ] {
        assert_eq!(problem(json).0, field, "{json}: {}", problem(json).1);
    }
}

#[test]
fn the_message_says_what_is_wrong() {
    assert_eq!(
        problem(r#"{"timeout":"soon"}"#).1,
        "`timeout`: `soon` is not a span of time; write a number and a unit, as in `90s`, `10m`, `36h` or `30d`"
    );
    assert!(problem(r#"{"pull-secret":{}}"#).1.contains("missing field `name`"));
    assert!(problem(r#"{"maniffests":[]}"#).1.contains("unknown field `maniffests`, expected"));
}

#[test]
fn the_schema_is_draft_07_and_has_the_documentation() {
    let schema: serde_json::Value = serde_json::from_str(&schema::<Sample>()).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["timeout"]["description"], "How long.");
}
