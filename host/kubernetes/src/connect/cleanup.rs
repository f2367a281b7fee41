//! Removes what was applied, the last wave first, and nothing else.

use std::time::Duration;

use relhost_engine::port::Progress;
use relhost_engine::port::cluster::CleanupRequest;
use relhost_model::call::{AppliedObject, CallError, LogLevel};
use serde_json::Value;

use crate::apply::{access, failure, say};
use crate::client::{ApiError, Connection, Kind, MANAGER};
use crate::status::field::{list, text};

/// How long it is waited for that an object is really gone; finalizers may take longer, which is said.
const GONE_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at it.
const GONE_PAUSE: Duration = Duration::from_millis(250);

/// Removes the objects, or the namespace with everything in it. Missing rights are said before anything is
/// removed.
///
/// # Errors
/// What the cluster refuses, after everything else is gone.
pub(super) async fn run(
    connection: &Connection,
    request: &CleanupRequest,
    progress: &dyn Progress,
) -> Result<Vec<String>, CallError> {
    let found = match request {
        CleanupRequest::Objects(objects) => find(connection, objects, progress).await?,
        CleanupRequest::Namespace => {
            vec![Found { kind: Kind::namespaces(), name: connection.namespace().to_owned(), uid: None }]
        }
    };
    let named: Vec<(Kind, String)> = found.iter().map(|it| (it.kind.clone(), it.name.clone())).collect();
    access::check_delete(connection, &named).await?;
    let (mut removed, mut failed) = (Vec::new(), Vec::new());
    for object in found {
        match remove(connection, &object, progress).await {
            Ok(Some(())) => removed.push(object.title()),
            Ok(None) => {}
            Err(error) => failed.push(error),
        }
    }
    match failed.is_empty() {
        true => Ok(removed),
        false if removed.is_empty() => Err(failure::all(failed)),
        false => Err(failure::all(failed).with("removed all the same", removed.join(", "))),
    }
}

/// What is to be removed.
struct Found {
    kind: Kind,
    name: String,
    uid: Option<String>,
}

impl Found {
    fn title(&self) -> String {
        format!("{}/{}", self.kind.kind, self.name)
    }
}

/// The objects that are there and are ours, the last wave first.
async fn find(
    connection: &Connection,
    objects: &[AppliedObject],
    progress: &dyn Progress,
) -> Result<Vec<Found>, CallError> {
    let mut found = Vec::new();
    for object in objects.iter().rev() {
        let (title, name) = (format!("{}/{}", object.kind, object.name), object.name.clone());
        let told = |error: ApiError| error.at(connection.cluster(), &format!("delete {title}"));
        let kind = match connection.kind(&object.api_version, &object.kind).await {
            Ok(kind) => kind,
            // With its definition went the object.
            Err(ApiError::NotServed { .. }) => continue,
            Err(error) => return Err(told(error)),
        };
        let uid = match &object.uid {
            Some(uid) => uid.clone(),
            None => match connection.get(&kind, &name).await.map_err(told)? {
                None => continue,
                Some(live) if is_ours(&live) => text(&live, "/metadata/uid").to_owned(),
                Some(_) => {
                    say(progress, LogLevel::Warn, &format!("{title} is left: relhost did not apply it"));
                    continue;
                }
            },
        };
        found.push(Found { kind, name, uid: Some(uid) });
    }
    Ok(found)
}

/// Whether relhost keeps fields of an object.
fn is_ours(object: &Value) -> bool {
    let managers = list(object, "/metadata/managedFields");
    managers.iter().any(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply")
}

/// Deletes one object and waits until it is gone; `None` if it was not there.
async fn remove(
    connection: &Connection,
    object: &Found,
    progress: &dyn Progress,
) -> Result<Option<()>, CallError> {
    let (Found { kind, name, uid }, title) = (object, object.title());
    let told = |error: ApiError| error.at(connection.cluster(), &format!("delete {title}"));
    let deleted = match connection.delete(kind, name, uid.as_deref()).await {
        // Somebody deletes it already.
        Err(error) if error.is(409) => match connection.get(kind, name).await.map_err(told)? {
            Some(live) if live.pointer("/metadata/deletionTimestamp").is_some() => true,
            Some(_) => return Err(told(error)),
            None => false,
        },
        deleted => deleted.map_err(told)?,
    };
    if !deleted {
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
