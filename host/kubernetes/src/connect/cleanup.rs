//! Removes what was applied, the last wave first, and nothing else.

use std::time::Duration;

use relhost_engine::port::Progress;
use relhost_engine::port::cluster::CleanupRequest;
use relhost_model::call::{AppliedObject, CallError, LogLevel};

use crate::apply::say;
use crate::client::{ApiError, Connection, Kind};

/// How long it is waited for that an object is really gone; finalizers may take longer, which is said.
const GONE_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at it.
const GONE_PAUSE: Duration = Duration::from_millis(250);

/// Removes the objects, or the namespace with everything in it.
///
/// # Errors
/// If the cluster refuses one; those before it are gone.
pub(super) async fn run(
    connection: &Connection,
    request: &CleanupRequest,
    progress: &dyn Progress,
) -> Result<Vec<String>, CallError> {
    match request {
        CleanupRequest::Objects(objects) => remove_objects(connection, objects, progress).await,
        CleanupRequest::Namespace => {
            let kind = Kind::namespaces();
            let name = connection.namespace().to_owned();
            let object = (kind, name.clone(), None);
            let removed = remove(connection, &object, progress).await?;
            Ok(removed.into_iter().map(|()| format!("Namespace/{name}")).collect())
        }
    }
}

async fn remove_objects(
    connection: &Connection,
    objects: &[AppliedObject],
    progress: &dyn Progress,
) -> Result<Vec<String>, CallError> {
    let mut removed = Vec::new();
    for object in objects.iter().rev() {
        let title = format!("{}/{}", object.kind, object.name);
        let kind = match connection.kind(&object.api_version, &object.kind).await {
            Ok(kind) => kind,
            // With its definition went the object.
            Err(ApiError::NotServed { .. }) => continue,
            Err(error) => return Err(error.at(connection.cluster(), &format!("delete {title}"))),
        };
        let object = (kind, object.name.clone(), object.uid.clone());
        if remove(connection, &object, progress).await?.is_some() {
            removed.push(title);
        }
    }
    Ok(removed)
}

/// Deletes one object and waits until it is gone; `None` if it was not there.
async fn remove(
    connection: &Connection,
    (kind, name, uid): &(Kind, String, Option<String>),
    progress: &dyn Progress,
) -> Result<Option<()>, CallError> {
    let title = format!("{}/{name}", kind.kind);
    let told = |error: ApiError| error.at(connection.cluster(), &format!("delete {title}"));
    if !connection.delete(kind, name, uid.as_deref()).await.map_err(told)? {
        say(progress, LogLevel::Info, &format!("{title} was not there"));
        return Ok(None);
    }
    let gone = async {
        loop {
            match connection.get(kind, name).await {
                Ok(None) => return Ok(true),
                Ok(Some(other)) if uid.is_some() && other["metadata"]["uid"].as_str() != uid.as_deref() => {
                    return Ok(true);
                }
                // Nobody needs the right to read in order to delete.
                Err(ApiError::Status { code: 403, .. }) => return Ok(true),
                Ok(Some(_)) => tokio::time::sleep(GONE_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    };
    let gone = tokio::time::timeout(GONE_LIMIT, gone).await.unwrap_or(Ok(false)).map_err(told)?;
    let text = if gone { "removed" } else { "is being removed: a finalizer holds it" };
    say(progress, LogLevel::Info, &format!("{title} {text}"));
    Ok(Some(()))
}
