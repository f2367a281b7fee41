use super::*;
use crate::approval::INSTRUCTIONS_MAX;
use crate::pipeline::PluginSource;

/// A pipeline of one stage with parts to put in: top-level lines, and keys of the stage.
fn pipeline(top: &str, stage: &str) -> String {
    format!(
        "pipeline: limits\nplugins: {{ p: {{ bundled: p }} }}\n{top}\nstages:\n  - {{ name: A, environment: e, \
         after: release, uses: p{stage} }}\n"
    )
}

fn with_artifact(stage: &str) -> String {
    pipeline("artifacts: [{ alias: app }]", stage)
}

fn codes(text: &str) -> Vec<&'static str> {
    match read(text, "p.yaml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// A limit holds at its value and not one above it.
#[track_caller]
fn limit(max: usize, code: &'static str, make: impl Fn(usize) -> String) {
    assert_eq!(codes(&make(max)), Vec::<&str>::new(), "at the limit");
    assert_eq!(codes(&make(max + 1)), [code], "above it");
}

#[test]
fn the_parts_of_a_pipeline_are_bounded() {
    limit(STAGES_MAX, "too-many", |count| {
        let stage = |n| format!("  - {{ name: S{n}, environment: e, after: [A], uses: p }}\n");
        with_artifact("") + &(1..count).map(stage).collect::<String>()
    });
    limit(ARTIFACTS_MAX, "too-many", |count| {
        pipeline(&format!("artifacts: [{}]", many(count, |n| format!("{{ alias: a{n} }}"))), "")
    });
    limit(PLUGINS_MAX, "too-many", |count| {
        let plugins = many(count - 1, |n| format!("p{n}: {{ bundled: p }}"));
        with_artifact("").replace("p: { bundled: p }", &format!("p: {{ bundled: p }}, {plugins}"))
    });
    limit(BRANCHES_MAX, "too-many", |count| {
        let branches = many(count, |n| format!("b{n}"));
        pipeline(&format!("artifacts: [{{ alias: app, trigger: {{ branches: [{branches}] }} }}]"), "")
    });
    limit(crate::id::NAME_MAX, "invalid-value", |length| {
        with_artifact("").replace("pipeline: limits", &format!("pipeline: {}", "x".repeat(length)))
    });
}

#[test]
fn variables_are_bounded_in_number_and_size() {
    let variables = |count: usize| many(count, |n| format!("v{n}: 1"));
    limit(VARIABLES_MAX, "too-many", |count| {
        pipeline(&format!("artifacts: [{{ alias: app }}]\nvariables: {{ {} }}", variables(count)), "")
    });
    limit(VARIABLES_MAX, "too-many", |count| {
        with_artifact(&format!(", variables: {{ {} }}", variables(count)))
    });
    limit(VALUE_BYTES_MAX, "too-long", |length| {
        with_artifact(&format!(", variables: {{ v: {} }}", "x".repeat(length)))
    });
}

#[test]
fn approvals_are_bounded() {
    let approval = |keys: String| with_artifact(&format!(", approval: {{ before: {{ {keys} }} }}"));
    limit(POLICIES_MAX, "too-many", |count| approval(format!("policy: [{}]", many(count, |_| "p".into()))));
    limit(APPROVERS_MAX, "too-many", |count| {
        approval(format!("approvers: [{}]", many(count, |n| format!("a{n}"))))
    });
    limit(INSTRUCTIONS_MAX, "too-long", |length| approval(format!("instructions: {}", "ü".repeat(length))));
}

#[test]
fn the_revision_is_the_text_and_paths_start_at_the_file() {
    let text = with_artifact("").replace("p: { bundled: p }", "p: { path: ../p.wasm }, q: { path: /q.wasm }");
    let (pipeline, _) = read(&text, "some/folder/p.yaml").unwrap();
    assert_eq!(pipeline.revision, crate::digest::Digest::of(text.as_bytes()));
    let sources: Vec<&PluginSource> = pipeline.plugins.values().collect();
    let expected = [PluginSource::Path("some/folder/../p.wasm".into()), PluginSource::Path("/q.wasm".into())];
    assert_eq!(sources, expected.iter().collect::<Vec<_>>());
    assert_ne!(read(&(text + "\n"), "p.yaml").unwrap().0.revision, pipeline.revision);
}

#[test]
fn a_longest_chain_of_stages_and_clones_ends() {
    let chain = (1..STAGES_MAX).map(|n| {
        let before = if n == 1 { "A".to_owned() } else { format!("S{}", n - 1) };
        format!("  - {{ name: S{n}, environment: e, after: [{before}], clone: {before} }}\n")
    });
    let (pipeline, _) =
        read(&(with_artifact(", with: { a: 1 }") + &chain.collect::<String>()), "p.yaml").unwrap();
    assert_eq!(pipeline.stages.len(), STAGES_MAX);
    assert!(pipeline.stages.iter().all(|stage| stage.with["a"] == 1));
}
