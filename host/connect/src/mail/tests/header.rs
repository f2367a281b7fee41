//! The headers of a finished message.

use proptest::prelude::*;

use super::*;
use crate::mail::message::assemble;

/// The names of the headers in their order, continuation lines joined.
fn headers(raw: &str) -> Vec<(String, String)> {
    let (head, _) = raw.split_once("\r\n\r\n").expect("an empty line ends the headers");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    assert!(!unfolded.replace("\r\n", "").contains(['\r', '\n']), "no bare line break: {head:?}");
    unfolded
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no header"));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn raw(mail: &Mail) -> String {
    let message = assemble(mail, "Relhost <relhost@example.com>", NOW).unwrap();
    String::from_utf8(message.formatted()).unwrap()
}

const NAMES: [&str; 11] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
];

fn names(raw: &str) -> Vec<String> {
    headers(raw).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_message_has_its_headers_and_both_parts() {
    let raw = raw(&asked(&facts()));
    let headers = headers(&raw);
    let value = |name: &str| &headers.iter().find(|(other, _)| other == name).unwrap().1;
    assert_eq!(names(&raw), NAMES);
    assert_eq!(value("From"), "Relhost <relhost@example.com>");
    assert_eq!(value("To"), "bob@example.com");
    assert_eq!(value("Subject"), "[relhost] Approve shop 1.42.0 to Prod by Tue 2026-11-24 17:00 UTC");
    assert_eq!(value("Date"), "Tue, 24 Nov 2026 14:00:00 +0000");
    assert_eq!(value("Message-ID"), "<abc@example.com>");
    assert_eq!(value("In-Reply-To"), "<rel-7.relhost@example.com>");
    assert_eq!(value("References"), "<rel-7.relhost@example.com>");
    assert_eq!(value("Auto-Submitted"), "auto-generated");
    assert_eq!(value("X-Auto-Response-Suppress"), "All");
    assert!(value("Content-Type").starts_with("multipart/alternative;"));
    let (text, html) = (raw.find("text/plain").unwrap(), raw.find("text/html").unwrap());
    assert!(text < html, "the preferred part comes last");
    assert!(raw.lines().all(|line| line.len() <= 998), "RFC 5322");
}

#[test]
fn the_same_message_is_the_same_bytes() {
    assert_eq!(raw(&asked(&facts())), raw(&asked(&facts())));
}

const PAYLOADS: [&str; 8] = [
    "x\r\nBcc: evil@example.com",
    "x\nBcc: evil@example.com",
    "x\rBcc: evil@example.com",
    "x\r\n\r\n<html>evil",
    "x\u{2028}Bcc: evil@example.com",
    "x\u{85}Bcc: evil@example.com",
    "x\0\u{b}\u{c}\r\n Bcc: evil@example.com",
    "=?utf-8?q?x=0D=0ABcc:_evil@example.com?=",
];

#[test]
fn no_text_adds_a_header() {
    for payload in PAYLOADS {
        let mut mail = asked(&AskFacts { version: payload.into(), pipeline: payload.into(), ..facts() });
        assert_eq!(names(&raw(&mail)), NAMES, "{payload:?} through the facts");
        mail.subject = payload.into();
        mail.message_id = payload.into();
        mail.thread = payload.into();
        let raw = raw(&mail);
        assert_eq!(names(&raw), NAMES, "{payload:?}");
        assert!(!raw.contains("\r\nBcc") && !raw.contains("\nBcc"), "{raw}");
        assert!(!raw.contains("=?utf-8?q?x"), "an encoded word of theirs is not taken for one of ours");
    }
}

#[test]
fn an_address_with_more_in_it_is_refused() {
    let hostile = [
        "bob@example.com\r\nBcc: evil@example.com",
        "bob@example.com\nBcc: evil@example.com",
        "bob@example.com, evil@example.com",
        "bob@example.com evil@example.com",
        "<bob@example.com>",
        "bob",
        "",
        "\"a\r\nb\"@example.com",
        "bob\u{85}Bcc@example.com",
    ];
    for address in hostile {
        let mail = Mail { to: address.into(), ..asked(&facts()) };
        let error = assemble(&mail, "relhost@example.com", NOW).unwrap_err();
        assert_eq!(error.class, relhost_engine::port::mail::MailFailure::Permanent);
        assert!(!error.message.contains(['\r', '\n']), "{error:?}");
        let mail = asked(&facts());
        let from = assemble(&mail, address, NOW);
        assert!(from.is_err() || address == "<bob@example.com>", "{address:?} as the sender");
    }
}

#[test]
fn a_text_cannot_end_its_part() {
    let harmless = raw(&asked(&facts()));
    let boundary = harmless.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let line = format!("x\n--{boundary}--\nx\n--{boundary}\nContent-Type: text/html\n\nevil");
    let mail = Mail { text: line, ..asked(&facts()) };
    let hostile = raw(&mail);
    let own = hostile.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_ne!(own, boundary);
    assert_eq!(hostile.matches(&format!("\r\n--{own}")).count(), 3, "two parts and the end");
}

proptest! {
    /// Whatever a message is made of: its headers are ours.
    #[test]
    fn headers_are_never_injected(subject in any::<String>(), id in any::<String>(), thread in any::<String>(), body in any::<String>()) {
        let mail = Mail { subject, message_id: id, thread, text: body.clone(), html: body, ..asked(&facts()) };
        let raw = raw(&mail);
        prop_assert_eq!(names(&raw), NAMES);
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        prop_assert!(head.is_ascii());
        prop_assert!(head.split("\r\n").all(|line| line.len() <= 998));
    }

    /// Line breaks in every place of a subject.
    #[test]
    fn line_breaks_in_a_subject_do_nothing(parts in proptest::collection::vec("[a-zA-Z: ]{0,12}", 1..8), breaks in proptest::collection::vec("\r\n|\n|\r|\r\n\r\n|\r\n ", 8)) {
        let subject: String = parts.iter().zip(&breaks).map(|(part, end)| format!("{part}{end}")).collect();
        let mail = Mail { subject, ..asked(&facts()) };
        prop_assert_eq!(names(&raw(&mail)), NAMES);
    }
}
