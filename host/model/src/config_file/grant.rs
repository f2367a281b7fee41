//! What plugins may do.

use std::collections::BTreeMap;

use super::table::INTERFACES;
use super::{Reader, texts};
use crate::config::{Allow, ApprovalRule, DeployRule, Grant, NotifyRule, SecretRule};
use crate::yaml::{Item, Problem, Text, suggest};

/// Grants of a configuration. Every call of every plugin looks through all of them.
const GRANTS_MAX: usize = 1000;
/// The channel of whoever asked for the release.
const REQUESTER: &str = "requester";

impl Reader<'_> {
    pub(super) fn grants(&mut self, root: &Item<'_>) -> Vec<Grant> {
        let items = root.get("grants").map(|item| item.list()).unwrap_or_default();
        if let Some(item) = items.get(GRANTS_MAX) {
            let problem = item.error("too-many", format!("more than {GRANTS_MAX} grants"));
            self.problems.push(problem.help("one grant may name several stages, or a pattern of them"));
            return Vec::new();
        }
        self.overlaps(&items);
        items.iter().filter_map(|item| self.grant(item)).collect()
    }

    fn grant(&mut self, item: &Item<'_>) -> Option<Grant> {
        let plugin = item.get("plugin").and_then(|item| item.text());
        let stages = texts(item, "stages");
        plugin.iter().chain(&stages).for_each(|text| self.pattern(text));
        let allow = item.get("allow").map(|item| self.allow(&item));
        Some(Grant { plugin: plugin?.value, stages: values(stages), allow: allow? })
    }

    fn allow(&mut self, item: &Item<'_>) -> Allow {
        let interface = |key: &str| item.get(key);
        if let crate::yaml::Value::Map(entries) = &item.node.value
            && entries.is_empty()
        {
            let message = "this grant allows nothing";
            let warning = Problem::warning("empty-grant", Some(item.node.place), &item.path, message);
            self.problems
                .push(warning.help("name an interface, for example `deploy: {}`, or remove the grant"));
        }
        Allow {
            deploy: interface("deploy").map(|item| DeployRule { kinds: values(texts(&item, "kinds")) }),
            create_secret: interface("create-secret").map(|item| self.secret_rule(&item)),
            await_approval: interface("await-approval")
                .map(|item| ApprovalRule { approvers: self.people_rule(&item, "approvers") }),
            notify: interface("notify")
                .map(|item| NotifyRule { channels: self.people_rule(&item, "channels") }),
        }
    }

    fn secret_rule(&mut self, item: &Item<'_>) -> SecretRule {
        let names = texts(item, "names");
        names.iter().for_each(|text| self.pattern(text));
        let registries = texts(item, "registries");
        for text in registries.iter().filter(|text| !is_pattern(text)) {
            self.known(text, "registry connection", &self.declared.registries);
        }
        let secrets = texts(item, "secrets");
        for text in secrets.iter().filter(|text| !is_pattern(text)) {
            self.known(text, "secret", &self.declared.secrets);
        }
        registries.iter().chain(&secrets).for_each(|text| self.pattern(text));
        SecretRule { names: values(names), registries: values(registries), secrets: values(secrets) }
    }

    /// People, groups, patterns of them, and `requester` among the channels.
    fn people_rule(&mut self, item: &Item<'_>, key: &str) -> Vec<String> {
        let names = texts(item, key);
        for text in &names {
            self.pattern(text);
            if is_pattern(text) || (key == "channels" && text.value == REQUESTER) {
                continue;
            }
            match suggest::did_you_mean(&text.value, [REQUESTER]).filter(|_| key == "channels") {
                Some(help) if !self.declared.people.contains(&text.value) => {
                    let problem = text.error("unknown-name", format!("there is no person `{}`", text.value));
                    self.problems.push(problem.help(help));
                }
                _ => self.known_approver(text),
            }
        }
        values(names)
    }

    fn pattern(&mut self, text: &Text) {
        if text.value.is_empty() {
            let problem = text.error("invalid-value", "the name is empty");
            self.problems.push(problem.help("write a name, or `*` for every name"));
        } else if text.value.matches('*').count() > 1 {
            let problem = text.error("invalid-value", "a pattern has one `*` at most");
            self.problems.push(problem.help("write for example `qa-*` or `*-prod`"));
        }
    }

    /// Two grants of one interface to the same plugin and stage would have to be merged, and nobody could
    /// tell from either of them what is allowed.
    fn overlaps(&mut self, items: &[Item<'_>]) {
        let mut before: BTreeMap<&str, Vec<(Text, Vec<Text>)>> = BTreeMap::new();
        for item in items {
            let Some(plugin) = item.get("plugin").and_then(|item| item.text()) else { continue };
            let stages = texts(item, "stages");
            for interface in INTERFACES {
                let Some(given) = item.get("allow").and_then(|allow| allow.get(interface.name)) else {
                    continue;
                };
                let known = before.entry(interface.name).or_default();
                let clash = known.iter().find(|(other, others)| {
                    overlap(&plugin.value, &other.value)
                        && stages.iter().any(|a| others.iter().any(|b| overlap(&a.value, &b.value)))
                });
                if let Some((other, _)) = clash {
                    let (name, line) = (interface.name, other.place.line);
                    let message = format!(
                        "`{name}` is granted twice to a plugin and stage that both grants name; first in line {line}"
                    );
                    let help = "put both rules into one grant, or name different stages";
                    self.problems.push(given.error("overlapping-grants", message).help(help));
                }
                known.push((plugin.clone(), stages.clone()));
            }
        }
    }
}

fn values(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn is_pattern(text: &Text) -> bool {
    text.value.contains('*')
}

/// Whether a text exists that both patterns match. With one `*` each: what stands before the stars must be
/// the start of one another, and what stands behind them the end.
fn overlap(a: &str, b: &str) -> bool {
    match (a.split_once('*'), b.split_once('*')) {
        (Some((a_start, a_end)), Some((b_start, b_end))) => {
            (a_start.starts_with(b_start) || b_start.starts_with(a_start))
                && (a_end.ends_with(b_end) || b_end.ends_with(a_end))
        }
        (Some(_), None) => crate::config::matches_pattern(a, b),
        (None, _) => crate::config::matches_pattern(b, a),
    }
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn patterns_overlap_where_a_text_matches_both() {
        for (a, b, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("*", "b", true),
            ("a*", "ab", true),
            ("ab", "a*", true),
            ("a*", "b*", false),
            ("a*", "*b", true),
            ("a*c", "ab*", true),
            ("a*c", "*d", false),
            ("*-prod", "qa-*", true),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
            assert_eq!(overlap(b, a), expected, "{b} {a}");
        }
    }
}
