//! One object: its dry run, its apply, and what must be settled before the next wave.

use std::time::Duration;

use relhost_model::call::{AppliedObject, CallError, Change};
use relhost_model::time::{Millis, Timestamp};
use serde_json::Value;

use super::plan::Planned;
use super::{conflict, failure, migrate, owner, wave};
use crate::client::{ApiError, Apply, Connection, Response};
use crate::object::Object;

/// How often a conflict is settled for one object. Two rounds settle every field that the server names, unless
/// somebody changes the object meanwhile; the controllers of one that is being rolled out write its status
/// several times a second.
const ROUNDS_MAX: u32 = 20;
/// The precision of the times in managed fields and in answers.
const SECOND: Millis = Millis::from_secs(1);
/// How long a definition may take to be served, or a namespace to be there.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at it.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

/// Asks what an apply would do; conflicts over fields are settled as the rules say.
pub(super) async fn dry_run(connection: &Connection, planned: &mut Planned) -> Result<(), CallError> {
    let response = send(connection, planned, true).await?;
    heed(planned, &response)?;
    planned.asked = true;
    // A dry run stores nothing, so an object that is there comes back with the version it has.
    planned.before = match response.status {
        201 => None,
        _ => text(&response.body, "resourceVersion"),
    };
    Ok(())
}

/// Notes what the server warns of, and refuses an object that is about to go.
fn heed(planned: &mut Planned, response: &Response) -> Result<(), CallError> {
    stays(planned, &response.body)?;
    let title = planned.object.title();
    for warning in &response.warnings {
        let warning = match planned.object.kind() {
            "Secret" => "the server warns of it, in words that may quote it",
            _ => warning,
        };
        planned.note(format!("{title}: {warning}"));
    }
    Ok(())
}

/// An object that is being deleted takes an apply and goes away with it.
fn stays(planned: &Planned, live: &Value) -> Result<(), CallError> {
    if live["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let (title, origin) = (planned.object.title(), &planned.object.origin);
    let holders = live["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let holders: Vec<&str> = holders.iter().filter_map(Value::as_str).collect();
    let text = format!("apply {title} ({origin}): the object of this name is being deleted");
    let error = CallError::transient("object-terminating", text);
    let error = if holders.is_empty() { error } else { error.with("finalizers", holders.join(", ")) };
    Err(error.with("help", "wait until it is gone; what its finalizers name has to let it go"))
}

/// Applies, and says what that changed.
pub(super) async fn apply(
    connection: &Connection,
    planned: &mut Planned,
) -> Result<AppliedObject, CallError> {
    if let Some(live) = &planned.stands {
        return Ok(applied(&planned.object, Change::Unchanged, live));
    }
    let mut response = send(connection, planned, false).await?;
    let created = response.status == 201;
    if migrate::from_client_side(connection, planned, &response.body).await? {
        response = send(connection, planned, false).await?;
    }
    if !planned.asked {
        heed(planned, &response)?;
    }
    let stands = match planned.asked {
        true => text(&response.body, "resourceVersion") == planned.before,
        false => was_written_before(&response),
    };
    let change = match () {
        () if created => Change::Created,
        () if stands => Change::Unchanged,
        () => Change::Configured,
    };
    Ok(applied(&planned.object, change, &response.body))
}

fn applied(object: &Object, change: Change, live: &Value) -> AppliedObject {
    AppliedObject {
        api_version: object.api_version().to_owned(),
        kind: object.kind().to_owned(),
        name: object.name().to_owned(),
        change,
        generation: live["metadata"]["generation"].as_i64(),
        uid: text(live, "uid"),
    }
}

/// Whether what we own of an object is older than the answer: an apply that changes nothing leaves the time at which
/// its manager wrote. Both are whole seconds, so what was written a second ago counts as written now.
fn was_written_before(response: &Response) -> bool {
    let ours = owner::ours(&response.body);
    let written = ours.and_then(|entry| entry["time"].as_str()?.parse::<jiff::Timestamp>().ok());
    let written = written.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    written.zip(response.date).is_some_and(|(written, now)| now.since(Timestamp(written)) > SECOND)
}

async fn send(connection: &Connection, planned: &mut Planned, dry_run: bool) -> Result<Response, CallError> {
    let kind = planned.reached_by()?;
    // What was taken in an earlier request is looked at anew.
    planned.taken = None;
    for _ in 0..ROUNDS_MAX {
        let how = Apply { force: planned.taken.is_some(), dry_run };
        match connection.apply(&kind, &planned.body(), how).await {
            Err(ApiError::Status { code: 409, causes, .. }) if conflict::over_fields(&causes) => {
                conflict::settle(connection, &kind, planned, &causes).await?;
            }
            // Somebody wrote it at the same time.
            Err(error) if error.is(409) => {
                planned.taken = None;
                tokio::time::sleep(SETTLE_PAUSE).await;
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
    for planned in planned.iter().filter(|planned| planned.wave == wave::DEFINITIONS) {
        let usable: fn(&Value) -> bool = match planned.object.kind() {
            "Namespace" => |object| object["status"]["phase"] == "Active",
            "CustomResourceDefinition" => established,
            _ => continue,
        };
        let look = async {
            while !is_usable(connection, planned, usable).await? {
                tokio::time::sleep(SETTLE_PAUSE).await;
            }
            Ok(())
        };
        tokio::time::timeout(SETTLE_LIMIT, look).await.unwrap_or_else(|_| {
            let seconds = SETTLE_LIMIT.as_secs();
            let text = format!("{} is not usable after {seconds} s", planned.object.title());
            Err(CallError::transient("timeout", text))
        })?;
    }
    Ok(())
}

/// Whether it is there as it has to be. A definition that is established may not be served yet.
async fn is_usable(
    connection: &Connection,
    planned: &Planned,
    usable: fn(&Value) -> bool,
) -> Result<bool, CallError> {
    let told = |error: ApiError| failure::of(connection, planned, &error);
    let found = connection.get(&planned.reached_by()?, planned.object.name()).await.map_err(told)?;
    if !found.is_some_and(|object| usable(&object)) {
        return Ok(false);
    }
    if planned.object.kind() != "CustomResourceDefinition" {
        return Ok(true);
    }
    connection.forget_kinds();
    let spec = &planned.object.body["spec"];
    let (group, kind) = (spec["group"].as_str(), spec["names"]["kind"].as_str());
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    for version in versions.iter().filter(|version| version["served"] == true) {
        let version = version["name"].as_str().unwrap_or_default();
        let api_version = format!("{}/{version}", group.unwrap_or_default());
        match connection.kind(&api_version, kind.unwrap_or_default()).await {
            Ok(_) => {}
            Err(ApiError::NotServed { .. }) => return Ok(false),
            Err(error) => return Err(told(error)),
        }
    }
    Ok(true)
}

fn established(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(manager: &str, operation: &str, time: &str, now: u64) -> Response {
        let entry = json!({ "manager": manager, "operation": operation, "time": time });
        let body = json!({ "metadata": { "managedFields": [entry] } });
        Response { status: 200, warnings: Vec::new(), date: Some(Timestamp(now)), body }
    }

    #[test]
    fn what_was_written_long_before_the_answer_is_unchanged() {
        let at = |seconds: u64| {
            was_written_before(&answer("relhost", "Apply", "1970-01-01T00:01:00Z", seconds * 1000))
        };
        assert!(at(62));
        // The same second, or one that may only look like the next.
        assert!(!at(60));
        assert!(!at(61));
    }

    #[test]
    fn only_our_own_apply_counts() {
        let long_ago = "1970-01-01T00:00:00Z";
        assert!(!was_written_before(&answer("kubectl", "Apply", long_ago, 60_000)));
        assert!(!was_written_before(&answer("relhost", "Update", long_ago, 60_000)));
        assert!(!was_written_before(&answer("relhost", "Apply", "soon", 60_000)));
        let undated = Response { date: None, ..answer("relhost", "Apply", long_ago, 60_000) };
        assert!(!was_written_before(&undated));
    }
}
