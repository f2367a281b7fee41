//! The socket that other commands talk to. Only the user who owns the state folder and root can open it;
//! who is on the other end is read from the connection, not from what it says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use tokio::net::UnixListener;

use super::peer;
use crate::app::caller::Caller;
use crate::app::handle::handle;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::{Envelope, Reply};

/// The largest request: paths, variables and a comment are far below it.
const REQUEST_MAX: usize = 1024 * 1024;
/// The longest path of a Unix socket that every system takes.
const PATH_MAX: usize = 100;

/// The user on the other end.
#[derive(Debug, Clone)]
pub struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

/// Where the socket of a state folder is: inside it, or, where that path is too long for a socket, in the
/// folder for temporary files under a name derived from it.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    let inside = folder.join("socket");
    if inside.as_os_str().len() <= PATH_MAX {
        return inside;
    }
    let digest = relhost_model::digest::Digest::of(folder.as_os_str().as_encoded_bytes());
    std::env::temp_dir().join(format!("relhost-{}.socket", digest.short()))
}

/// Listens. A socket that a dead owner left is removed: the lock on the folder says that nobody else has it.
///
/// # Errors
/// If the socket cannot be made.
pub fn listen(path: &Path) -> Result<UnixListener, Failure> {
    let fault = |error: std::io::Error| {
        Failure::new(Exit::Unexpected, "socket", format!("listen on {}: {error}", path.display()))
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fault)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
    Ok(listener)
}

/// Serves until the host stops.
pub async fn serve(host: Arc<Host>, listener: UnixListener) {
    let mut stop = host.supervisor.stop();
    let router = Router::new()
        .route("/v1/call", post(call))
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
        .with_state(host);
    let service = router.into_make_service_with_connect_info::<Peer>();
    let served =
        axum::serve(listener, service).with_graceful_shutdown(async move { stop.wait().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "serve the socket");
    }
}

async fn call(
    State(host): State<Arc<Host>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Json(envelope): Json<Envelope>,
) -> Response {
    let Peer(Some(uid)) = peer else {
        let failure =
            Failure::new(Exit::NotAllowed, "unknown-peer", "the system does not say who is on the socket");
        return (StatusCode::FORBIDDEN, Json(failure)).into_response();
    };
    let user = peer::user_name(uid);
    let caller = Caller::os_user(&host.config, &user, "socket", envelope.act_as);
    let answer: Result<Reply, Failure> = handle(&host, &caller, envelope.request).await;
    match answer {
        Ok(reply) => Json(reply).into_response(),
        Err(mut failure) => {
            failure.message = host.redact(&failure.message);
            for detail in &mut failure.details {
                *detail = host.redact(detail);
            }
            (StatusCode::UNPROCESSABLE_ENTITY, Json(failure)).into_response()
        }
    }
}
