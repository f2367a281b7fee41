//! Sends what the outbox table holds. A mail that cannot be delivered is said and never fails a release.

use std::sync::Arc;

use relhost_connect::mail::{self, AskFacts, ClosedFacts, NoticeFacts};
use relhost_engine::port::mail::{Mail, MailFailure};
use relhost_engine::port::store::{
    Change, Command, CommandBody, Commit, MailCommand, Store as _, StoreError,
};
use relhost_model::approval::{Decision, Resolution};
use relhost_model::call::{LogLevel, LogLine};
use relhost_model::id::{ApprovalId, PersonId, StageName};
use relhost_model::release::Mode;
use relhost_model::time::Millis;
use relhost_store::kill;

use super::advance::{AdvanceError, is_fatal, load};
use super::facts;
use crate::host::Host;
use crate::token::Binding;

/// When a message that was refused for now is tried again, by attempt; greylisting clears in 1 to 15
/// minutes, and RFC 5321 suggests half an hour between later attempts.
const RETRY_MINUTES: [u64; 6] = [1, 5, 15, 30, 60, 60];
/// After this many attempts a message is given up: a little more than a day.
const ATTEMPTS_MAX: u32 = 28;

/// Carries out one command: sends its message, and records what came of it. What keeps it from that is a reason to
/// try again later, as after a refusal of the relay.
///
/// # Errors
/// If the store fails.
pub async fn deliver(host: Arc<Host>, command: Command) -> Result<(), AdvanceError> {
    match send(&host, &command).await {
        Err(error) if !is_fatal(&error) => {
            let why = error.to_string();
            if matches!(error, AdvanceError::Store(StoreError::Damaged { .. })) {
                host.tell_damage(&why);
            }
            put_off(&host, &command, &why).await
        }
        sent => sent,
    }
}

async fn send(host: &Host, command: &Command) -> Result<(), AdvanceError> {
    let CommandBody::Mail(mail) = &command.body;
    let state = load(host, command.release).await?;
    let (mailer, person) = (host.mailers.get(state.snapshot.mode), recipient(mail));
    let address = host.config.people.get(person).and_then(|person| person.mail.clone());
    let (Some(mailer), Some(address)) = (mailer, address) else {
        let why =
            if mailer.is_none() { "no mail is configured" } else { "relhost.yaml has no `mail` for them" };
        return give_up(host, command, &format!("{person} was not told by mail: {why}")).await;
    };
    let Some(message) = render(host, &state, command, &address).await? else {
        // What it asks for is over, so there is nothing left to say.
        return finish(host, vec![Change::DropCommand(command.key)]).await;
    };
    kill::point!("mail.before-send");
    match mailer.send(&message).await {
        Ok(()) => {
            tracing::debug!(to = %person, "mail handed over");
            kill::point!("mail.after-send");
            finish(host, vec![Change::DropCommand(command.key)]).await?;
            kill::point!("mail.after-mark");
            Ok(())
        }
        Err(error) if error.class == MailFailure::Permanent || command.attempts + 1 >= ATTEMPTS_MAX => {
            give_up(host, command, &format!("mail to {person} was given up: {}", host.redact(&error.message)))
                .await
        }
        Err(error) => later(host, command, &error.message).await,
    }
}

/// Tries a message again after a while.
async fn later(host: &Host, command: &Command, why: &str) -> Result<(), AdvanceError> {
    let attempts = command.attempts + 1;
    let step = RETRY_MINUTES[(attempts as usize - 1).min(RETRY_MINUTES.len() - 1)];
    let due_at = Some(host.now().plus(Millis::from_secs(step * 60)));
    finish(host, vec![Change::RetryCommand { key: command.key, attempts, due_at, error: host.redact(why) }])
        .await
}

/// The host panicked while it sent a message: it may have left or not, as after any broken connection.
///
/// # Errors
/// If the store fails.
pub async fn panicked(host: &Host, command: &Command, panic: String) -> Result<(), AdvanceError> {
    put_off(host, command, &format!("the host panicked: {panic}")).await
}

async fn put_off(host: &Host, command: &Command, why: &str) -> Result<(), AdvanceError> {
    if command.attempts + 1 >= ATTEMPTS_MAX {
        return give_up(host, command, &host.redact(why)).await;
    }
    later(host, command, why).await
}

fn recipient(mail: &MailCommand) -> &PersonId {
    match mail {
        MailCommand::Ask { person, .. }
        | MailCommand::Closed { person, .. }
        | MailCommand::Notify { person, .. } => person,
    }
}

/// Nobody waits for it, and a message that leaves twice after a death is the same message.
async fn finish(host: &Host, changes: Vec<Change>) -> Result<(), AdvanceError> {
    Ok(host.store.commit_soon(Commit { changes, ..Commit::default() }).await?)
}

/// Keeps the row for people, and says it in the release's log.
async fn give_up(host: &Host, command: &Command, why: &str) -> Result<(), AdvanceError> {
    let line =
        LogLine { level: LogLevel::Warn, source: "host".into(), message: why.into(), fields: Vec::new() };
    let attempts = command.attempts + 1;
    let given_up = Change::RetryCommand { key: command.key, attempts, due_at: None, error: why.into() };
    finish(host, vec![given_up, Change::Note { release: command.release, at: host.now(), line }]).await
}

async fn render(
    host: &Host,
    state: &relhost_engine::release::ReleaseState,
    command: &Command,
    to: &str,
) -> Result<Option<Mail>, StoreError> {
    let domain = host.mailers.domain();
    let id = mail::message_id(&command.key, domain);
    let thread = mail::thread_id(command.release, domain);
    let rehearsal = state.snapshot.mode == Mode::Rehearsal;
    let CommandBody::Mail(mail) = &command.body;
    Ok(match mail {
        MailCommand::Ask { approval, person } => {
            ask_facts(host, state, *approval, person).await?.map(|facts| mail::ask(to, &facts, &id, &thread))
        }
        MailCommand::Closed { approval, .. } => {
            closed_facts(host, state, *approval).await?.map(|facts| mail::closed(to, &facts, &id, &thread))
        }
        MailCommand::Notify { stage, subject, body, .. } => {
            let facts = notice_facts(state, stage, subject, body, rehearsal);
            Some(mail::notice(to, &facts, &id, &thread))
        }
    })
}

fn notice_facts(
    state: &relhost_engine::release::ReleaseState,
    stage: &StageName,
    subject: &str,
    body: &str,
    rehearsal: bool,
) -> NoticeFacts {
    NoticeFacts {
        pipeline: state.snapshot.pipeline.name.to_string(),
        release: state.snapshot.name.clone(),
        stage: stage.to_string(),
        subject: subject.to_owned(),
        body: body.to_owned(),
        rehearsal,
    }
}

async fn ask_facts(
    host: &Host,
    state: &relhost_engine::release::ReleaseState,
    approval: ApprovalId,
    person: &PersonId,
) -> Result<Option<AskFacts>, StoreError> {
    let row = host.store.read().approval(approval).await?.filter(|row| row.decision.is_none());
    let Some(row) = row else { return Ok(None) };
    let binding = Binding {
        approval,
        recipient: person,
        attempt: row.approval.attempt,
        content: row.approval.content.digest(),
    };
    let link = host.page().map(|page| {
        (format!("{page}/decide/{approval}/{person}/{}", host.key.token(binding)), host.key.code(binding))
    });
    Ok(Some(facts::ask(host, state, &row, person, link).await?))
}

async fn closed_facts(
    host: &Host,
    state: &relhost_engine::release::ReleaseState,
    approval: ApprovalId,
) -> Result<Option<ClosedFacts>, StoreError> {
    let row = host.store.read().approval(approval).await?;
    let Some((row, decision)) = row.and_then(|row| row.decision.clone().map(|decision| (row, decision)))
    else {
        return Ok(None);
    };
    let (by, reason) = who_and_why(&decision);
    Ok(Some(ClosedFacts {
        pipeline: state.snapshot.pipeline.name.to_string(),
        release: state.snapshot.name.clone(),
        version: facts::version(state, &row),
        stage: row.approval.stage.to_string(),
        resolution: decision.resolution.to_string(),
        by,
        reason,
        at: decision.at,
        rehearsal: state.snapshot.mode == Mode::Rehearsal,
    }))
}

/// Who decided and what they wrote, if people did; else why it is over.
fn who_and_why(decision: &Decision) -> (Option<String>, String) {
    let approved = match decision.resolution {
        Resolution::Approved => true,
        Resolution::Rejected => false,
        _ => return (None, decision.reason.clone()),
    };
    let votes = || decision.votes.iter().filter(|vote| vote.approve == approved);
    let names: Vec<String> = votes().map(|vote| vote.voter.to_string()).collect();
    if names.is_empty() {
        return (None, decision.reason.clone());
    }
    let wrote = votes().filter(|vote| !vote.comment.trim().is_empty());
    let comments: Vec<String> =
        wrote.map(|vote| format!("{}: {}", vote.voter, vote.comment.trim())).collect();
    (Some(names.join(", ")), comments.join("\n"))
}

#[cfg(test)]
mod tests {
    use relhost_model::actor::Actor;
    use relhost_model::approval::Vote;
    use relhost_model::time::Timestamp;

    use super::*;

    fn vote(name: &str, approve: bool, comment: &str) -> Vote {
        let voter = Actor::Person(PersonId::new(name).unwrap());
        Vote { voter, approve, comment: comment.into(), at: Timestamp(0), via: "terminal".into() }
    }

    fn decision(resolution: Resolution, votes: Vec<Vote>) -> Decision {
        Decision { resolution, reason: "the policy says so".into(), votes, at: Timestamp(0) }
    }

    #[test]
    fn everybody_who_led_to_the_end_is_named_with_their_words() {
        let votes = vec![vote("ann", true, "fine"), vote("bob", true, " ")];
        let told = who_and_why(&decision(Resolution::Approved, votes));
        assert_eq!(told, (Some("ann, bob".into()), "ann: fine".into()));
        let votes = vec![vote("ann", true, "fine"), vote("bob", false, "too late")];
        let told = who_and_why(&decision(Resolution::Rejected, votes));
        assert_eq!(told, (Some("bob".into()), "bob: too late".into()));
    }

    #[test]
    fn where_nobody_decided_the_reason_stands() {
        for resolution in [Resolution::Expired, Resolution::Superseded, Resolution::Rejected] {
            let told = who_and_why(&decision(resolution, vec![vote("ann", true, "fine")]));
            assert_eq!(told, (None, "the policy says so".into()), "{resolution}");
        }
    }
}
