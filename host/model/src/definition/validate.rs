//! From the parsed form to a pipeline that can run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::parsed::{ParsedArtifact, ParsedPipeline, ParsedPolicy, ParsedStage};
use super::{ARTIFACTS_MAX, BRANCHES_MAX, STAGES_MAX, VALUE_BYTES_MAX, VARIABLES_MAX};
use super::{approval, graph, plugin, reference};
use crate::digest::Digest;
use crate::pipeline::{ArtifactLocation, ArtifactSpec, Pipeline, Stage, StageApprovals, Trigger};
use crate::release_name::MASK_DEFAULT;
use crate::variable::check_name;
use crate::yaml::{Place, Problem, Problems, Text, suggest};

/// How branches are named in a trigger.
const BRANCH_ADVICE: &str = "write `main`, `features/*` or `*`; a leading `-` excludes";

pub(super) struct Validator<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a str,
    pub(super) problems: &'a mut Problems,
}

impl Validator<'_> {
    /// The pipeline, or nothing where a problem was reported.
    pub(super) fn pipeline(mut self, parsed: &ParsedPipeline) -> Option<Pipeline> {
        let artifacts = self.artifacts(parsed);
        let variables = self.variables(&parsed.variables);
        let folder = Path::new(self.file).parent().unwrap_or(Path::new(""));
        let plugins = plugin::validated(&parsed.plugins, folder, self.problems);
        self.stage_names(parsed);
        self.plugin_names(parsed);
        let stages = (0..parsed.stages.len()).filter_map(|index| self.stage(parsed, index)).collect();
        graph::check(parsed, self.problems);
        reference::check(parsed, self.text, self.problems);
        Some(Pipeline {
            name: parsed.name.as_ref()?.parse(self.problems)?,
            revision: Digest::of(self.text.as_bytes()),
            release_name: parsed.release_name.as_ref().map_or(MASK_DEFAULT, |t| &t.value).to_owned(),
            artifacts,
            variables,
            legacy_variables: parsed.legacy_variables,
            plugins,
            stages,
        })
    }

    fn artifacts(&mut self, parsed: &ParsedPipeline) -> Vec<ArtifactSpec> {
        self.count("artifacts", parsed.artifacts.len(), ARTIFACTS_MAX, parsed.place);
        let aliases = parsed.artifacts.iter().filter_map(|artifact| artifact.alias.as_ref());
        self.unique("artifact", aliases);
        parsed.artifacts.iter().filter_map(|artifact| self.artifact(artifact)).collect()
    }

    fn artifact(&mut self, parsed: &ParsedArtifact) -> Option<ArtifactSpec> {
        let source = match (&parsed.directory, &parsed.file) {
            (Some(path), None) => Some(ArtifactLocation::Directory(self.path(path))),
            (None, Some(path)) => Some(ArtifactLocation::File(self.path(path))),
            _ => None,
        };
        let trigger = parsed.trigger.as_ref().map(|trigger| self.trigger(&trigger.branches));
        // A source that is wrong in itself is one problem, not two.
        if let (Some(trigger), None, false) = (&parsed.trigger, &parsed.directory, self.problems.has_errors())
        {
            let message = "this trigger never starts anything: only a folder is watched";
            let warning = Problem::warning("never-fires", Some(trigger.place), &trigger.path, message);
            self.problems.push(warning.help("add `source: { directory: PATH }`, or remove the trigger"));
        }
        Some(ArtifactSpec { alias: parsed.alias.as_ref()?.parse(self.problems)?, source, trigger })
    }

    fn path(&mut self, text: &Text) -> String {
        if text.value.is_empty() {
            let problem = text.error("invalid-value", "the path is empty");
            self.problems.push(problem.help("name a folder or a file, relative to this file"));
        }
        text.value.clone()
    }

    fn trigger(&mut self, branches: &[Text]) -> Trigger {
        if let Some(text) = branches.get(BRANCHES_MAX) {
            let problem = text.error("too-many", format!("more than {BRANCHES_MAX} branches"));
            self.problems.push(problem.help("use patterns such as `features/*`"));
        }
        for text in branches {
            let pattern = text.value.strip_prefix('-').unwrap_or(&text.value);
            if pattern.is_empty() {
                let problem = text.error("invalid-value", "a branch has a name");
                self.problems.push(problem.help(BRANCH_ADVICE));
            } else if pattern.matches('*').count() > 1 {
                let message = "a branch pattern has one `*` at most";
                self.problems.push(text.error("invalid-value", message).help(BRANCH_ADVICE));
            }
        }
        Trigger { branches: branches.iter().map(|text| text.value.clone()).collect() }
    }

    fn variables(&mut self, parsed: &[(Text, Text)]) -> BTreeMap<String, String> {
        if let Some((name, _)) = parsed.get(VARIABLES_MAX) {
            let problem = name.error("too-many", format!("more than {VARIABLES_MAX} variables"));
            self.problems.push(problem.help("put what belongs together into a file of the artifact"));
        }
        self.unique("variable", parsed.iter().map(|(name, _)| name));
        let mut variables = BTreeMap::new();
        for (name, value) in parsed {
            if let Err(error) = check_name(&name.value) {
                let problem = name.error("invalid-name", error.to_string());
                self.problems
                    .push(problem.help("choose another name, for example with a prefix of your own"));
            }
            if value.value.len() > VALUE_BYTES_MAX {
                let message = format!("the value has more than {VALUE_BYTES_MAX} bytes");
                let help = "put large texts into a file of the artifact";
                self.problems.push(value.error("too-long", message).help(help));
            }
            variables.insert(name.value.clone(), value.value.clone());
        }
        variables
    }

    fn stage_names(&mut self, parsed: &ParsedPipeline) {
        self.count("stages", parsed.stages.len(), STAGES_MAX, parsed.place);
        self.unique("stage", parsed.stages.iter().filter_map(|stage| stage.name.as_ref()));
    }

    fn stage(&mut self, pipeline: &ParsedPipeline, index: usize) -> Option<Stage> {
        let parsed = &pipeline.stages[index];
        let after = graph::after(pipeline, index, self.problems);
        let variables = self.variables(&parsed.variables);
        let with = match &parsed.with {
            Some(node) => node.to_json(&format!("{}.with", parsed.path), self.problems),
            None => serde_json::Value::Object(serde_json::Map::new()),
        };
        let before = parsed.before.as_ref().map(|approval| approval::validated(approval, self.problems));
        let post = parsed.after_approval.as_ref().map(|a| approval::validated(a, self.problems));
        let name = parsed.name.as_ref().and_then(|text| text.parse(self.problems));
        let environment = parsed.environment.as_ref().and_then(|text| text.parse(self.problems));
        let uses = self.uses(pipeline, parsed)?;
        Some(Stage {
            name: name?,
            environment: environment?,
            after: after?,
            uses: uses.parse(self.problems)?,
            with,
            variables,
            approval: StageApprovals { before, after: post },
            // The name itself is checked where that stage stands.
            cloned_from: parsed.clone.as_ref().and_then(|text| text.value.parse().ok()),
        })
    }

    fn uses<'p>(&mut self, pipeline: &ParsedPipeline, stage: &'p ParsedStage) -> Option<&'p Text> {
        if stage.uses.is_none() && stage.clone.is_some() && clones_end(pipeline, stage) {
            let message = "neither this stage nor the one it is cloned from has `uses`";
            let problem = Problem::error("missing-key", Some(stage.place), &stage.path, message);
            self.problems.push(problem.help("add `uses:` with the name of a stage plugin"));
        }
        stage.uses.as_ref()
    }

    /// Every plugin that a stage or an approval uses is named under `plugins:`.
    fn plugin_names(&mut self, parsed: &ParsedPipeline) {
        let named: BTreeSet<&str> = parsed.plugins.iter().map(|(name, _)| name.value.as_str()).collect();
        for stage in &parsed.stages {
            let policies = [&stage.before, &stage.after_approval].into_iter().flatten();
            let policies = policies.flat_map(|approval| &approval.policies);
            let used = stage.uses.iter().map(|text| ("stage plugin", text));
            for (what, text) in used.chain(policies.map(|ParsedPolicy { plugin, .. }| ("policy", plugin))) {
                if !named.contains(text.value.as_str()) {
                    self.problems.push(undeclared(what, text, &named));
                }
            }
        }
    }

    fn count(&mut self, what: &str, count: usize, max: usize, place: Place) {
        if count > max {
            let message = format!("a pipeline has at most {max} {what}, not {count}");
            let problem = Problem::error("too-many", Some(place), what, message);
            self.problems.push(problem.help("make two pipelines of it"));
        }
    }

    /// Names that differ in case only would be the same file, variable or mail subject to somebody.
    fn unique<'t>(&mut self, what: &str, texts: impl Iterator<Item = &'t Text>) {
        let mut seen: BTreeMap<String, &Text> = BTreeMap::new();
        for text in texts {
            match seen.get(&text.value.to_lowercase()) {
                Some(first) => {
                    let line = first.place.line;
                    let message = if first.value == text.value {
                        format!("there are two {what}s `{}`; the first is in line {line}", text.value)
                    } else {
                        format!("`{}` and `{}` (line {line}) differ in case only", text.value, first.value)
                    };
                    self.problems
                        .push(text.error("duplicate", message).help("give one of them another name"));
                }
                None => {
                    seen.insert(text.value.to_lowercase(), text);
                }
            }
        }
    }
}

/// Whether a clone leads to a stage that stands for itself. If it does not, that was reported.
fn clones_end(pipeline: &ParsedPipeline, stage: &ParsedStage) -> bool {
    let named = |name: &Text| {
        pipeline.stages.iter().find(|other| other.name.as_ref().is_some_and(|n| n.value == name.value))
    };
    let mut stage = stage;
    // One step per stage: more of them go round in a circle.
    for _ in &pipeline.stages {
        let Some(source) = &stage.clone else { return true };
        let Some(found) = named(source) else { return false };
        stage = found;
    }
    stage.clone.is_none()
}

fn undeclared(what: &str, text: &Text, named: &BTreeSet<&str>) -> Problem {
    let name = &text.value;
    let add = format!(
        "add it under `plugins:`, as `{name}: {{ bundled: {name} }}` if it comes with the host, or `{name}: {{ path: {name}.wasm }}`"
    );
    let help = suggest::did_you_mean(name, named.iter().copied()).unwrap_or(add);
    text.error("unknown-plugin", format!("the {what} `{name}` is not named under `plugins:`")).help(help)
}
