//! Puts a message together: headers that cannot be injected into, and text and HTML as alternatives.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use relhost_engine::port::mail::{Mail, MailError, MailFailure};
use relhost_model::digest::Digest;
use relhost_model::time::Timestamp;

use super::id::is_safe;
use crate::printable::{lines, one_line};

/// A header value holds at most so many characters: what comes from a release must not fill a screen.
pub const HEADER_CHARS_MAX: usize = 200;

/// The message as it goes over the wire, as bytes.
///
/// # Errors
/// If an address is none: such a message is never accepted.
pub fn wire(mail: &Mail, from: &str, at: Timestamp) -> Result<Vec<u8>, MailError> {
    assemble(mail, from, at).map(|message| message.formatted())
}

/// The message as it goes over the wire. `from` is the sender's address, with or without a name.
///
/// # Errors
/// If an address is none: such a message is never accepted.
pub(super) fn assemble(mail: &Mail, from: &str, at: Timestamp) -> Result<Message, MailError> {
    // Known boundaries would let a text pretend to be another part; this one depends on the text.
    let boundary = Digest::of_parts([mail.message_id.as_bytes(), mail.text.as_bytes(), mail.html.as_bytes()]);
    let part = |kind, text: &str| SinglePart::builder().header(kind).body(lines(text));
    let body = MultiPart::alternative()
        .boundary(format!("relhost-{}", &boundary.hex()[..40]))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let to = Mailbox::new(None, recipient(&mail.to)?);
    Message::builder()
        .from(sender(from)?)
        .to(to)
        .subject(header(&mail.subject))
        .date(UNIX_EPOCH + Duration::from_millis(at.0))
        .message_id(Some(bracketed(&mail.message_id)))
        .in_reply_to(bracketed(&mail.thread))
        .references(bracketed(&mail.thread))
        // Answering machines stay quiet (RFC 3834; the second one is for Exchange).
        .raw_header(fixed("Auto-Submitted", "auto-generated"))
        .raw_header(fixed("X-Auto-Response-Suppress", "All"))
        .multipart(body)
        .map_err(|error| permanent(format!("put the message together: {error}")))
}

/// The sender's address: `relhost@example.com` or `relhost <relhost@example.com>`.
///
/// # Errors
/// If it is no address.
pub(super) fn sender(from: &str) -> Result<Mailbox, MailError> {
    let refuse = || permanent(format!("the sender {:?} is no mail address", one_line(from, 100)));
    if from.chars().any(char::is_control) {
        return Err(refuse());
    }
    from.parse().map_err(|_| refuse())
}

fn recipient(to: &str) -> Result<Address, MailError> {
    let refuse = || permanent(format!("the recipient {:?} is no mail address", one_line(to, 100)));
    if to.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse());
    }
    to.parse().map_err(|_| refuse())
}

pub(super) fn permanent(message: String) -> MailError {
    MailError { class: MailFailure::Permanent, message }
}

fn fixed(name: &'static str, value: &'static str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A value from outside in a header: one line, of bounded length, and no encoded word of its own.
fn header(value: &str) -> String {
    one_line(value, HEADER_CHARS_MAX).replace("=?", "= ?")
}

fn bracketed(id: &str) -> String {
    let id: String = id.chars().filter(|c| is_safe(*c) || *c == '@').take(HEADER_CHARS_MAX).collect();
    format!("<{id}>")
}

/// `shop 1.42.0 to Prod`, short enough for a subject.
pub(super) struct Words(String);

impl Words {
    pub(super) fn of(pipeline: &str, version: &str, stage: &str) -> Self {
        Self(format!("{} {} to {}", one_line(pipeline, 60), one_line(version, 40), one_line(stage, 40)))
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Tue 2026-11-24 17:00 UTC`: the same for readers in every zone.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%a %Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "the end of time".to_owned(),
    }
}

/// Text of somebody else with `> ` before each line, so that it does not pass for ours.
pub(super) fn quoted(text: &str) -> String {
    lines(text).trim().lines().map(|line| format!("> {}\n", line.trim_end())).collect()
}

/// The first lines of a list, and how many there are more.
pub(super) fn clip(list: &[String], max: usize) -> Vec<String> {
    let mut shown: Vec<String> = list.iter().take(max).map(|line| one_line(line, 300)).collect();
    if list.len() > max {
        shown.push(format!("and {} more", list.len() - max));
    }
    shown
}

pub(super) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
