//! Reads every file under `data/` and every sample pipeline. A bad file has its problems as a snapshot; a good
//! one has what was read, and passes the JSON Schema.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod design;
mod samples;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use relhost_model::yaml::Problems;
use relhost_model::{build_file, config_file, definition, schema};

/// The files of a folder of `data/`, in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn snapshots<T: Debug>(kind: &str, quality: &str, read: impl Fn(&str) -> Result<(T, Problems), Problems>) {
    for path in files(&format!("{kind}/{quality}")) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = match (read(&text), quality) {
            (Ok((value, warnings)), "good") if warnings.is_empty() => format!("{value:#?}"),
            (Ok((value, warnings)), "good") => format!("{}\n{value:#?}", warnings.render()),
            (Err(problems), "bad") => {
                every_problem_has_a_place_and_a_help(&problems);
                problems.render()
            }
            (Ok(_), _) => panic!("{} is read without an error", path.display()),
            (Err(problems), _) => panic!("{}", problems.render()),
        };
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots", description => text, omit_expression => true }, {
            insta::assert_snapshot!(format!("{kind}-{quality}-{stem}"), shown);
        });
    }
}

fn every_problem_has_a_place_and_a_help(problems: &Problems) {
    for problem in problems {
        assert!(problem.place.is_some() && problem.help.is_some(), "{}: {problem:?}", problems.file());
    }
}

fn config(text: &str) -> Result<(relhost_model::config::Config, Problems), Problems> {
    config_file::read(text, Path::new("conf"), "relhost.yaml")
}

fn build(text: &str) -> Result<(relhost_model::artifact::BuildInfo, Problems), Problems> {
    build_file::read(text, "build.yaml").map(|info| (info, Problems::new("build.yaml", text)))
}

#[test]
fn good_pipelines_are_read() {
    snapshots("pipeline", "good", |text| definition::read(text, "pipeline.yaml"));
}

#[test]
fn bad_pipelines_say_why() {
    snapshots("pipeline", "bad", |text| definition::read(text, "pipeline.yaml"));
}

#[test]
fn good_configurations_are_read() {
    snapshots("config", "good", config);
}

#[test]
fn bad_configurations_say_why() {
    snapshots("config", "bad", config);
}

#[test]
fn good_build_files_are_read() {
    snapshots("build", "good", build);
}

#[test]
fn bad_build_files_say_why() {
    snapshots("build", "bad", build);
}

/// What a schema says against a text, or nothing.
fn against(schema: &serde_json::Value, text: &str) -> Vec<String> {
    // To an editor this commit is a number, which JSON has no way to write.
    let text = text.replace("12e4567", "'12e4567'");
    let document: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let validator = jsonschema::draft7::new(schema).unwrap();
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_a_reader_accepts_the_schema_accepts() {
    let cases = [("pipeline", schema::pipeline()), ("config", schema::config()), ("build", schema::build())];
    for (kind, schema) in cases {
        for path in files(&format!("{kind}/good")) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(against(&schema, &text), Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn schemas_are_draft_07_and_describe_every_property() {
    for schema in [schema::pipeline(), schema::config(), schema::build(), schema::plugin_set()] {
        assert!(jsonschema::draft7::meta::is_valid(&schema));
        every_property_is_described(&schema, "");
    }
}

fn every_property_is_described(schema: &serde_json::Value, path: &str) {
    if let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) {
        for (name, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 3), "{path}.{name}");
        }
    }
    match schema {
        serde_json::Value::Object(entries) => {
            entries
                .iter()
                .for_each(|(key, value)| every_property_is_described(value, &format!("{path}.{key}")));
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|value| every_property_is_described(value, path));
        }
        _ => {}
    }
}
