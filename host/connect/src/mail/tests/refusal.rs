//! Settings of a mail server that are refused before anything is sent.

use std::path::PathBuf;

use relhost_engine::port::Secrets;
use relhost_engine::port::mail::Mailer as _;
use relhost_model::config::{Smtp, SmtpTls};
use relhost_model::secret::{SecretError, SecretSource, SecretValue};

use super::*;

/// Nothing that is set up here may ask for a secret.
struct NotAsked;

impl Secrets for NotAsked {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        panic!("{source} is read before a connection is made");
    }
}

fn smtp(tls: SmtpTls) -> Smtp {
    Smtp {
        host: "mail.example".into(),
        port: 587,
        tls,
        user: Some("robot".into()),
        password: Some(SecretSource::Env("P".into())),
        ca: None,
    }
}

fn refused(smtp: &Smtp) -> String {
    SmtpMailer::new("relhost@example.com", smtp, Arc::new(NotAsked), clock())
        .err()
        .expect("refused")
        .to_string()
}

#[test]
fn a_password_never_goes_over_an_unprotected_connection() {
    let said = refused(&smtp(SmtpTls::None));
    assert_eq!(said, "`mail.smtp` would send a password over an unprotected connection; set `tls: starttls`");
}

#[test]
fn user_and_password_come_together() {
    let said = refused(&Smtp { password: None, ..smtp(SmtpTls::Tls) });
    assert_eq!(said, "`mail.smtp` has a user and no password");
    let said = refused(&Smtp { user: None, ..smtp(SmtpTls::Tls) });
    assert_eq!(said, "`mail.smtp` has a password and no user");
}

#[test]
fn a_certificate_authority_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let said = |path: &PathBuf| refused(&Smtp { ca: Some(path.clone()), ..smtp(SmtpTls::Starttls) });
    assert!(said(&path).contains("read the certificate authority"), "{}", said(&path));
    std::fs::write(&path, "no PEM").unwrap();
    assert!(said(&path).ends_with("it is no PEM file"), "{}", said(&path));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(said(&path).contains("mail.example") || said(&path).contains("certificate"), "{}", said(&path));
}

#[test]
fn a_relay_on_the_same_machine_needs_neither_tls_nor_login() {
    let smtp = Smtp { user: None, password: None, ..smtp(SmtpTls::None) };
    let mailer = SmtpMailer::new("relhost@example.com", &smtp, Arc::new(NotAsked), clock()).unwrap();
    assert_eq!(mailer.destination(), "smtp://mail.example:587");
}
