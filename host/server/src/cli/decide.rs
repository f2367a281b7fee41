//! Asks the person at the terminal to decide.

use relhost_model::id::PersonId;

use super::session::Session;
use super::show;
use crate::exit::Failure;
use crate::owner::Backend;
use crate::protocol::{ApprovalView, Request};

/// Reads lines of the terminal on a thread of its own: a blocking read cannot be interrupted.
pub struct Terminal {
    lines: tokio::sync::mpsc::Receiver<String>,
}

impl Terminal {
    /// Starts reading.
    ///
    /// # Errors
    /// If no thread is to be had.
    pub fn open() -> std::io::Result<Self> {
        // One line at a time: what is typed ahead stays in the terminal.
        let (sender, lines) = tokio::sync::mpsc::channel(1);
        crate::supervise::Supervisor::thread("terminal", move || {
            for line in std::io::stdin().lines() {
                let Ok(line) = line else { break };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { lines })
    }

    /// The next line; nothing once the terminal is closed.
    pub async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

/// Whom the terminal decides as, or why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decider {
    /// The person of this operating-system user; in a rehearsal, where they are not asked, the first who is.
    Person(PersonId),
    /// The deployment runs on this user's behalf, and such a vote does not count here.
    Requester(PersonId),
    /// This user is somebody, but not asked.
    NotAsked(PersonId),
    /// The configuration knows nobody with this operating-system user.
    Nobody,
}

/// Whom the terminal decides as.
#[must_use]
pub fn decider(view: &ApprovalView, user: Option<&PersonId>) -> Decider {
    let approval = &view.row.approval;
    if let Some(user) = user.filter(|user| view.asked.contains(user)) {
        return Decider::Person(user.clone());
    }
    if let (true, Some(first)) = (approval.rehearsal, view.asked.first()) {
        return Decider::Person(first.clone());
    }
    match user {
        None => Decider::Nobody,
        Some(user) if approval.requesters.iter().any(|actor| actor.person() == Some(user)) => {
            Decider::Requester(user.clone())
        }
        Some(user) => Decider::NotAsked(user.clone()),
    }
}

/// Shows an approval, and that it waits for an answer here or why not. Returns whether one is awaited.
pub fn ask(session: &Session<'_>, view: &ApprovalView, decider: &Decider) -> bool {
    let ui = session.ui;
    ui.note("");
    ui.note(show::approval::detail(ui, view).trim_end());
    let (environment, asked) = (&view.row.approval.environment, show::names(&view.asked));
    let why = match decider {
        Decider::Person(person) => {
            put(session, view, person);
            return true;
        }
        Decider::Requester(user) => {
            format!("you ({user}) requested this, and `{environment}` does not let the requester approve")
        }
        Decider::NotAsked(user) => format!("you ({user}) are not asked"),
        Decider::Nobody => {
            "you cannot decide here: nobody in relhost.yaml has your operating-system user (`os-user:`)"
                .into()
        }
    };
    ui.note(&format!("{why}; it waits for {asked}"));
    false
}

/// Puts the question again after something that was no answer.
pub fn ask_again(session: &Session<'_>, view: &ApprovalView, person: &PersonId) {
    session.ui.note("type `a`, `r` or `l`; behind `a` and `r` a comment may stand");
    put(session, view, person);
}

fn put(session: &Session<'_>, view: &ApprovalView, person: &PersonId) {
    let answers = "[a]pprove, [r]eject or [l]ater, then a comment";
    session.ui.ask(&format!("Decide {} as {person} ({answers}):", view.id));
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Approve(String),
    Reject(String),
    Later,
    Unknown,
}

fn parse(line: &str) -> Typed {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    match word.to_ascii_lowercase().as_str() {
        "a" | "approve" | "y" | "yes" => Typed::Approve(rest.trim().to_owned()),
        "r" | "reject" | "n" | "no" => Typed::Reject(rest.trim().to_owned()),
        "l" | "later" => Typed::Later,
        _ => Typed::Unknown,
    }
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The vote counts.
    Counted,
    /// It was left open, or the vote did not count; nothing is asked again here.
    LeftOpen,
    /// It was no answer; ask again.
    Again,
}

/// Carries out what was typed.
///
/// # Errors
/// If the owner cannot be reached.
pub async fn answer(
    session: &Session<'_>,
    backend: &Backend,
    view: &ApprovalView,
    person: &PersonId,
    line: &str,
) -> Result<Answered, Failure> {
    let ui = session.ui;
    let (approve, comment) = match parse(line) {
        Typed::Approve(comment) => (true, comment),
        Typed::Reject(comment) => (false, comment),
        Typed::Later => {
            ui.note(&format!("{} stays open", view.id));
            return Ok(Answered::LeftOpen);
        }
        Typed::Unknown => return Ok(Answered::Again),
    };
    let act_as = view.row.approval.rehearsal.then(|| person.clone());
    let request = Request::Decide {
        approval: view.row.approval.id,
        approve,
        comment,
        content: Some(view.content_digest),
    };
    match backend.call(act_as, request).await {
        Ok(_) => Ok(Answered::Counted),
        Err(failure) => {
            let _exit = ui.fail(&failure);
            Ok(Answered::LeftOpen)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        assert_eq!(parse("a"), Typed::Approve(String::new()));
        assert_eq!(parse("approve  looks good "), Typed::Approve("looks good".into()));
        assert_eq!(parse(" R too late "), Typed::Reject("too late".into()));
        assert_eq!(parse("l"), Typed::Later);
        assert_eq!(parse("maybe"), Typed::Unknown);
        // Pressing return must not decide anything, nor put it off.
        assert_eq!(parse(""), Typed::Unknown);
    }
}
