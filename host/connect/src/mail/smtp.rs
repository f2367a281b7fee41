//! Mail over SMTP.
//!
//! lettre's own pool is not used: it starts tasks that nobody owns, and keeps the password in memory. One
//! idle connection is kept here instead, and the password is read when a connection is made.

use std::sync::Arc;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use relhost_engine::port::mail::{Mail, MailError, MailFailure, Mailer};
use relhost_engine::port::{BoxFuture, Clock, Secrets};
use relhost_model::config::{Smtp, SmtpTls};
use relhost_model::secret::SecretSource;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout};

use super::message::{assemble, permanent, sender};
use crate::printable::one_line;
use crate::redact::Redactor;

/// One message, from the connection to the server's last answer. A server that filters while it answers
/// takes some seconds; half a minute is a tarpit.
pub const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// Connections at a time: many servers refuse more from one address.
pub const CONNECTIONS_MAX: usize = 4;
/// Servers may close a connection after five minutes of silence (RFC 5321); long before that it is not used
/// any more.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Saying goodbye is politeness. A server that does not answer must not turn its refusal into a timeout.
const QUIT_DEADLINE: Duration = Duration::from_secs(2);
/// So much of a server's answer is kept.
const ANSWER_CHARS_MAX: usize = 300;

/// Hands messages to a mail server. A message can arrive twice, if the connection breaks after the server
/// took it; its Message-ID is the same both times.
pub struct SmtpMailer {
    from: String,
    server: Server,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    turns: Semaphore,
    idle: Mutex<Option<(AsyncSmtpConnection, Instant)>>,
}

struct Server {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, SecretSource)>,
    hello: ClientId,
}

enum Tls {
    None,
    Starttls(TlsParameters),
    Wrapped(TlsParameters),
}

/// What was attempted, which decides whether it is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Before the message: a refusal says nothing about it, and the operator may repair the cause.
    Connect,
    /// Sender, recipient, content.
    Message,
}

impl SmtpMailer {
    /// Prepares everything but the connection. The clock gives the `Date`; the password is read through
    /// `secrets` whenever a connection is made.
    ///
    /// # Errors
    /// If `from` is no mail address, a password would go over an unprotected connection, a user comes
    /// without a password, or the certificate authority cannot be read.
    pub fn new(
        from: &str,
        smtp: &Smtp,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MailError> {
        sender(from)?;
        let server = Server::new(smtp)?;
        let (turns, idle) = (Semaphore::new(CONNECTIONS_MAX), Mutex::new(None));
        Ok(Self { from: from.to_owned(), server, secrets, clock, turns, idle })
    }

    async fn deliver(
        &self,
        message: &Message,
        broken: &mut Option<AsyncSmtpConnection>,
    ) -> Result<(), MailError> {
        let mut connection = match self.reuse().await {
            Some(connection) => connection,
            None => self.server.connect(self.secrets.as_ref()).await?,
        };
        if let Err(error) = hand_over(&mut connection, message).await {
            *broken = Some(connection);
            let what = format!("hand the message to {}", self.destination());
            return Err(failure(Step::Message, &what, &error, &Redactor::default()));
        }
        *self.idle.lock().await = Some((connection, Instant::now()));
        Ok(())
    }

    async fn reuse(&self) -> Option<AsyncSmtpConnection> {
        let (mut connection, since) = self.idle.lock().await.take()?;
        let fresh = since.elapsed() < IDLE_MAX;
        (fresh && connection.test_connected().await).then_some(connection)
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let message = assemble(mail, &self.from, self.clock.now())?;
            // The deadline begins with the turn: waiting for others is no fault of the server.
            let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
            let mut broken = None;
            let sent = timeout(SEND_DEADLINE, self.deliver(&message, &mut broken)).await;
            if let Some(mut connection) = broken {
                let _ = timeout(QUIT_DEADLINE, connection.abort()).await;
            }
            sent.unwrap_or_else(|_| {
                let seconds = SEND_DEADLINE.as_secs();
                Err(transient(format!("{} did not take the message within {seconds} s", self.destination())))
            })
        })
    }

    fn destination(&self) -> String {
        let scheme = if matches!(self.server.tls, Tls::Wrapped(_)) { "smtps" } else { "smtp" };
        format!("{scheme}://{}:{}", self.server.host, self.server.port)
    }
}

impl Server {
    fn new(smtp: &Smtp) -> Result<Self, MailError> {
        let login = match (&smtp.user, &smtp.password) {
            (Some(user), Some(password)) => Some((user.clone(), password.clone())),
            (None, None) => None,
            (Some(_), None) => return Err(permanent("`mail.smtp` has a user and no password".into())),
            (None, Some(_)) => return Err(permanent("`mail.smtp` has a password and no user".into())),
        };
        if login.is_some() && smtp.tls == SmtpTls::None {
            let what =
                "`mail.smtp` would send a password over an unprotected connection; set `tls: starttls`";
            return Err(permanent(what.into()));
        }
        let tls = match smtp.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Starttls => Tls::Starttls(parameters(smtp)?),
            SmtpTls::Tls => Tls::Wrapped(parameters(smtp)?),
        };
        Ok(Self { host: smtp.host.clone(), port: smtp.port, tls, login, hello: ClientId::default() })
    }

    async fn connect(&self, secrets: &dyn Secrets) -> Result<AsyncSmtpConnection, MailError> {
        let place = format!("{}:{}", self.host, self.port);
        let fault = |what: &str, error: &Error| {
            failure(Step::Connect, &format!("{what} {place}"), error, &Redactor::default())
        };
        let wrapped = match &self.tls {
            Tls::Wrapped(parameters) => Some(parameters.clone()),
            Tls::None | Tls::Starttls(_) => None,
        };
        let address = (self.host.as_str(), self.port);
        let connected = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, wrapped, None).await;
        let mut connection = connected.map_err(|error| fault("connect to the mail server", &error))?;
        if let Tls::Starttls(parameters) = &self.tls {
            let secured = connection.starttls(parameters.clone(), &self.hello).await;
            secured.map_err(|error| fault("protect the connection to the mail server", &error))?;
        }
        if let Some((user, password)) = &self.login {
            self.log_in(&mut connection, user, password, secrets).await?;
        }
        Ok(connection)
    }

    async fn log_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        user: &str,
        password: &SecretSource,
        secrets: &dyn Secrets,
    ) -> Result<(), MailError> {
        let what = format!("log in to the mail server {}:{} as {user}", self.host, self.port);
        if !connection.is_encrypted() {
            return Err(transient(format!("{what}: the connection is not protected")));
        }
        let password = secrets.read(password).map_err(|error| transient(format!("{what}: {error}")))?;
        // Some servers repeat what they were sent.
        let mut redactor = Redactor::default();
        redactor.add(&password);
        let text = std::str::from_utf8(password.expose())
            .map_err(|_| transient(format!("{what}: the password is not UTF-8")))?;
        let credentials = Credentials::new(user.to_owned(), text.to_owned());
        let done = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        done.map(|_| ()).map_err(|error| failure(Step::Connect, &what, &error, &redactor))
    }
}

fn parameters(smtp: &Smtp) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca {
        let shown = path.display();
        let what = |reason: String| permanent(format!("read the certificate authority {shown}: {reason}"));
        let pem = std::fs::read(path).map_err(|error| what(error.to_string()))?;
        if !pem.windows(11).any(|window| window == b"-----BEGIN ") {
            return Err(what("it is no PEM file".into()));
        }
        let certificate = Certificate::from_pem(&pem).map_err(|error| what(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| permanent(format!("prepare TLS for {}: {error}", smtp.host)))
}

/// The message over a connection. lettre's `send` does the same and then waits for the end of the connection
/// before it says what went wrong.
async fn hand_over(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), Error> {
    let (envelope, bytes) = (message.envelope(), message.formatted());
    let mut options = Vec::new();
    if !bytes.is_ascii() {
        // Bodies and texts in headers are encoded, so this is an address.
        options = vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)];
    }
    connection.command(commands::Mail::new(envelope.from().cloned(), options)).await?;
    for to in envelope.to() {
        connection.command(commands::Rcpt::new(to.clone(), Vec::new())).await?;
    }
    connection.command(commands::Data).await?;
    connection.message(&bytes).await?;
    Ok(())
}

fn transient(message: String) -> MailError {
    MailError { class: MailFailure::Transient, message }
}

/// Says what was attempted and what the server answered. Only a 5xx answer to the message itself is final.
fn failure(step: Step, what: &str, error: &Error, redactor: &Redactor) -> MailError {
    let class = match step {
        Step::Message if error.is_permanent() => MailFailure::Permanent,
        Step::Message | Step::Connect => MailFailure::Transient,
    };
    let said = error.to_string();
    MailError { class, message: one_line(&format!("{what}: {}", redactor.redact(&said)), ANSWER_CHARS_MAX) }
}
