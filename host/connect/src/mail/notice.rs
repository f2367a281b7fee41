//! The mail that a plugin sends. Its words are fenced and labelled: they must not pass for the host's.

use relhost_engine::port::mail::Mail;

use super::html;
use super::message::quoted;
use crate::printable::{lines, one_line};

/// A plugin's message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// The stage that says it.
    pub stage: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// Nothing outside the state folder is touched.
    pub rehearsal: bool,
}

/// Renders a plugin's message.
#[must_use]
pub fn notice(to: &str, facts: &NoticeFacts, message_id: &str, thread: &str) -> Mail {
    let place = format!("{} {}", one_line(&facts.release, 60), one_line(&facts.stage, 40));
    let title = one_line(&facts.subject, 80);
    let mark = if facts.rehearsal { "[relhost] [rehearsal]" } else { "[relhost]" };
    let says = format!(
        "Stage {} of {} ({}) says:",
        one_line(&facts.stage, 100),
        one_line(&facts.pipeline, 100),
        one_line(&facts.release, 100),
    );
    let because = "You get this because the stage was told to notify you. Relhost did not write or check it.";
    let mut body = html::heading(&title);
    let mut text = format!("{title}\n\n");
    if facts.rehearsal {
        body.push_str(&html::banner(REHEARSAL));
        text.push_str(&format!("{REHEARSAL}\n\n"));
    }
    body.push_str(&html::paragraph(&says));
    body.push_str(&html::quote(lines(&facts.body).trim()));
    body.push_str(&html::paragraph(because));
    text.push_str(&format!("{says}\n\n{}\n{because}\n", quoted(&facts.body)));
    Mail {
        message_id: message_id.to_owned(),
        thread: thread.to_owned(),
        to: to.to_owned(),
        subject: format!("{mark} {place}: {title}"),
        text,
        html: html::page(&title, &body),
    }
}

const REHEARSAL: &str = "Rehearsal: no cluster is touched.";
