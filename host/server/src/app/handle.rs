//! From a request to its use case.

use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::store::Store as _;

use super::approval::Ballot;
use super::caller::Caller;
use super::{approval, create, environment, find, release, repair, run};
use crate::exit::Failure;
use crate::host::Host;
use crate::protocol::{Reply, Request};

/// Answers a request.
///
/// # Errors
/// What the use case says.
pub async fn handle(host: &Arc<Host>, caller: &Caller, mut request: Request) -> Result<Reply, Failure> {
    let mut moved = None;
    if let Some(reference) = request.moves() {
        // By its id from here on: the newest release may be another one in a moment.
        let id = find::release(host, reference).await?.id;
        *reference = id.into();
        moved = Some(id);
    }
    let reply = answer(host, caller, request).await?;
    // Whoever moves a release expects it to go on.
    if let Some(id) = moved {
        host.drive(id);
    }
    Ok(reply)
}

async fn answer(host: &Arc<Host>, caller: &Caller, request: Request) -> Result<Reply, Failure> {
    match request {
        Request::Create(request) => {
            let created = create::create(host, caller, *request).await?;
            host.drive(created.release.id);
            let release = Box::new(created.release);
            Ok(Reply::Created { release, existing: created.existing, warnings: created.warnings })
        }
        Request::Releases { pipeline, active } => {
            release::list(host, pipeline, active).await.map(Reply::Releases)
        }
        Request::Release(reference) => {
            release::get(host, &reference).await.map(|detail| Reply::Release(Box::new(detail)))
        }
        Request::Follow { release, events, lines, wait_ms, drive } => {
            if drive {
                host.drive(release);
            }
            let wait = Duration::from_millis(wait_ms);
            release::follow(host, release, events, lines, wait).await.map(|news| Reply::News(Box::new(news)))
        }
        Request::Logs { release, since } => {
            let row = find::release(host, &release).await?;
            Ok(Reply::Logs(host.store.read().logs(row.id, since).await?))
        }
        Request::Journal(reference) => run::journal(host, &reference).await.map(Reply::Journal),
        Request::Replay(reference) => run::replay(host, &reference).await.map(Reply::Replayed),
        Request::Promote { release, stage } => {
            release::promote(host, caller, &release, stage).await.map(Reply::Done)
        }
        Request::Redeploy { release, stage, artifacts } => {
            release::redeploy(host, caller, &release, stage, artifacts).await.map(Reply::Done)
        }
        Request::Retry { release, stage } => {
            repair::retry(host, caller, &release, stage).await.map(Reply::Done)
        }
        Request::Cancel { release, reason } => {
            release::cancel(host, caller, &release, reason).await.map(Reply::Done)
        }
        Request::Attest { release, stage, ordinal, answer, reason } => {
            let attested = (ordinal, *answer, reason);
            repair::attest(host, caller, &release, stage, attested).await.map(Reply::Done)
        }
        Request::Abort { release, stage, reason } => {
            repair::abort(host, caller, &release, stage, reason).await.map(Reply::Done)
        }
        Request::Approvals { open, release } => {
            approval::list(host, open, release.as_ref()).await.map(Reply::Approvals)
        }
        Request::Approval(id) => approval::get(host, id).await.map(|view| Reply::Approval(Box::new(view))),
        Request::Decide { approval, approve, comment, content } => {
            let ballot = Ballot { approval, approve, comment, content, attempt: None };
            approval::decide(host, caller, ballot).await.map(|view| Reply::Decided(Box::new(view)))
        }
        Request::Reassign { approval, to, comment } => {
            let view = approval::reassign(host, caller, approval, &to, &comment).await?;
            Ok(Reply::Approval(Box::new(view)))
        }
        Request::Environments => environment::list(host).await.map(Reply::Environments),
        Request::Cleanup { environment, mode, namespace } => {
            environment::cleanup(host, caller, &environment, mode, namespace).await.map(Reply::Removed)
        }
    }
}
