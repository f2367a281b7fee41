use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::yaml::{Node, Place, Problems, check, parse};

/// The good files of a kind, as values. Without clones, which are checked after they are merged.
fn good(kind: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(kind).join("good");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
    texts.map(|text| as_json(&text)).filter(|value| value.is_object()).map(without_clones).collect()
}

fn as_json(text: &str) -> Value {
    let (node, problems) = parse(text, "f");
    assert!(problems.is_empty(), "{problems}");
    let mut value = node.unwrap().to_json("", &mut Problems::new("f", ""));
    // A commit such as `12e4567` is text to the reader, and no number that JSON has.
    let values = value.as_object_mut().into_iter().flat_map(|entries| entries.values_mut());
    values.filter(|value| value.is_null()).for_each(|value| *value = json!("12e4567"));
    value
}

fn without_clones(mut value: Value) -> Value {
    if let Some(Value::Array(stages)) = value.get_mut("stages") {
        stages.retain(|stage| stage.get("clone").is_none());
    }
    value
}

/// What the reader's table says of a value.
fn fits(object: &'static Object, value: &Value) -> bool {
    let mut problems = Problems::new("f", "");
    let shape: &'static Shape = Box::leak(Box::new(Shape::Object(object)));
    check(&node(value), shape, Use::Whole, "", &mut problems);
    !problems.has_errors()
}

/// A value as the parser gives it. Going through text would take most of this test's time.
fn node(value: &Value) -> Node {
    use crate::yaml::{Entry, Value as Read};
    let place = Place { line: 1, column: 1, offset: 0, len: 0 };
    let value = match value {
        Value::Null => Read::Null { written: true },
        Value::Bool(value) => Read::Bool { value: *value, written: value.to_string() },
        Value::Number(number) => Read::Number { value: Some(number.clone()), written: number.to_string() },
        Value::String(text) => Read::Text(text.clone()),
        Value::Array(items) => Read::List(items.iter().map(node).collect()),
        Value::Object(entries) => {
            let entry =
                |(key, value): (&String, &Value)| Entry { key: key.clone(), place, value: node(value) };
            Read::Map(entries.iter().map(entry).collect())
        }
    };
    Node { place, value }
}

/// Every way to a value inside a value, itself included.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// One change at every place: another kind of value, a key more, a key or an item less.
fn mutations(value: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    pointers(value, "", &mut places);
    let others = [
        json!("text"),
        json!(""),
        json!("30d"),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(70_000),
        json!(true),
        json!([]),
        json!(["text"]),
        json!([7]),
        json!({}),
        json!({ "stage": "x" }),
        json!({ "env": "X" }),
        json!({ "use": "x" }),
    ];
    let mut mutated = Vec::new();
    for place in &places {
        let mut put = |what: String, change: &dyn Fn(&mut Value)| {
            let mut copy = value.clone();
            change(copy.pointer_mut(place).unwrap());
            mutated.push((format!("{place}: {what}"), copy));
        };
        for other in &others {
            put(format!("becomes {other}"), &|value| *value = other.clone());
        }
        let target = value.pointer(place).unwrap();
        if let Value::Object(entries) = target {
            for key in entries.keys() {
                put(format!("without {key}"), &|value| drop(value.as_object_mut().unwrap().remove(key)));
            }
            put("one key more".into(), &|value| value["nobody-knows-this"] = json!(1));
        }
    }
    mutated
}

/// What the tables say and what the schemas say is the same, for every good file with any one thing changed.
/// A stage of a pipeline may be a clone, which the schema cannot tell: there the schema takes what a stage or
/// a clone may be, so a missing key or a policy without its name is for the reader alone.
#[test]
fn the_schema_takes_what_the_reader_takes_and_nothing_else() {
    let cases: [(&str, Value, &'static Object); 3] = [
        ("pipeline", pipeline(), &PIPELINE),
        ("config", config(), &config_file::table::CONFIG),
        ("build", build(), &build_file::BUILD),
    ];
    for (kind, schema, object) in cases {
        let validator = jsonschema::draft7::new(&schema).unwrap();
        let mut counts = (0, 0);
        for value in good(kind) {
            for (what, mutated) in mutations(&value) {
                let (reader, schema) = (fits(object, &mutated), validator.is_valid(&mutated));
                let in_stage = kind == "pipeline" && what.starts_with("/stages/");
                // A text that is no span of time is found when it is read, not by the table.
                let span =
                    ["/timeout: becomes \"", "/stage-cpu: becomes \""].iter().any(|s| what.contains(s));
                assert!(!reader || schema || span, "{kind}{what}: the reader takes it, the schema does not");
                assert!(
                    reader || !schema || in_stage,
                    "{kind}{what}: the schema takes it, the reader does not"
                );
                if reader { counts.0 += 1 } else { counts.1 += 1 }
            }
        }
        assert!(counts.0 > 50 && counts.1 > 50, "{kind}: {counts:?}");
    }
}

#[test]
fn a_null_removes_a_key_in_a_clone_and_nowhere_else() {
    let validator = jsonschema::draft7::new(&pipeline()).unwrap();
    let with = |stage: Value, variables: Value| json!({ "pipeline": "p", "artifacts": [{ "alias": "a" }], "variables": variables, "stages": [stage] });
    let clone =
        json!({ "name": "A", "environment": "e", "clone": "B", "approval": null, "with": { "x": null } });
    assert!(validator.is_valid(&with(clone.clone(), json!({}))));
    assert!(!validator.is_valid(&with(clone, json!({ "x": null }))));
    let nameless = json!({ "name": null, "environment": "e", "uses": "x" });
    assert!(!validator.is_valid(&with(nameless, json!({}))));
}

#[test]
fn a_plugin_set_has_a_schema_too() {
    let validator = jsonschema::draft7::new(&plugin_set()).unwrap();
    assert!(validator.is_valid(&json!({ "plugins": { "a": { "path": "x" }, "b": { "bundled": "y" } } })));
    for bad in [
        json!({}),
        json!({ "plugins": { "a": {} } }),
        json!({ "plugins": { "a": { "path": "x", "bundled": "y" } } }),
        json!({ "plugins": {}, "more": 1 }),
    ] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}
