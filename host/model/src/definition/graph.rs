//! The order of the stages: who waits for whom, and that nobody waits for itself.

use std::collections::BTreeMap;

use super::parsed::{ParsedAfter, ParsedPipeline, ParsedStage};
use crate::id::StageName;
use crate::pipeline::{After, Predecessor};
use crate::yaml::{Problem, Problems, Text, suggest};

/// When a stage starts.
pub(super) fn after(pipeline: &ParsedPipeline, index: usize, problems: &mut Problems) -> Option<After> {
    let stage = &pipeline.stages[index];
    match &stage.after {
        Some(ParsedAfter::Word(word)) => reserved(pipeline, word, problems),
        Some(ParsedAfter::Stages { place, path, stages }) => {
            if stages.is_empty() {
                let problem = Problem::error("empty", Some(*place), path, "`after` names no stage");
                problems.push(problem.help("write `after: manual` if only a promotion starts it"));
                return None;
            }
            Some(After::Stages(predecessors(pipeline, stages, problems)))
        }
        Some(ParsedAfter::Wrong) => None,
        None if index == 0 => Some(After::Release),
        // Whether it is a stage at all was asked before.
        None if stage.name.is_none() => None,
        None => {
            problems.push(unsaid(pipeline, index));
            None
        }
    }
}

fn reserved(pipeline: &ParsedPipeline, word: &Text, problems: &mut Problems) -> Option<After> {
    match word.value.as_str() {
        "release" => Some(After::Release),
        "manual" => Some(After::Manual),
        other => {
            let problem = word.error("unknown-word", format!("`{other}` is neither `release` nor `manual`"));
            let help = if names(pipeline).any(|name| name == other) {
                format!("to wait for a stage, write a list: `after: [{other}]`")
            } else {
                suggest::did_you_mean(other, ["release", "manual"].into_iter().chain(names(pipeline)))
                    .unwrap_or_else(|| "write `release`, `manual`, or a list of stages".to_owned())
            };
            problems.push(problem.help(help));
            None
        }
    }
}

fn unsaid(pipeline: &ParsedPipeline, index: usize) -> Problem {
    let stage = &pipeline.stages[index];
    let name = stage.name.as_ref().map_or("this stage", |name| &name.value);
    let previous = pipeline.stages[index - 1].name.as_ref().map(|name| name.value.as_str());
    let source = stage.clone.as_ref().map(|clone| clone.value.as_str()).or(previous).unwrap_or("...");
    let what = if stage.clone.is_some() { " (a clone does not inherit it)" } else { "" };
    Problem::error(
        "missing-key",
        Some(stage.place),
        &stage.path,
        format!("`{name}` does not say when it starts{what}"),
    )
    .help(format!("add `after: [{source}]`, `after: manual` or `after: release`"))
}

fn predecessors(
    pipeline: &ParsedPipeline,
    stages: &[(Text, bool)],
    problems: &mut Problems,
) -> Vec<Predecessor> {
    let mut result: Vec<Predecessor> = Vec::new();
    for (text, partial) in stages {
        if !names(pipeline).any(|name| name == text.value) {
            let message = format!("there is no stage `{}`", text.value);
            let help = match text.value.as_str() {
                word @ ("release" | "manual") => format!("write `after: {word}`, without a list"),
                other => suggest::nearest_or_all(other, "stages", names(pipeline)),
            };
            problems.push(text.error("unknown-stage", message).help(help));
            continue;
        }
        // A name that is not well-formed is reported where the stage is.
        let Ok(stage) = StageName::new(text.value.as_str()) else { continue };
        if result.iter().any(|known| known.stage == stage) {
            let problem = text.error("duplicate", format!("`{stage}` is named twice"));
            problems.push(problem.help("name it once"));
        } else {
            result.push(Predecessor { stage, partial: *partial });
        }
    }
    result
}

fn names(pipeline: &ParsedPipeline) -> impl Iterator<Item = &str> + Clone {
    pipeline.stages.iter().filter_map(|stage| stage.name.as_ref()).map(|name| name.value.as_str())
}

/// Reports every circle of stages that wait for each other, and a pipeline in which nothing starts by itself.
pub(super) fn check(pipeline: &ParsedPipeline, problems: &mut Problems) {
    let waits = waits(pipeline);
    let mut done: Vec<&str> = Vec::new();
    for stage in &pipeline.stages {
        let Some(name) = &stage.name else { continue };
        if let Some(circle) = circle(&name.value, &waits, &mut Vec::new(), &mut done) {
            problems.push(circle_problem(pipeline, &circle));
        }
    }
    let manual =
        |stage: &ParsedStage| matches!(&stage.after, Some(ParsedAfter::Word(word)) if word.value == "manual");
    if !pipeline.stages.is_empty() && pipeline.stages.iter().all(manual) {
        let message = "every stage is manual, so a release does nothing until somebody promotes it";
        let place = Some(pipeline.stages[0].place);
        let warning = Problem::warning("nothing-starts", place, &pipeline.stages[0].path, message);
        problems.push(warning.help("write `after: release` at the stage that comes first"));
    }
}

fn waits(pipeline: &ParsedPipeline) -> BTreeMap<&str, Vec<&str>> {
    let mut waits: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for stage in &pipeline.stages {
        if let (Some(name), Some(ParsedAfter::Stages { stages, .. })) = (&stage.name, &stage.after) {
            waits.entry(&name.value).or_default().extend(stages.iter().map(|(text, _)| text.value.as_str()));
        }
    }
    waits
}

/// A circle that can be reached from a stage and was not found before. Depth is bounded by the number of
/// stages.
fn circle<'a>(
    name: &'a str,
    waits: &BTreeMap<&'a str, Vec<&'a str>>,
    chain: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = chain.iter().position(|known| *known == name) {
        let mut circle = chain[start..].to_vec();
        circle.push(name);
        return Some(circle);
    }
    if done.contains(&name) {
        return None;
    }
    chain.push(name);
    let next = waits.get(name).map(Vec::as_slice).unwrap_or_default();
    let found = next.iter().find_map(|next| circle(next, waits, chain, done));
    chain.pop();
    done.push(name);
    found
}

fn circle_problem(pipeline: &ParsedPipeline, circle: &[&str]) -> Problem {
    let first =
        pipeline.stages.iter().find(|stage| stage.name.as_ref().is_some_and(|n| n.value == circle[0]));
    let place = first.map(|stage| match &stage.after {
        Some(ParsedAfter::Stages { place, .. }) => *place,
        _ => stage.place,
    });
    // Read in the direction of time: who waits stands behind whom it waits for.
    let names: Vec<&str> = circle.iter().rev().copied().collect();
    let path = first.map(|stage| stage.path.as_str()).unwrap_or_default();
    let message = format!("stages wait for each other: {}", names.join(" -> "));
    Problem::error("stage-circle", place, path, message)
        .help("none of them would ever start: let one wait for the release or for another stage")
}
