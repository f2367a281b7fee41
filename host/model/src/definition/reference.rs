//! Whether every `$(Name)` of a pipeline will be defined, found out before there is a release.

use std::collections::BTreeSet;

use super::parsed::{ParsedApproval, ParsedPipeline, ParsedStage};
use crate::release_name;
use crate::variable::{Scope, VariableError, Variables, predefined_names, references};
use crate::yaml::{Node, Place, Problem, Problems, Severity, Text, Value, suggest};

/// Reports names that nobody defines and variables that name each other in a circle.
pub(super) fn check(pipeline: &ParsedPipeline, text: &str, problems: &mut Problems) {
    let aliases = pipeline.artifacts.iter().filter_map(|artifact| artifact.alias.as_ref());
    let stages = pipeline.stages.iter().filter_map(|stage| stage.name.as_ref());
    let predefined =
        predefined_names(aliases.map(|text| text.value.as_str()), stages.map(|text| text.value.as_str()));
    let mut checker = Checker { pipeline, text, predefined: &predefined, problems };
    if let Some(mask) = &pipeline.release_name {
        checker.mask(mask);
    }
    for stage in &pipeline.stages {
        checker.stage(stage);
    }
}

struct Checker<'a> {
    pipeline: &'a ParsedPipeline,
    text: &'a str,
    predefined: &'a BTreeSet<String>,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn mask(&mut self, mask: &Text) {
        if let Err(error) = release_name::check_mask(&mask.value) {
            let help = "a mask is for example `Release-$(Rev:r)` or `$(Date:yyyyMMdd).$(Rev:rr)`";
            self.problems.push(mask.error("invalid-value", error.to_string()).help(help));
        }
        let known = self.known(None);
        self.in_text(&known, mask);
    }

    fn stage(&mut self, stage: &ParsedStage) {
        let known = self.known(Some(stage));
        let pipeline = self.pipeline;
        for (_, value) in pipeline.variables.iter().chain(&stage.variables) {
            self.in_text(&known, value);
        }
        if let Some(with) = &stage.with {
            self.in_node(&known, with, &format!("{}.with", stage.path));
        }
        for approval in [&stage.before, &stage.after_approval].into_iter().flatten() {
            self.approval(&known, approval);
        }
        self.circles(stage);
    }

    fn approval(&mut self, known: &Known, approval: &ParsedApproval) {
        for policy in &approval.policies {
            if let Some(with) = &policy.with {
                self.in_node(known, with, &policy.path);
            }
        }
        if let Some(instructions) = &approval.instructions {
            self.in_text(known, instructions);
        }
    }

    fn known(&self, stage: Option<&ParsedStage>) -> Known {
        let own = stage.map(|stage| stage.variables.as_slice()).unwrap_or_default();
        let defined = self.pipeline.variables.iter().chain(own).map(|(name, _)| name.value.clone());
        let names: Vec<String> = defined.chain(self.predefined.iter().cloned()).collect();
        Known { lower: names.iter().map(|name| name.to_lowercase()).collect(), names }
    }

    fn in_node(&mut self, known: &Known, node: &Node, path: &str) {
        match &node.value {
            Value::Text(value) => {
                let text = Text { value: value.clone(), place: node.place, path: path.to_owned() };
                self.in_text(known, &text);
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.in_node(known, item, &format!("{path}[{index}]"));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.in_node(known, &entry.value, &format!("{path}.{}", entry.key));
                }
            }
            Value::Null { .. } | Value::Bool { .. } | Value::Number { .. } => {}
        }
    }

    fn in_text(&mut self, known: &Known, text: &Text) {
        for reference in references(&text.value) {
            if known.contains(reference.name) || release_name_part(text, reference.name) {
                continue;
            }
            let whole = &text.value[reference.start..reference.end];
            let before = text.value[..reference.start].matches(whole).count();
            let place = find(self.text, text.place, whole, before);
            let severity = if self.pipeline.legacy_variables { Severity::Warning } else { Severity::Error };
            let stays = if self.pipeline.legacy_variables { " and stays in the text" } else { "" };
            let message = format!("variable `{}` is not defined{stays}", reference.name);
            let problem = Problem::error("undefined-variable", Some(place), &text.path, message);
            let help = suggest::did_you_mean(reference.name, known.names.iter().map(String::as_str));
            let help = help.unwrap_or_else(|| format!("define `{}` under `variables:`", reference.name));
            self.problems.push(Problem { severity, ..problem.help(help) });
        }
    }

    fn circles(&mut self, stage: &ParsedStage) {
        let pairs = |list: &[(Text, Text)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
        };
        // Undefined names are reported one by one above.
        let variables = Variables::legacy()
            .with(Scope::Pipeline, pairs(&self.pipeline.variables))
            .with(Scope::Stage, pairs(&stage.variables));
        let Err(error) = variables.resolve_all() else { return };
        let definitions = stage.variables.iter().chain(&self.pipeline.variables);
        let wanted = match &error {
            VariableError::Cycle { names, .. } => names.first().cloned().unwrap_or_default(),
            other => other.path().to_owned(),
        };
        let wanted = wanted.to_lowercase();
        let place = definitions.into_iter().find(|(name, _)| name.value.to_lowercase() == wanted);
        let (place, path) = place.map_or((stage.place, ""), |(name, _)| (name.place, name.path.as_str()));
        let problem = Problem::error("variable-circle", Some(place), path, error.to_string());
        let help = match error {
            VariableError::TooLong { .. } | VariableError::TooMuch { .. } => "shorten the values",
            _ => "give one of them a value that names no other",
        };
        self.problems.push(problem.help(help));
    }
}

struct Known {
    names: Vec<String>,
    lower: BTreeSet<String>,
}

impl Known {
    fn contains(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        self.lower.contains(&lower) || self.is_from_build(&lower)
    }

    /// `build.yaml` may define anything under `Build.`, and the same under the alias of its artifact.
    fn is_from_build(&self, lower: &str) -> bool {
        if lower.starts_with("build.") {
            return true;
        }
        // One name of a build is known per alias; what stands before it is the alias's prefix.
        lower.starts_with("release.artifacts.")
            && self.lower.iter().any(|known| {
                known
                    .strip_suffix("buildid")
                    .is_some_and(|p| p.starts_with("release.") && lower.starts_with(p))
            })
    }
}

/// `$(Rev:r)` and `$(Date:...)` are no variables in the mask of release names.
fn release_name_part(text: &Text, name: &str) -> bool {
    text.path == "release-name" && release_name::is_special(name)
}

/// The place of the n-th occurrence of a reference in a scalar, or of the scalar where it is written in
/// another way than it reads (escapes, aliases).
fn find(source: &str, scalar: Place, wanted: &str, n: usize) -> Place {
    let written = source.get(scalar.offset..scalar.offset + scalar.len).unwrap_or_default();
    let Some((start, _)) = written.match_indices(wanted).nth(n) else { return scalar };
    let before = &written[..start];
    let (line, column) = match before.rsplit_once('\n') {
        Some((_, last)) => (scalar.line + before.matches('\n').count(), last.chars().count() + 1),
        None => (scalar.line, scalar.column + before.chars().count()),
    };
    Place { line, column, offset: scalar.offset + start, len: wanted.len() }
}
