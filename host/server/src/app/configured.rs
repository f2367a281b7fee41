//! Whether the operator's configuration has what a pipeline names.

use relhost_model::approval::Approver;
use relhost_model::config::Config;
use relhost_model::pipeline::Pipeline;
use relhost_model::yaml::suggest::nearest_or_all;

use crate::exit::{Exit, Failure};

/// Checks environments, and the people and groups that are asked.
///
/// # Errors
/// Everything that is missing.
pub fn check(pipeline: &Pipeline, config: &Config) -> Result<(), Failure> {
    let mut missing: Vec<String> = Vec::new();
    for stage in &pipeline.stages {
        let named = stage.environment.as_str();
        if !config.environments.contains_key(&stage.environment) {
            let known = config.environments.keys().map(|name| name.as_str());
            missing.push(line(stage.name.as_str(), ("environment", "environments", named), known));
        }
        let specs = stage.approval.before.iter().chain(&stage.approval.after);
        for approver in specs.flat_map(|spec| &spec.approvers) {
            match approver {
                Approver::Person(person) if !config.people.contains_key(person) => {
                    let known = config.people.keys().map(|name| name.as_str());
                    missing.push(line(stage.name.as_str(), ("person", "people", person.as_str()), known));
                }
                Approver::Group(group) if !config.groups.contains_key(group) => {
                    let known = config.groups.keys().map(|name| name.as_str());
                    missing.push(line(stage.name.as_str(), ("group", "groups", group.as_str()), known));
                }
                _ => {}
            }
        }
    }
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("relhost.yaml lacks what the pipeline {} names", pipeline.name);
    let failure = Failure::new(Exit::Invalid, "not-configured", message);
    let failure = missing.into_iter().fold(failure, Failure::detail);
    Err(failure.help("add it to `environments:`, `people:` or `groups:` of relhost.yaml, or name another"))
}

fn line<'a>(
    stage: &str,
    (what, plural, name): (&str, &str, &str),
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    format!("stage `{stage}`: there is no {what} `{name}`; {}", nearest_or_all(name, plural, known))
}
