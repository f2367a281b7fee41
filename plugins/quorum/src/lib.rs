//! A policy: so many approvals, among them so many of certain groups. Nobody fills two places.

use std::collections::BTreeMap;

use relhost_sdk::policy::Slots;
use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What a place is called that anybody may fill.
const ANYBODY: &str = "those asked";

/// How many approvals, and of whom.
#[relhost_sdk::settings]
pub struct Settings {
    /// How many approvals in all; without it, as many as the groups need.
    count: Option<u32>,
    /// Groups that have to be among them.
    #[serde(default)]
    groups: Groups,
}

/// Groups that have to be among the approvals: a list means one of each, a map says how many.
#[relhost_sdk::settings]
#[serde(untagged, expecting = "a list of groups, or a map of groups and how many of each")]
pub enum Groups {
    /// One of each.
    Each(Vec<String>),
    /// So many of each.
    Counted(BTreeMap<String, u32>),
}

impl Default for Groups {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl Groups {
    /// Names without `group:`, and how many of each.
    fn counted(self) -> Vec<(String, u32)> {
        let counted: Vec<_> = match self {
            Self::Each(names) => names.into_iter().map(|name| (name, 1)).collect(),
            Self::Counted(names) => names.into_iter().collect(),
        };
        let plain = |name: &str| name.strip_prefix("group:").unwrap_or(name).to_owned();
        counted.into_iter().map(|(name, count)| (plain(&name), count)).collect()
    }
}

/// So many approvals, among them so many of certain groups.
pub struct Quorum;

/// So many approvals, among them so many of certain groups.
#[relhost_sdk::policy(readme = "README.md")]
impl Policy for Quorum {
    type Settings = Settings;

    fn evaluate(&self, input: &PolicyInput, settings: Settings) -> Result<Verdict, Failure> {
        slots(input, settings)?.decide(input)
    }
}

/// One place per member that a group needs, and the rest for anybody.
fn slots(input: &PolicyInput, settings: Settings) -> Result<Slots, Failure> {
    let groups = settings.groups.counted();
    let needed = groups.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
    let count = settings.count.unwrap_or(needed);
    if count == 0 {
        return Err(Failure::invalid_settings(
            "count",
            "at least one approval is needed: write `count` or `groups`",
        ));
    }
    if count < needed {
        let problem = format!("{count} is less than the {needed} that the groups need");
        return Err(Failure::invalid_settings("count", problem));
    }
    let mut slots = Slots::new();
    for (group, count) in groups {
        let members = input.members(&group);
        if members.is_empty() {
            let problem =
                format!("`{group}` has nobody who is asked; put `group:{group}` into the approvers");
            return Err(Failure::invalid_settings("groups", problem));
        }
        slots = slots.add(&group, count as usize, members);
    }
    let everybody = input.approvers.iter().map(|asked| asked.id.clone());
    Ok(slots.add(ANYBODY, (count - needed) as usize, everybody))
}
