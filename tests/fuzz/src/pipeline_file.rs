//! The pipeline file: a refusal says where, and what is accepted can be frozen, written down and read again.

use std::collections::BTreeMap;

use relhost_model::definition::{STAGES_MAX, read};
use relhost_model::digest::canonical;
use relhost_model::id::StageName;
use relhost_model::pipeline::{
    After, ApprovalSpec, ArtifactLocation, ArtifactSpec, Pipeline, PluginSource, PolicySpec, Stage,
};
use serde_json::{Value, json};

use crate::place;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read(text, "pipeline.yaml") {
        Err(problems) => place::check_refusal(&problems, text),
        Ok((pipeline, warnings)) => {
            assert!(!warnings.has_errors(), "accepted with an error");
            place::check(&warnings, text);
            assert!((1..=STAGES_MAX).contains(&pipeline.stages.len()), "{} stages", pipeline.stages.len());
            starts(&pipeline);
            is_frozen_whole(&pipeline);
            is_read_as_written(&pipeline);
        }
    }
}

/// Every stage waits for stages that are there, and none for itself.
fn starts(pipeline: &Pipeline) {
    let mut waiting: BTreeMap<&StageName, Vec<&StageName>> = BTreeMap::new();
    for stage in &pipeline.stages {
        let after = match &stage.after {
            After::Stages(stages) => stages.iter().map(|before| &before.stage).collect(),
            After::Release | After::Manual => Vec::new(),
        };
        assert!(waiting.insert(&stage.name, after).is_none(), "two stages `{}`", stage.name);
    }
    while !waiting.is_empty() {
        let ready: Vec<_> = waiting
            .iter()
            .filter(|(_, after)| after.iter().all(|before| !waiting.contains_key(before)))
            .map(|(name, _)| (*name).clone())
            .collect();
        assert!(!ready.is_empty(), "stages wait for each other: {:?}", waiting.keys());
        waiting.retain(|name, _| !ready.contains(name));
    }
}

/// A release keeps its pipeline as JSON.
fn is_frozen_whole(pipeline: &Pipeline) {
    let bytes = canonical(pipeline);
    let read: Pipeline = serde_json::from_slice(&bytes).expect("what was frozen can be read");
    assert_eq!(read, *pipeline, "freezing changes a pipeline");
    assert_eq!(canonical(&read), bytes, "freezing again gives other bytes");
}

/// Written down in full, without clones and defaults, it is the same pipeline.
fn is_read_as_written(pipeline: &Pipeline) {
    let text = file(pipeline).to_string();
    let (read, _) = read(&text, "pipeline.yaml").unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let mut expected = Pipeline { revision: read.revision, ..pipeline.clone() };
    for stage in &mut expected.stages {
        stage.cloned_from = None;
    }
    assert_eq!(read, expected, "{text}");
}

/// A pipeline as a pipeline file; JSON is YAML.
fn file(pipeline: &Pipeline) -> Value {
    json!({
        "pipeline": pipeline.name,
        "release-name": pipeline.release_name,
        "artifacts": pipeline.artifacts.iter().map(artifact).collect::<Vec<_>>(),
        "variables": pipeline.variables,
        "legacy-variables": pipeline.legacy_variables,
        "plugins": pipeline.plugins.iter().map(plugin).collect::<serde_json::Map<_, _>>(),
        "stages": pipeline.stages.iter().map(stage).collect::<Vec<_>>(),
    })
}

fn artifact(artifact: &ArtifactSpec) -> Value {
    let source = artifact.source.as_ref().map(|source| match source {
        ArtifactLocation::Directory(path) => json!({ "directory": path }),
        ArtifactLocation::File(path) => json!({ "file": path }),
    });
    let trigger = artifact.trigger.as_ref().map(|trigger| json!({ "branches": trigger.branches }));
    present(json!({ "alias": artifact.alias, "source": source, "trigger": trigger }))
}

fn plugin((name, source): (&relhost_model::id::PluginName, &PluginSource)) -> (String, Value) {
    let source = match source {
        PluginSource::Bundled(name) => json!({ "bundled": name }),
        PluginSource::Path(path) => json!({ "path": path }),
    };
    (name.to_string(), source)
}

fn stage(stage: &Stage) -> Value {
    let after = match &stage.after {
        After::Release => json!("release"),
        After::Manual => json!("manual"),
        After::Stages(stages) => {
            stages.iter().map(|before| json!({ "stage": before.stage, "partial": before.partial })).collect()
        }
    };
    let approval = |spec: &Option<ApprovalSpec>| spec.as_ref().map(approval);
    json!({
        "name": stage.name,
        "environment": stage.environment,
        "after": after,
        "uses": stage.uses,
        "with": stage.with,
        "variables": stage.variables,
        "approval": present(
            json!({ "before": approval(&stage.approval.before), "after": approval(&stage.approval.after) }),
        ),
    })
}

fn approval(approval: &ApprovalSpec) -> Value {
    let policy = |policy: &PolicySpec| json!({ "use": policy.plugin, "with": policy.with });
    let policies: Vec<Value> = approval.policies.iter().map(policy).collect();
    present(json!({
        "policy": if policies.is_empty() { Value::Null } else { policies.into() },
        "approvers": approval.approvers,
        "timeout": approval.timeout.to_string(),
        "instructions": approval.instructions,
    }))
}

/// A key without a value is no key of a pipeline file.
fn present(mut map: Value) -> Value {
    if let Value::Object(entries) = &mut map {
        entries.retain(|_, value| !value.is_null());
    }
    map
}
