//! A real mail server with STARTTLS and AUTH, whose mailbox is a folder.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::python::program;

/// The user that may send.
pub const USER: &str = "robot";

/// The server. It ends with the test.
pub struct SmtpServer {
    /// Where it listens.
    pub port: u16,
    /// The authority that its certificate is from, PEM.
    pub ca: PathBuf,
    child: Child,
    folder: tempfile::TempDir,
}

impl SmtpServer {
    /// Starts one that lets in [`USER`] with this password.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(password: &str) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let files = certificates(folder.path());
        let mut command = program("smtp_server.py");
        command.arg("--maildir").arg(folder.path().join("mail"));
        command.arg("--cert").arg(&files.certificate).arg("--key").arg(&files.key);
        command.args(["--user", USER, "--password", password]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start the server");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        let _bytes = BufReader::new(stdout).read_line(&mut line).expect("read what the server says");
        let said: Value = serde_json::from_str(&line).expect("the server prints its port");
        let port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Self { port, ca: files.ca, child, folder }
    }

    /// The folder of the messages.
    #[must_use]
    pub fn mailbox(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// The envelope that a message came in.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn envelope(&self, message: &Path) -> Value {
        let text =
            std::fs::read_to_string(message.with_extension("json")).expect("a message has an envelope");
        serde_json::from_str(&text).expect("an envelope is JSON")
    }

    /// Every login that worked, one JSON object per line, with the password.
    #[must_use]
    pub fn logins(&self) -> String {
        std::fs::read_to_string(self.mailbox().join("logins.jsonl")).unwrap_or_default()
    }

    /// `smtp:` of the operator's file, with the password in this file.
    #[must_use]
    pub fn settings(&self, password_file: &str) -> String {
        let (port, ca) = (self.port, self.ca.display());
        format!(
            "{{ host: localhost, port: {port}, tls: starttls, user: {USER}, \
             password: {{ file: {password_file} }}, ca: {ca} }}"
        )
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        // The server ends when nobody can write to it any more.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// The certificate of an authority that has signed nothing, PEM.
///
/// # Panics
/// If none can be made.
#[must_use]
pub fn authority() -> String {
    let mut params = CertificateParams::new(Vec::new()).expect("name nobody");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().expect("make a key")).expect("sign an authority").pem()
}

struct Files {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn certificates(folder: &Path) -> Files {
    let mut params = CertificateParams::new(Vec::new()).expect("name nobody");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().expect("make a key");
    let ca = params.self_signed(&ca_key).expect("sign an authority");
    let key = KeyPair::generate().expect("make a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("name the host");
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&params, &ca_key)).expect("sign a certificate");
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("write a certificate");
        path
    };
    Files {
        ca: write("ca.pem", ca.pem()),
        certificate: write("certificate.pem", leaf.pem()),
        key: write("key.pem", key.serialize_pem()),
    }
}
