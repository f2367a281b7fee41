//! People, groups, and references to them.

use std::collections::BTreeMap;

use super::{Reader, entries};
use crate::approval::Approver;
use crate::config::Person;
use crate::definition::approvers;
use crate::id::{GroupName, PersonId};
use crate::yaml::{Item, Problem, Severity, Text, suggest};

/// The longest mail address (RFC 5321).
const ADDRESS_MAX: usize = 254;

impl Reader<'_> {
    pub(super) fn people(&mut self, root: &Item<'_>) -> BTreeMap<PersonId, Person> {
        let mut people = BTreeMap::new();
        let mut users: BTreeMap<String, String> = BTreeMap::new();
        let mut addresses: BTreeMap<String, String> = BTreeMap::new();
        for (id, item) in entries(root, "people") {
            let person = self.person(&item);
            if let (Some(user), Some(field)) = (&person.os_user, item.get("os-user"))
                && let Some(other) = users.insert(user.clone(), id.value.clone())
            {
                let message = format!("`{other}` is this operating-system user already");
                self.problems.push(field.error("duplicate", message).help("one user is one person"));
            }
            if let (Some(mail), Some(field)) = (&person.mail, item.get("mail"))
                && let Some(other) = addresses.insert(mail.to_lowercase(), id.value.clone())
            {
                let message = format!("`{other}` has this address already");
                let problem = field.error("duplicate", message);
                let help = "whoever reads this mailbox can approve as either of them";
                self.problems.push(Problem { severity: Severity::Warning, ..problem.help(help) });
            }
            if let Some(id) = id.parse(self.problems) {
                people.insert(id, person);
            }
        }
        people
    }

    fn person(&mut self, item: &Item<'_>) -> Person {
        let mail = item.get("mail").and_then(|item| item.text());
        let os_user = item.get("os-user").and_then(|item| item.text());
        if let Some(user) = os_user.as_ref().filter(|user| user.value.trim().is_empty()) {
            let problem = user.error("invalid-value", "the user's name is empty");
            self.problems.push(problem.help("write what `id -un` says for this person, or leave it out"));
        }
        Person { mail: mail.map(|text| self.address(text)), os_user: os_user.map(|text| text.value) }
    }

    /// A mail address. Line breaks in one would forge headers; the mail library checks the rest.
    pub(super) fn address(&mut self, text: Text) -> String {
        let parts = text.value.split_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty());
        let odd = |c: char| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c);
        let valid = parts.is_some_and(|(_, host)| !host.contains('@'))
            && text.value.len() <= ADDRESS_MAX
            && !text.value.contains(odd);
        if !valid {
            let problem = text.error("invalid-value", format!("`{}` is not a mail address", text.value));
            self.problems.push(problem.help("write for example `ann@example.com`, without a name"));
        }
        text.value
    }

    pub(super) fn groups(&mut self, root: &Item<'_>) -> BTreeMap<GroupName, Vec<PersonId>> {
        let mut groups = BTreeMap::new();
        for (name, item) in entries(root, "groups") {
            let mut members: Vec<PersonId> = Vec::new();
            for text in item.list().iter().filter_map(Item::text) {
                if text.value.starts_with("group:") {
                    let problem = text.error("invalid-value", "a group is made of people, not of groups");
                    self.problems.push(problem.help("name the people, or both groups where they are used"));
                    continue;
                }
                self.known(&text, "person", &self.declared.people);
                match text.parse(self.problems) {
                    Some(member) if members.contains(&member) => {
                        let problem = text.error("duplicate", format!("`{member}` is named twice"));
                        self.problems.push(problem.help("name everybody once"));
                    }
                    Some(member) => members.push(member),
                    None => {}
                }
            }
            if members.is_empty() {
                let message = format!("group `{}` has no members, so nobody in it can approve", name.value);
                let warning = Problem::warning("empty-group", Some(item.node.place), &item.path, message);
                self.problems.push(warning.help("name its members: `[ann, bob]`"));
            }
            if let Some(name) = name.parse(self.problems) {
                groups.insert(name, members);
            }
        }
        groups
    }

    pub(super) fn approvers(&mut self, texts: &[Text]) -> Vec<Approver> {
        texts.iter().for_each(|text| self.known_approver(text));
        approvers(texts, self.problems)
    }

    /// Reports a person or group that does not exist.
    pub(super) fn known_approver(&mut self, text: &Text) {
        let declared = self.declared;
        match text.value.strip_prefix("group:") {
            Some(group) => {
                let group = Text { value: group.to_owned(), ..text.clone() };
                self.known(&group, "group", &declared.groups);
            }
            None if declared.groups.contains(&text.value) => {
                let problem = text.error("unknown-name", format!("there is no person `{}`", text.value));
                self.problems.push(problem.help(format!("for the group write `group:{}`", text.value)));
            }
            None => self.known(text, "person", &declared.people),
        }
    }

    /// Reports a name that is none of those that exist.
    pub(super) fn known(&mut self, text: &Text, what: &str, names: &[String]) {
        if names.contains(&text.value) {
            return;
        }
        let help = suggest::nearest_or_all(&text.value, &plural(what), names.iter().map(String::as_str));
        let problem = text.error("unknown-name", format!("there is no {what} `{}`", text.value));
        self.problems.push(problem.help(help));
    }
}

fn plural(what: &str) -> String {
    if what == "person" { "people".to_owned() } else { format!("{what}s") }
}
