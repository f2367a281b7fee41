//! The mail that asks somebody to decide: enough on the first screen to do so.

use relhost_engine::port::mail::Mail;
use relhost_model::time::Timestamp;

use super::html;
use super::message::{Words, clip, moment, quoted};
use crate::printable::{lines, one_line};

/// A longer link is broken by mail gateways that wrap it.
pub const LINK_CHARS_MAX: usize = 200;
/// So many lines of a list are shown; the page has all of them.
const LIST_MAX: usize = 10;

/// What a person must know to decide. Every text may come from outside; rendering makes it harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// What people call the build that is released.
    pub version: String,
    /// The stage.
    pub stage: String,
    /// The environment.
    pub environment: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// Nothing outside the state folder is touched.
    pub rehearsal: bool,
    /// Who asked for the deployment.
    pub requester: String,
    /// Until when a decision counts.
    pub deadline: Timestamp,
    /// What the pipeline or the plugin wants checked; shown as theirs, not as ours.
    pub instructions: String,
    /// Who may still decide.
    pub deciders: Vec<String>,
    /// What is still missing, for example `one more of qa-leads`.
    pub needed: String,
    /// The version that runs there now, and since when.
    pub running: Option<(String, Timestamp)>,
    /// Stage and how it ended, with the time.
    pub evidence: Vec<(String, String)>,
    /// File or image and the first digits of its digest.
    pub artifacts: Vec<(String, String)>,
    /// The interfaces that the component imports and is granted: all that it can do.
    pub powers: Vec<String>,
    /// Connection and namespace.
    pub target: String,
    /// The page on which to decide: `http` or `https`, shorter than 200 characters. Another one is left out.
    pub link: Option<String>,
    /// The six characters that the page asks for. They stand in the body and never in the link.
    pub code: Option<String>,
    /// The command that decides the same.
    pub cli: String,
    /// Why this person gets the mail: `you are a member of qa-leads, which is asked to approve this`.
    pub because: String,
}

/// Renders the question. `message_id` and `thread` come from [`super::message_id`] and [`super::thread_id`].
#[must_use]
pub fn ask(to: &str, facts: &AskFacts, message_id: &str, thread: &str) -> Mail {
    Mail {
        message_id: message_id.to_owned(),
        thread: thread.to_owned(),
        to: to.to_owned(),
        subject: subject(facts),
        text: text(facts),
        html: page(facts),
    }
}

/// Names are cut, so that the deadline at the end is always there.
fn subject(facts: &AskFacts) -> String {
    let words = Words::of(&facts.pipeline, &facts.version, &facts.stage);
    let mark = if facts.rehearsal { "[relhost] [rehearsal]" } else { "[relhost]" };
    format!("{mark} Approve {words} by {}", moment(facts.deadline))
}

fn title(facts: &AskFacts) -> String {
    format!("Approve {}", Words::of(&facts.pipeline, &facts.version, &facts.stage))
}

const REHEARSAL: &str = "Rehearsal: no cluster is touched, whatever you decide.";
const REJECT: &str = "To reject, choose Reject there and say why. One rejection ends the request.";
const NO_PAGE: &str = "To decide, use the command line. One rejection ends the request.";
const RELEASED: &str = "What is released, with the start of each SHA-256";
const REJECT_CLI: &str = "With reject in place of approve, the same command rejects.";
/// The first release to an environment is worth a second look.
const NOTHING_RUNS: &str = "nothing that relhost knows of";

fn rows(facts: &AskFacts) -> Vec<(&'static str, String)> {
    let line = |text: &str| one_line(text, 300);
    let place = match facts.target.is_empty() {
        true => line(&facts.environment),
        false => line(&format!("{} ({})", facts.environment, facts.target)),
    };
    let attempt = if facts.attempt > 1 { format!(", attempt {}", facts.attempt) } else { String::new() };
    let running = facts.running.as_ref();
    vec![
        ("What", line(&format!("{} {} ({}{attempt})", facts.pipeline, facts.version, facts.release))),
        ("Where", format!("{}, {place}", line(&facts.stage))),
        ("Asked for by", line(&facts.requester)),
        ("Decide by", moment(facts.deadline)),
        ("Who may decide", clip(&facts.deciders, LIST_MAX).join(", ")),
        ("Still needed", line(&facts.needed)),
        (
            "Running there now",
            running.map_or_else(
                || NOTHING_RUNS.to_owned(),
                |(version, since)| format!("{}, since {}", line(version), moment(*since)),
            ),
        ),
        ("The stage may use", clip(&facts.powers, LIST_MAX).join(", ")),
    ]
}

fn pairs(pairs: &[(String, String)], between: &str) -> Vec<String> {
    let lines: Vec<String> =
        pairs.iter().map(|(name, value)| one_line(&format!("{name}{between}{value}"), 300)).collect();
    clip(&lines, LIST_MAX)
}

/// The link, if it is one that may be clicked.
fn link(facts: &AskFacts) -> Option<&str> {
    let link = facts.link.as_deref()?;
    let known = link.starts_with("https://") || link.starts_with("http://");
    let plain =
        link.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\'));
    (known && plain && link.len() < LINK_CHARS_MAX).then_some(link)
}

fn text(facts: &AskFacts) -> String {
    let mut text = format!("{}\n\n", title(facts));
    if facts.rehearsal {
        text.push_str(&format!("{REHEARSAL}\n\n"));
    }
    for (name, value) in rows(facts).into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{:<19}{value}\n", format!("{name}:")));
    }
    if !facts.instructions.trim().is_empty() {
        text.push_str(&format!("\nWhat to check, as the pipeline says:\n{}", quoted(&facts.instructions)));
    }
    section(&mut text, "Results so far", &pairs(&facts.evidence, ": "));
    match link(facts) {
        Some(link) => {
            text.push_str(&format!("\nReview and decide:\n{link}\n"));
            if let Some(code) = &facts.code {
                text.push_str(&format!("The page asks for this code: {}\n", one_line(code, 20)));
            }
            text.push_str(&format!("\n{REJECT}\n"));
        }
        None => text.push_str(&format!("\n{NO_PAGE}\n")),
    }
    let cli = one_line(&facts.cli, 300);
    if !cli.is_empty() {
        text.push_str(&format!("\nOn the command line:\n  {cli}\n{REJECT_CLI}\n"));
    }
    section(&mut text, RELEASED, &pairs(&facts.artifacts, ": "));
    text.push_str(&format!("\nYou get this because {}.\n", one_line(&facts.because, 300)));
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        text.push_str(&format!("\n{title}:\n"));
        lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
}

fn page(facts: &AskFacts) -> String {
    let mut body = html::heading(&title(facts));
    if facts.rehearsal {
        body.push_str(&html::banner(REHEARSAL));
    }
    body.push_str(&html::facts(&rows(facts)));
    if !facts.instructions.trim().is_empty() {
        body.push_str(&html::subheading("What to check, as the pipeline says"));
        body.push_str(&html::quote(lines(&facts.instructions).trim()));
    }
    html_section(&mut body, "Results so far", &pairs(&facts.evidence, ": "));
    match link(facts) {
        Some(link) => {
            body.push_str(&html::button("Review and decide", link));
            if let Some(code) = &facts.code {
                body.push_str(&html::paragraph("The page asks for this code:"));
                body.push_str(&html::spelled(&one_line(code, 20)));
            }
            body.push_str(&html::paragraph(REJECT));
        }
        None => body.push_str(&html::paragraph(NO_PAGE)),
    }
    let cli = one_line(&facts.cli, 300);
    if !cli.is_empty() {
        body.push_str(&html::subheading("On the command line"));
        body.push_str(&html::code(&cli));
        body.push_str(&html::paragraph(REJECT_CLI));
    }
    html_section(&mut body, RELEASED, &pairs(&facts.artifacts, ": "));
    body.push_str(&html::paragraph(&format!("You get this because {}.", one_line(&facts.because, 300))));
    html::page(&title(facts), &body)
}

fn html_section(body: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        body.push_str(&html::subheading(title));
        body.push_str(&html::list(lines));
    }
}
