//! Approvals and their policies.

use std::collections::BTreeSet;

use super::parsed::{ParsedApproval, ParsedPolicy};
use super::{APPROVERS_MAX, POLICIES_MAX};
use crate::approval::{Approver, INSTRUCTIONS_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX};
use crate::pipeline::{ApprovalSpec, PolicySpec};
use crate::time::Millis;
use crate::yaml::{Item, Problem, Problems, Severity, Text};

pub(super) fn validated(parsed: &ParsedApproval, problems: &mut Problems) -> ApprovalSpec {
    ApprovalSpec {
        policies: policy_specs(&parsed.policies, problems),
        approvers: approvers(&parsed.approvers, problems),
        timeout: parsed.timeout.as_ref().and_then(|text| timeout(text, problems)).unwrap_or(TIMEOUT_DEFAULT),
        instructions: parsed
            .instructions
            .as_ref()
            .map(|text| instructions(text, problems))
            .unwrap_or_default(),
    }
}

/// Reads one policy or a list of them.
pub(crate) fn policies(item: Option<&Item<'_>>, problems: &mut Problems) -> Vec<PolicySpec> {
    item.map(|item| policy_specs(&super::parsed::policies(item), problems)).unwrap_or_default()
}

fn policy_specs(parsed: &[ParsedPolicy], problems: &mut Problems) -> Vec<PolicySpec> {
    if let Some(policy) = parsed.get(POLICIES_MAX) {
        let problem = policy.plugin.error("too-many", format!("more than {POLICIES_MAX} policies"));
        problems.push(problem.help("write one policy that says it all"));
    }
    let specs = parsed.iter().filter_map(|policy| {
        let with = match &policy.with {
            Some(node) => node.to_json(&policy.path, problems),
            None => serde_json::Value::Object(serde_json::Map::new()),
        };
        Some(PolicySpec { plugin: policy.plugin.parse(problems)?, with })
    });
    specs.collect()
}

/// People and groups, each once.
pub(crate) fn approvers(texts: &[Text], problems: &mut Problems) -> Vec<Approver> {
    if let Some(text) = texts.get(APPROVERS_MAX) {
        let problem = text.error("too-many", format!("more than {APPROVERS_MAX} approvers"));
        problems.push(problem.help("put people into a group and name the group"));
    }
    let mut seen = BTreeSet::new();
    let mut approvers = Vec::new();
    for text in texts {
        let Some(approver) = text.parse::<Approver>(problems) else { continue };
        if seen.insert(approver.clone()) {
            approvers.push(approver);
        } else {
            let problem = text.error("duplicate", format!("`{approver}` is named twice"));
            problems.push(Problem { severity: Severity::Warning, ..problem.help("name everybody once") });
        }
    }
    approvers
}

fn timeout(text: &Text, problems: &mut Problems) -> Option<Millis> {
    let timeout: Millis = text.parse(problems)?;
    if timeout > TIMEOUT_MAX {
        let message = format!("an approval waits at most {TIMEOUT_MAX}, not {timeout}");
        problems.push(text.error("out-of-range", message).help("write a shorter time"));
        return None;
    }
    if timeout == Millis(0) {
        let problem = text.error("out-of-range", "an approval that expires at once cannot be given");
        problems.push(problem.help("leave `timeout` out for the default of 30d"));
        return None;
    }
    Some(timeout)
}

fn instructions(text: &Text, problems: &mut Problems) -> String {
    let length = text.value.chars().count();
    if length > INSTRUCTIONS_MAX {
        let message = format!("instructions have at most {INSTRUCTIONS_MAX} characters, not {length}");
        problems.push(text.error("too-long", message).help("link to a page that says the rest"));
    }
    text.value.clone()
}
