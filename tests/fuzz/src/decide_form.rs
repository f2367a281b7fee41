//! The decide form: without the mail's link and code nothing is decided, however the request is written.
//!
//! Input: the parts of a link in lines, then one request body per line, sent one after the other. `{token}`,
//! `{code}` and `{content}` stand for what the mail says, so that an input can come close.

use std::sync::LazyLock;

use relhost::api::form::{Form, WRONG_CODES_MAX, WrongCodes};
use relhost::token::{Binding, Key};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId};
use tokio::runtime::Runtime;

use crate::input::parts;

struct Mail {
    key: Key,
    person: PersonId,
    runtime: Runtime,
}

static MAIL: LazyLock<Mail> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the key");
    let path = folder.path().join("key");
    std::fs::write(&path, [7; 32]).expect("the key can be written");
    Mail {
        key: Key::load(&path).expect("a key of 32 bytes"),
        person: PersonId::new("bob").expect("a person's id"),
        runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O"),
    }
});

impl Mail {
    fn binding(&self) -> Binding<'_> {
        Binding {
            approval: ApprovalId(7),
            recipient: &self.person,
            attempt: 1,
            content: Digest::of(b"shown"),
        }
    }

    /// A text with what stands in the mail put in.
    fn filled(&self, text: &str) -> String {
        let (token, code) = (self.key.token(self.binding()), self.key.code(self.binding()));
        let content = Digest::of(b"shown").to_string();
        text.replace("{token}", &token).replace("{code}", &code).replace("{content}", &content)
    }
}

pub(crate) fn run(data: &[u8]) {
    let mail = &*MAIL;
    let [link, bodies] = parts(data);
    let link = mail.filled(&link);
    let mut parts = link.lines();
    let mut part = || parts.next().unwrap_or_default();
    only_its_own_link_opens(mail, part(), part(), part());
    only_its_own_code_decides(mail, &bodies);
}

fn only_its_own_link_opens(mail: &Mail, approval: &str, person: &str, token: &str) {
    let (Ok(approval), Ok(person)) = (approval.parse::<ApprovalId>(), PersonId::new(person)) else { return };
    let binding = mail.binding();
    let named = Binding { approval, recipient: &person, ..binding };
    let same = approval == binding.approval && person == mail.person;
    assert_eq!(
        mail.key.token_matches(binding, token),
        token == mail.key.token(binding),
        "the token `{token}`"
    );
    if mail.key.token_matches(named, token) && token == mail.key.token(binding) {
        assert!(same, "the link of {} opens {approval} of {person}", binding.approval);
    }
}

/// As many requests as the input has lines, against a model of what counts.
fn only_its_own_code_decides(mail: &Mail, bodies: &str) {
    let (binding, wrong) = (mail.binding(), WrongCodes::default());
    let (right, mut tries) = (mail.key.code(binding), 0);
    for body in bodies.lines() {
        let body = mail.filled(body);
        let request = http::Request::builder()
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.clone().into_bytes().into())
            .expect("a request with fixed headers");
        let Ok(form) = mail.runtime.block_on(Form::of(request)) else { continue };
        match form.read(&mail.key, binding, &wrong) {
            Ok((_, content)) => {
                assert!(tries < WRONG_CODES_MAX, "decided after {tries} wrong codes: {body}");
                // The code of the mail stands in the body, with nothing but spaces in it.
                let sent = decoded(&body).to_ascii_uppercase();
                let sent: String = sent.chars().filter(|c| !c.is_whitespace()).collect();
                assert!(sent.contains(&right), "decided without the code: {body}");
                assert!(decoded(&body).contains(&content.hex()), "decided on another content: {body}");
            }
            Err((problem, status)) => {
                assert!(!problem.is_empty() && status.is_client_error(), "{status}: {problem}");
                tries += u32::from(problem.starts_with("That is not the code"));
            }
        }
    }
}

/// A form's body without its escapes.
fn decoded(body: &str) -> String {
    let bytes = body.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (bytes[at], escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
