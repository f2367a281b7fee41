//! One object: its dry run, its apply, and what must be settled before the next wave.

use std::time::Duration;

use relhost_model::call::{AppliedObject, CallError, Change};
use serde_json::Value;

use super::plan::Planned;
use super::{conflict, failure, migrate, wave};
use crate::client::{ApiError, Apply, Connection, Response};

/// How often a conflict is settled for one object. Each round settles every field that the server names, so
/// a second one means that somebody changed the object meanwhile.
const ROUNDS_MAX: u32 = 3;
/// How long a definition may take to be served, or a namespace to be there.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at it.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

/// Asks what an apply would do; conflicts over fields are settled as the rules say.
pub(super) async fn dry_run(connection: &Connection, planned: &mut Planned) -> Result<(), CallError> {
    let response = send(connection, planned, true).await?;
    // A dry run stores nothing, so an object that is there comes back with the version it has.
    planned.before = match response.status {
        201 => None,
        _ => text(&response.body, "resourceVersion"),
    };
    let title = planned.object.title();
    for warning in response.warnings {
        planned.note(format!("{title}: {warning}"));
    }
    Ok(())
}

/// Applies, and says what that changed.
pub(super) async fn apply(
    connection: &Connection,
    planned: &mut Planned,
) -> Result<AppliedObject, CallError> {
    let mut response = send(connection, planned, false).await?;
    let created = response.status == 201;
    if let Some(again) = migrate::from_client_side(connection, planned, &response.body).await? {
        response = again;
    }
    let after = text(&response.body, "resourceVersion");
    let change = match () {
        () if created => Change::Created,
        () if after == planned.before => Change::Unchanged,
        () => Change::Configured,
    };
    Ok(AppliedObject {
        api_version: planned.object.api_version().to_owned(),
        kind: planned.object.kind().to_owned(),
        name: planned.object.name().to_owned(),
        change,
        generation: response.body["metadata"]["generation"].as_i64(),
        uid: text(&response.body, "uid"),
    })
}

async fn send(connection: &Connection, planned: &mut Planned, dry_run: bool) -> Result<Response, CallError> {
    let kind = planned.reached_by()?;
    for _ in 0..ROUNDS_MAX {
        let how = Apply { force: planned.force, dry_run };
        match connection.apply(&kind, &planned.object.body, how).await {
            Err(ApiError::Status { code: 409, causes, .. }) if conflict::over_fields(&causes) => {
                conflict::settle(connection, &kind, planned, &causes).await?;
            }
            other => return other.map_err(|error| failure::of(connection, planned, &error)),
        }
    }
    let text = format!("{} changes without pause", planned.object.title());
    Err(CallError::transient("conflict", text).with("help", "see what else writes to it"))
}

fn text(object: &Value, field: &str) -> Option<String> {
    object["metadata"][field].as_str().map(str::to_owned)
}

/// Waits until what this wave defines can be used by the next one.
pub(super) async fn settle(connection: &Connection, planned: &[Planned]) -> Result<(), CallError> {
    let mut defined = false;
    for planned in planned.iter().filter(|planned| planned.wave == wave::DEFINITIONS) {
        let usable: fn(&Value) -> bool = match planned.object.kind() {
            "Namespace" => |object| object["status"]["phase"] == "Active",
            "CustomResourceDefinition" => established,
            _ => continue,
        };
        defined |= planned.object.kind() == "CustomResourceDefinition";
        let kind = planned.reached_by()?;
        let name = planned.object.name();
        let look = async {
            loop {
                match connection.get(&kind, name).await {
                    Ok(Some(object)) if usable(&object) => return Ok(()),
                    Ok(_) => tokio::time::sleep(SETTLE_PAUSE).await,
                    Err(error) => return Err(failure::of(connection, planned, &error)),
                }
            }
        };
        tokio::time::timeout(SETTLE_LIMIT, look).await.unwrap_or_else(|_| {
            let seconds = SETTLE_LIMIT.as_secs();
            let text = format!("{} is not usable after {seconds} s", planned.object.title());
            Err(CallError::transient("timeout", text))
        })?;
    }
    if defined {
        connection.forget_kinds();
    }
    Ok(())
}

fn established(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    })
}
