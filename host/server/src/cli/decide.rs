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

    /// The next line; never ends once the terminal is closed.
    pub async fn line(&mut self) -> String {
        match self.lines.recv().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}

/// Whom the terminal decides as: in a rehearsal the first who is asked, else the person of this
/// operating-system user if they are asked.
#[must_use]
pub fn decider(view: &ApprovalView, user: Option<&PersonId>) -> Option<PersonId> {
    let asked = &view.asked;
    if let Some(user) = user.filter(|user| asked.contains(user)) {
        return Some(user.clone());
    }
    if view.row.approval.rehearsal { asked.first().cloned() } else { None }
}

/// Shows an approval and how to answer.
pub fn ask(session: &Session<'_>, view: &ApprovalView, decider: Option<&PersonId>) {
    let ui = session.ui;
    ui.note("");
    for line in show::approval(ui, view).lines() {
        ui.note(line);
    }
    match decider {
        Some(person) => ui.hint(&format!("Approve as {person}? [a]pprove, [r]eject REASON, [l]ater:")),
        None => ui.hint(&format!(
            "You are not asked; `relhost approval approve {}` decides from another shell",
            view.id
        )),
    }
}

/// What was typed.
enum Typed {
    Approve(String),
    Reject(String),
    Later,
    Unknown,
}

fn parse(line: &str) -> Typed {
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    match word.to_ascii_lowercase().as_str() {
        "a" | "approve" | "y" | "yes" => Typed::Approve(rest.trim().to_owned()),
        "r" | "reject" | "n" | "no" => Typed::Reject(rest.trim().to_owned()),
        "l" | "later" | "" => Typed::Later,
        _ => Typed::Unknown,
    }
}

/// Carries out what was typed. Returns whether the question is answered.
///
/// # Errors
/// If the owner cannot be reached.
pub async fn answer(
    session: &Session<'_>,
    backend: &Backend,
    view: &ApprovalView,
    person: &PersonId,
    line: &str,
) -> Result<bool, Failure> {
    let ui = session.ui;
    let (approve, comment) = match parse(line) {
        Typed::Approve(comment) => (true, comment),
        Typed::Reject(comment) => (false, comment),
        Typed::Later => {
            ui.note(&format!("{} stays open", view.id));
            return Ok(true);
        }
        Typed::Unknown => {
            ui.hint("type a, r or l");
            return Ok(false);
        }
    };
    let act_as = view.row.approval.rehearsal.then(|| person.clone());
    let request = Request::Decide {
        approval: view.row.approval.id,
        approve,
        comment,
        content: Some(view.content_digest),
    };
    match backend.call(act_as, request).await {
        Ok(_) => Ok(true),
        Err(failure) => {
            let _exit = ui.fail(&failure);
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        assert!(matches!(parse("a"), Typed::Approve(comment) if comment.is_empty()));
        assert!(matches!(parse(" R too late "), Typed::Reject(comment) if comment == "too late"));
        assert!(matches!(parse(""), Typed::Later));
        assert!(matches!(parse("maybe"), Typed::Unknown));
    }
}
