//! Mail headers: whatever comes from a release, a message has the headers that the host gives it and no other.
//!
//! Input: recipient, subject, message id, thread, sender, text and HTML, in this order.

use relhost_connect::mail::{NoticeFacts, message_id, notice, wire};
use relhost_engine::port::mail::Mail;
use relhost_model::digest::Digest;
use relhost_model::time::Timestamp;

use crate::input::parts;

/// The longest line of a message (RFC 5322, 2.1.1).
const LINE_MAX: usize = 998;
/// Every header that a message has.
const HEADERS: [&str; 11] = [
    "auto-submitted",
    "content-type",
    "date",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "references",
    "subject",
    "to",
    "x-auto-response-suppress",
];

pub(crate) fn run(data: &[u8]) {
    let [to, subject, message_id, thread, from, text, html] = parts(data);
    let mail = Mail { message_id, thread, to, subject, text, html };
    is_sent(&mail, &from, true);
    is_sent(&rendered(&mail), "relhost <relhost@example.com>", false);
}

/// The mail of a plugin that says these words.
fn rendered(mail: &Mail) -> Mail {
    let facts = NoticeFacts {
        pipeline: mail.thread.clone(),
        release: mail.message_id.clone(),
        stage: mail.to.clone(),
        subject: mail.subject.clone(),
        body: mail.text.clone(),
        rehearsal: mail.html.is_empty(),
    };
    let id = message_id(&Digest::of(b"effect"), "example.com");
    notice("ann@example.com", &facts, &id, &id)
}

fn is_sent(mail: &Mail, from: &str, may_be_refused: bool) {
    let sent = match wire(mail, from, Timestamp(1_795_528_800_000)) {
        Ok(sent) => sent,
        Err(error) => {
            assert!(may_be_refused, "{error}");
            assert!(!error.message.contains(char::is_control), "{:?}", error.message);
            return;
        }
    };
    lines_end_as_lines_do(&sent);
    let sent = String::from_utf8(sent).expect("bodies and headers are encoded");
    let (head, body) = sent.split_once("\r\n\r\n").expect("a head and a body");
    let headers = unfolded(head);
    let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    assert_eq!(names, HEADERS, "{head}");
    parts_are_two(&headers, body);
}

fn lines_end_as_lines_do(sent: &[u8]) {
    for (at, byte) in sent.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(sent.get(at + 1), Some(&b'\n'), "a bare CR at {at}"),
            b'\n' => assert!(at > 0 && sent[at - 1] == b'\r', "a bare LF at {at}"),
            0 => panic!("a NUL at {at}"),
            _ => {}
        }
    }
    for line in sent.split(|byte| *byte == b'\n') {
        assert!(line.len() <= LINE_MAX, "a line of {} bytes", line.len());
    }
}

/// Headers with their folded lines put together.
fn unfolded(head: &str) -> Vec<(&str, String)> {
    let mut headers: Vec<(&str, String)> = Vec::new();
    for line in head.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            headers.last_mut().expect("the first line is not a folded one").1.push_str(line);
        } else {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no header"));
            headers.push((name, value.to_owned()));
        }
    }
    headers
}

/// A text cannot end its part: the boundary stands before each part and behind the last, and nowhere else.
fn parts_are_two(headers: &[(&str, String)], body: &str) {
    let kind = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = &kind.expect("it has a content type").1;
    let boundary = kind.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
    let boundary = boundary.unwrap_or_else(|| panic!("{kind} has no boundary"));
    assert_eq!(body.matches(boundary).count(), 3, "{body}");
}
