//! Servers that refuse, stall, break off or say too much.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use relhost_connect::mail::SEND_DEADLINE;
use relhost_engine::port::mail::{MailError, MailFailure, Mailer as _};
use relhost_model::config::SmtpTls;

use super::certificate;
use super::script::Step::{Content, Hang, Say, Silence};
use super::script::{Step, serve};
use super::{Counted, PASSWORD, harmless, mail, mailer, smtp};

const HELLO: Step = Say("", "220 test");
const EHLO: Step = Say("EHLO", "250-test\n250 8BITMIME");
const MAIL: Step = Say("MAIL FROM:<relhost@example.com>", "250 ok");
const RCPT: Step = Say("RCPT TO:<bob@example.com>", "250 ok");
const DATA: Step = Say("DATA", "354 go on");

/// Sends messages to a server without TLS that follows the scripts, one for each connection.
fn send(scripts: &[&[Step]], count: u32) -> (Vec<Result<(), MailError>>, Vec<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, None, scripts));
        let results = block_on(async {
            let mailer = mailer(&smtp(port, SmtpTls::None, None), &Arc::default());
            let mut results = Vec::new();
            for number in 0..count {
                results.push(mailer.send(&mail(number, "bob@example.com")).await);
            }
            results
        });
        (results, server.join().unwrap())
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn class(script: &[Step]) -> (MailFailure, String) {
    let (results, _) = send(&[script], 1);
    let error = results[0].clone().unwrap_err();
    (error.class, harmless(&error).to_owned())
}

#[test]
fn messages_share_a_connection() {
    let script = [
        HELLO,
        EHLO,
        MAIL,
        RCPT,
        DATA,
        Content("250 ok"),
        Say("NOOP", "250 ok"),
        MAIL,
        RCPT,
        DATA,
        Content("250 ok"),
    ];
    let (results, heard) = send(&[&script], 2);
    assert_eq!(results, [Ok(()), Ok(())]);
    let heard = &heard[0];
    assert!(heard.contains(&"Message-ID: <0@example.com>".to_owned()), "{heard:?}");
    assert!(heard.contains(&"Message-ID: <1@example.com>".to_owned()), "{heard:?}");
    assert!(heard.contains(&"..".to_owned()), "a dot alone is doubled: {heard:?}");
    assert!(!heard.iter().any(|line| line.starts_with("Bcc")), "{heard:?}");
}

#[test]
fn a_connection_that_went_stale_is_made_anew() {
    let first = [HELLO, EHLO, MAIL, RCPT, DATA, Content("250 ok"), Say("NOOP", "421 too idle"), Hang];
    let second = [HELLO, EHLO, MAIL, RCPT, DATA, Content("250 ok")];
    let (results, _) = send(&[&first, &second], 2);
    assert_eq!(results, [Ok(()), Ok(())]);
}

#[test]
fn a_refusal_of_this_message_is_final() {
    let (class_, said) = class(&[HELLO, EHLO, MAIL, Say("RCPT", "550 5.1.1 no such user \u{1b}[31mred")]);
    assert_eq!(class_, MailFailure::Permanent);
    assert!(said.starts_with("hand the message to smtp://localhost:"), "{said}");
    assert!(said.contains("550") && said.contains("no such user"), "{said}");
    assert_eq!(class(&[HELLO, EHLO, Say("MAIL", "553 not you")]).0, MailFailure::Permanent);
    assert_eq!(class(&[HELLO, EHLO, MAIL, RCPT, DATA, Content("554 spam")]).0, MailFailure::Permanent);
}

#[test]
fn a_refusal_for_now_is_worth_another_try() {
    let scripts: [&[Step]; 4] = [
        &[HELLO, EHLO, MAIL, Say("RCPT", "451 4.7.1 for now")],
        &[HELLO, EHLO, Say("MAIL", "452 for now")],
        &[HELLO, EHLO, MAIL, RCPT, DATA, Content("451 for now")],
        &[HELLO, EHLO, MAIL, RCPT, DATA, Content("421 for now"), Hang],
    ];
    for script in scripts {
        let (class, said) = class(script);
        assert_eq!(class, MailFailure::Transient);
        assert!(said.contains("for now"), "{said}");
    }
}

#[test]
fn a_server_that_refuses_everybody_says_nothing_about_the_message() {
    assert_eq!(class(&[Say("", "554 no service for you")]).0, MailFailure::Transient);
    let (class, said) = class(&[HELLO, Say("EHLO", "550 go away"), Say("QUIT", "221 bye")]);
    assert_eq!(class, MailFailure::Transient);
    assert!(said.contains("go away"), "{said}");
}

#[test]
fn a_connection_that_breaks_is_worth_another_try() {
    let scripts: [&[Step]; 4] =
        [&[Hang], &[HELLO, Hang], &[HELLO, EHLO, MAIL, Hang], &[HELLO, EHLO, MAIL, RCPT, DATA, Hang]];
    for script in scripts {
        assert_eq!(class(script).0, MailFailure::Transient);
    }
    assert_eq!(class(&[Say("", "\u{7f}nonsense"), Hang]).0, MailFailure::Transient);
}

#[test]
fn nobody_there_is_worth_another_try() {
    // Bound and closed again: nobody else gets this port so soon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sent = block_on(async {
        mailer(&smtp(port, SmtpTls::None, None), &Arc::default()).send(&mail(1, "bob@example.com")).await
    });
    let error = sent.unwrap_err();
    assert_eq!(error.class, MailFailure::Transient);
    assert!(harmless(&error).starts_with("connect to the mail server localhost:"), "{error}");
}

#[test]
fn a_server_that_stalls_is_left_after_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, None, &[&[HELLO, EHLO, Silence]]));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (error, took) = runtime.block_on(async {
            let mailer = mailer(&smtp(port, SmtpTls::None, None), &Arc::default());
            let begun = tokio::time::Instant::now();
            (mailer.send(&mail(1, "bob@example.com")).await.unwrap_err(), begun.elapsed())
        });
        assert_eq!(error.class, MailFailure::Transient);
        assert!(harmless(&error).ends_with("did not take the message within 30 s"), "{error}");
        assert!(took >= SEND_DEADLINE && took < SEND_DEADLINE * 2, "{took:?}");
        drop(runtime);
        server.join().unwrap();
    });
}

#[test]
fn without_starttls_neither_password_nor_message_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let secrets = Arc::<Counted>::default();
    std::thread::scope(|scope| {
        let stripped = [HELLO, Say("EHLO", "250-test\n250 AUTH PLAIN LOGIN")];
        let server = scope.spawn(move || serve(&listener, None, &[&stripped]));
        let mailer = mailer(&smtp(port, SmtpTls::Starttls, None), &secrets);
        let error = block_on(mailer.send(&mail(1, "bob@example.com"))).unwrap_err();
        assert_eq!(error.class, MailFailure::Transient);
        assert!(harmless(&error).contains("STARTTLS is not supported"), "{error}");
        drop(mailer);
        let heard = server.join().unwrap().remove(0);
        assert!(heard.iter().all(|line| line.starts_with("EHLO")), "{heard:?}");
    });
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 0, "the password was not even read");
}

/// Sends one message to a server with TLS.
fn send_tls(
    server_host: &str,
    trusted: bool,
    secrets: &Arc<Counted>,
    script: &[Step],
) -> (Result<(), MailError>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let certificates = certificate::make(folder.path(), server_host);
    let other = certificate::make(folder.path(), "other.example");
    let ca = if trusted { certificates.ca.clone() } else { other.ca };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, Some(&certificates.server()), &[script]));
        let mailer = mailer(&smtp(port, SmtpTls::Tls, Some(ca)), secrets);
        let sent = block_on(mailer.send(&mail(1, "bob@example.com")));
        drop(mailer);
        (sent, server.join().unwrap().remove(0))
    })
}

const EHLO_AUTH: Step = Say("EHLO", "250-test\n250 AUTH PLAIN");

#[test]
fn with_a_trusted_certificate_the_login_reaches_the_server() {
    let secrets = Arc::default();
    let script = [HELLO, EHLO_AUTH, Say("AUTH PLAIN", "235 ok"), MAIL, RCPT, DATA, Content("250 ok")];
    let (sent, heard) = send_tls("localhost", true, &secrets, &script);
    assert_eq!(sent, Ok(()));
    use base64::Engine as _;
    let login = base64::engine::general_purpose::STANDARD.encode(format!("\0robot\0{PASSWORD}"));
    assert!(heard.contains(&format!("AUTH PLAIN {login}")), "{heard:?}");
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 1);
}

#[test]
fn a_certificate_of_somebody_else_is_not_trusted() {
    for (host, trusted) in [("localhost", false), ("mail.example", true)] {
        let secrets = Arc::default();
        let (sent, heard) = send_tls(host, trusted, &secrets, &[HELLO]);
        let error = sent.unwrap_err();
        assert_eq!(error.class, MailFailure::Transient, "the operator can repair it");
        assert!(harmless(&error).contains("certificate"), "{host}: {error}");
        assert_eq!(heard, Vec::<String>::new());
        assert_eq!(secrets.reads.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_server_that_repeats_the_password_does_not_get_it_into_the_error() {
    for answer in ["535 wrong: c4nary-pa$$word", "535 wrong: AHJvYm90AGM0bmFyeS1wYSQkd29yZA=="] {
        let secrets = Arc::default();
        let (sent, _) = send_tls("localhost", true, &secrets, &[HELLO, EHLO_AUTH, Say("AUTH PLAIN", answer)]);
        let error = sent.unwrap_err();
        assert_eq!(error.class, MailFailure::Transient, "a wrong password can be corrected");
        assert!(harmless(&error).contains("wrong: ") && error.message.contains("***"), "{error}");
        assert!(!error.message.contains("bmFyeS1wYSQ"), "{error}");
        assert!(error.message.starts_with("log in to the mail server localhost:"), "{error}");
        assert!(error.message.contains("as robot"), "{error}");
    }
}

#[test]
fn a_missing_password_is_said() {
    let secrets = Arc::new(Counted { missing: true, ..Counted::default() });
    let (sent, heard) = send_tls("localhost", true, &secrets, &[HELLO, EHLO_AUTH]);
    let error = sent.unwrap_err();
    assert_eq!(error.class, MailFailure::Transient);
    assert!(harmless(&error).ends_with("environment variable `SMTP_PASSWORD`: it is not set"), "{error}");
    assert!(heard.iter().all(|line| !line.starts_with("AUTH")), "{heard:?}");
}
