//! The mail that tells everybody who was asked how it ended, so that nobody clicks a dead link.

use relhost_engine::port::mail::Mail;
use relhost_model::time::Timestamp;

use super::html;
use super::message::{Words, capital, moment, quoted};
use crate::printable::{lines, one_line};

/// How an approval ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosedFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// What people call the build.
    pub version: String,
    /// The stage.
    pub stage: String,
    /// `approved`, `rejected`, `expired`, `canceled` or `superseded`.
    pub resolution: String,
    /// Who decided, if a person did.
    pub by: Option<String>,
    /// Why, in the words of a person or policy; shown as theirs.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Nothing outside the state folder was touched.
    pub rehearsal: bool,
}

/// Renders the end of an approval.
#[must_use]
pub fn closed(to: &str, facts: &ClosedFacts, message_id: &str, thread: &str) -> Mail {
    let words = Words::of(&facts.pipeline, &facts.version, &facts.stage);
    let title = format!("{}: {words}", capital(&one_line(&facts.resolution, 20)));
    let mark = if facts.rehearsal { "[relhost] [rehearsal]" } else { "[relhost]" };
    Mail {
        message_id: message_id.to_owned(),
        thread: thread.to_owned(),
        to: to.to_owned(),
        subject: format!("{mark} {title}"),
        text: text(facts, &title),
        html: page(facts, &title),
    }
}

const NOTHING_LEFT: &str = "Nothing is left to decide; links in earlier mails decide nothing any more.";
const REHEARSAL: &str = "Rehearsal: no cluster was touched.";

fn sentence(facts: &ClosedFacts) -> String {
    let by = facts.by.as_ref().map_or_else(String::new, |by| format!(" by {}", one_line(by, 100)));
    let (release, resolution) = (one_line(&facts.release, 100), one_line(&facts.resolution, 20));
    format!("{release}: {resolution}{by}, {}.", moment(facts.at))
}

fn text(facts: &ClosedFacts, title: &str) -> String {
    let mut text = format!("{title}\n\n");
    if facts.rehearsal {
        text.push_str(&format!("{REHEARSAL}\n\n"));
    }
    text.push_str(&format!("{}\n", sentence(facts)));
    if !facts.reason.trim().is_empty() {
        text.push_str(&format!("\nWhy:\n{}", quoted(&facts.reason)));
    }
    text.push_str(&format!("\n{NOTHING_LEFT}\n\nYou get this because you were asked to approve it.\n"));
    text
}

fn page(facts: &ClosedFacts, title: &str) -> String {
    let mut body = html::heading(title);
    if facts.rehearsal {
        body.push_str(&html::banner(REHEARSAL));
    }
    body.push_str(&html::paragraph(&sentence(facts)));
    if !facts.reason.trim().is_empty() {
        body.push_str(&html::subheading("Why"));
        body.push_str(&html::quote(lines(&facts.reason).trim()));
    }
    body.push_str(&html::paragraph(NOTHING_LEFT));
    body.push_str(&html::paragraph("You get this because you were asked to approve it."));
    html::page(title, &body)
}
