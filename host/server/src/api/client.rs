//! Talks to the owner of a state folder through its socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::exit::{Exit, Failure};
use crate::protocol::{Envelope, Reply};

/// The owner of a state folder, seen from another process.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    owner: String,
}

impl Client {
    /// An owner by its socket; `owner` names it in messages.
    #[must_use]
    pub fn new(socket: PathBuf, owner: String) -> Self {
        Self { socket, owner }
    }

    /// Which process it is, for people.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether somebody listens on the socket.
    pub async fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Asks.
    ///
    /// # Errors
    /// What the owner answers, or that it cannot be reached.
    pub async fn call(&self, envelope: &Envelope) -> Result<Reply, Failure> {
        let body = serde_json::to_vec(envelope).map_err(|error| self.broken(&error.to_string()))?;
        let (status, bytes) = self.post(body).await.map_err(|error| self.unreachable(error.as_ref()))?;
        let answer = if status == StatusCode::OK {
            serde_json::from_slice(&bytes).map(Ok)
        } else {
            serde_json::from_slice::<Failure>(&bytes).map(Err)
        };
        answer.unwrap_or_else(|error| Err(self.broken(&format!("{status}: {error}"))))
    }

    async fn post(
        &self,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = HttpRequest::post("/v1/call")
            .header("host", "relhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let bytes = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, bytes))
        };
        tokio::pin!(exchange);
        tokio::select! {
            answered = &mut exchange => Ok(answered?),
            // The connection may end first although the whole answer has arrived.
            closed = connection => { closed?; Ok(exchange.await?) }
        }
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::new(
            Exit::Conflict,
            "owner-unreachable",
            format!(
                "{} owns the state folder but does not answer on {}: {error}",
                self.owner,
                self.socket.display()
            ),
        )
        .help("if that process hangs, end it and run the command again: nothing is lost")
    }

    fn broken(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Unexpected,
            "owner-answer",
            format!("{} answered what this version does not know: {why}", self.owner),
        )
        .help("use the same version of relhost as the owner")
    }

    /// The socket's path.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}
