//! Who is asked, and the messages that tell them.

use std::collections::BTreeMap;

use relhost_model::approval::{Approval, Approver, Asked};
use relhost_model::config::Config;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, GroupName, PersonId};
use relhost_model::time::Timestamp;

use crate::port::store::{Change, Command, CommandBody, MailCommand};

/// Everybody in a list, once each, in the order of the list, with the groups through which they are in it.
/// Groups are read as they are now.
#[must_use]
pub fn asked(approvers: &[Approver], config: &Config) -> Vec<Asked> {
    let mut order: Vec<PersonId> = Vec::new();
    let mut groups: BTreeMap<PersonId, Vec<GroupName>> = BTreeMap::new();
    for approver in approvers {
        for person in config.members(approver) {
            let entry = groups.entry(person.clone()).or_insert_with(|| {
                order.push(person);
                Vec::new()
            });
            if let Approver::Group(group) = approver {
                entry.push(group.clone());
            }
        }
    }
    let with_groups = |person: PersonId| Asked { groups: groups.remove(&person).unwrap_or_default(), person };
    order.into_iter().map(with_groups).collect()
}

/// Whether a person's vote is shut out because the deployment runs on their behalf.
#[must_use]
pub fn is_shut_out(approval: &Approval, person: &PersonId) -> bool {
    !approval.requester_may_approve && approval.requesters.iter().any(|actor| actor.person() == Some(person))
}

/// Who may decide an approval now: everybody who is asked, but for the requester where that rule holds.
#[must_use]
pub fn deciders(approval: &Approval, config: &Config) -> Vec<PersonId> {
    let people = asked(&approval.approvers, config).into_iter().map(|asked| asked.person);
    people.filter(|person| !is_shut_out(approval, person)).collect()
}

/// One message to each who may decide.
#[must_use]
pub fn ask(approval: &Approval, config: &Config, now: Timestamp) -> Vec<Change> {
    messages(approval, config, now, "ask", |approval, person| MailCommand::Ask { approval, person })
}

/// One message to each who was asked: it is over.
#[must_use]
pub fn closed(approval: &Approval, config: &Config, now: Timestamp) -> Vec<Change> {
    messages(approval, config, now, "closed", |approval, person| MailCommand::Closed { approval, person })
}

fn messages(
    approval: &Approval,
    config: &Config,
    now: Timestamp,
    what: &str,
    mail: fn(ApprovalId, PersonId) -> MailCommand,
) -> Vec<Change> {
    let command = |person: PersonId| {
        // The content is part of the key: who is asked about something new gets a new message.
        let content = approval.content.digest();
        let parts = [what.as_bytes(), &approval.id.0.to_be_bytes(), person.as_str().as_bytes(), &content.0];
        Change::PutCommand(Command {
            key: Digest::of_parts(parts),
            release: approval.release,
            body: CommandBody::Mail(mail(approval.id, person)),
            attempts: 0,
            due_at: now,
            error: None,
        })
    };
    deciders(approval, config).into_iter().map(command).collect()
}
