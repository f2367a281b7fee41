//! A real mail server: STARTTLS, AUTH, and what arrives. What it got is read from its mailbox.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use relhost_connect::mail::SmtpMailer;
use relhost_engine::port::mail::{MailFailure, Mailer as _};
use relhost_model::config::SmtpTls;

use super::certificate::{self, Certificates};
use super::{Counted, PASSWORD, harmless, mail, mailer, smtp};

/// The server; it ends with the test.
struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    certificates: Certificates,
}

impl Server {
    fn start(password: &str, arguments: &[&str]) -> Self {
        let python =
            std::env::var_os("RELHOST_TEST_PYTHON").expect("cargo xtask test sets RELHOST_TEST_PYTHON");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support/smtp_server.py");
        let folder = tempfile::tempdir().unwrap();
        let certificates = certificate::make(folder.path(), "localhost");
        let mut command = Command::new(python);
        command.arg(program).arg("--maildir").arg(folder.path().join("mail"));
        command.arg("--cert").arg(&certificates.certificate).arg("--key").arg(&certificates.key);
        command.args(["--user", "robot", "--password", password]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).expect("the server prints its port");
        let port = said["port"].as_u64().unwrap().try_into().unwrap();
        Self { child, port, folder, certificates }
    }

    fn mailer(&self, ca: Option<PathBuf>, secrets: &Arc<Counted>) -> SmtpMailer {
        mailer(&smtp(self.port, SmtpTls::Starttls, ca), secrets)
    }

    fn trusting(&self, secrets: &Arc<Counted>) -> SmtpMailer {
        self.mailer(Some(self.certificates.ca.clone()), secrets)
    }

    fn got(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("mail").join(name)).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server ends when nobody can write to it any more.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn messages_arrive_over_starttls_with_one_login() {
    let server = Server::start(PASSWORD, &[]);
    let secrets = Arc::default();
    let mailer = server.trusting(&secrets);
    mailer.send(&mail(1, "bob@example.com")).await.unwrap();
    mailer.send(&mail(2, "ann@example.com")).await.unwrap();

    let message = server.got("1.eml").expect("the first message");
    assert!(message.contains("Message-ID: <1@example.com>\r\n"), "{message}");
    assert!(
        message.contains("multipart/alternative") && message.contains("\r\n.\r\nafter a line"),
        "{message}"
    );
    assert!(!message.lines().any(|line| line.starts_with("Bcc")), "{message}");
    let envelope: serde_json::Value = serde_json::from_str(&server.got("2.json").unwrap()).unwrap();
    assert_eq!(envelope["from"], "relhost@example.com");
    assert_eq!(envelope["to"], serde_json::json!(["ann@example.com"]));
    assert_eq!(envelope["user"], "robot");
    assert_eq!(envelope["tls"], "TLSv1.3");

    let logins = server.got("logins.jsonl").unwrap();
    assert_eq!(logins.lines().count(), 1, "both messages went over one connection");
    assert!(logins.contains(PASSWORD), "the password did arrive");
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn nothing_leaves_for_a_server_that_is_not_trusted() {
    let server = Server::start(PASSWORD, &[]);
    let secrets = Arc::default();
    let error = server.mailer(None, &secrets).send(&mail(1, "bob@example.com")).await.unwrap_err();
    assert_eq!(error.class, MailFailure::Transient);
    assert!(harmless(&error).contains("certificate"), "{error}");
    assert_eq!((server.got("1.eml"), server.got("logins.jsonl")), (None, None));
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn a_wrong_password_is_said_and_can_be_corrected() {
    let server = Server::start("another", &[]);
    let error = server.trusting(&Arc::default()).send(&mail(1, "bob@example.com")).await.unwrap_err();
    assert_eq!(error.class, MailFailure::Transient);
    assert!(harmless(&error).contains("535"), "{error}");
    assert_eq!(server.got("1.eml"), None);
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn refusals_are_told_apart_and_the_next_message_goes_through() {
    let server = Server::start(
        PASSWORD,
        &["--fail-rcpt", "gone@example.com=550", "--fail-rcpt", "full@example.com=450"],
    );
    let mailer = server.trusting(&Arc::default());
    let error = mailer.send(&mail(1, "gone@example.com")).await.unwrap_err();
    assert_eq!((error.class, harmless(&error).contains("no such user")), (MailFailure::Permanent, true));
    let error = mailer.send(&mail(2, "full@example.com")).await.unwrap_err();
    assert_eq!((error.class, harmless(&error).contains("mailbox busy")), (MailFailure::Transient, true));
    mailer.send(&mail(3, "bob@example.com")).await.unwrap();
    assert!(server.got("1.eml").unwrap().contains("<3@example.com>"));
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn a_greylisted_message_arrives_once_with_the_next_try() {
    let server = Server::start(PASSWORD, &["--greylist", "1"]);
    let mailer = server.trusting(&Arc::default());
    let message = mail(1, "bob@example.com");
    assert_eq!(mailer.send(&message).await.unwrap_err().class, MailFailure::Transient);
    mailer.send(&message).await.unwrap();
    assert!(server.got("1.eml").is_some() && server.got("2.eml").is_none());
}

#[tokio::test]
#[ignore = "needs a mail server: cargo xtask test"]
async fn many_messages_at_once_all_arrive_over_few_connections() {
    let server = Server::start(PASSWORD, &[]);
    let secrets = Arc::default();
    let mailer = Arc::new(server.trusting(&secrets));
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..20 {
        let mailer = Arc::clone(&mailer);
        sending.spawn(async move { mailer.send(&mail(number, "bob@example.com")).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap().unwrap();
    }
    assert!(server.got("20.eml").is_some() && server.got("21.eml").is_none());
    let logins = server.got("logins.jsonl").unwrap().lines().count();
    assert_eq!(logins, secrets.reads.load(Ordering::SeqCst));
}
