//! Applies a set of manifests: everything is checked before anything is changed.
//!
//! Read, put in images, confine, resolve kinds, ask for rights, leave out what is already so, dry-run every object on the
//! server, and only then apply, wave after wave. Server-side apply under one field manager, so a repeated apply of the
//! same set changes nothing, and a kill in the middle is mended by doing it again.

pub(crate) mod access;
mod check;
mod conflict;
pub(crate) mod failure;
mod migrate;
mod one;
mod owner;
mod plan;
mod pull_secret;
mod scale;
pub mod secret;
mod standing;
mod wave;

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use relhost_engine::port::Progress;
use relhost_engine::port::cluster::ApplyRequest;
use relhost_model::call::{AppliedObject, CallError, Change, Deployed, LogLevel, LogLine};

use crate::client::Connection;
use crate::object::Object;
use crate::policy::{self, Rules};
use crate::{inject, manifest};
use plan::Planned;

/// Requests in flight at once: enough to hide the latency of a far server, few enough for a small one.
const IN_FLIGHT: usize = 16;

/// Reads the manifests and makes the objects what they are to be. Needs no cluster.
///
/// # Errors
/// If a manifest is wrong, an image matches nothing, or an object is not allowed.
pub(crate) fn prepare(request: &ApplyRequest, rules: Rules<'_>) -> Result<Vec<Object>, CallError> {
    let mut objects = manifest::read(&request.manifests)?;
    inject::images(&mut objects, &request.images)?;
    inject::pull_secrets(&mut objects, &request.pull_secrets);
    policy::confine(&mut objects, rules)?;
    Ok(objects)
}

/// Applies everything, or nothing if any object's dry run fails.
///
/// # Errors
/// The first failure with all others in its details. If a wave fails after the dry run, what was applied
/// before it stays, and the error says what that is.
pub async fn run(
    connection: &Connection,
    rules: Rules<'_>,
    request: &ApplyRequest,
    progress: &dyn Progress,
) -> Result<Deployed, CallError> {
    let objects = prepare(request, rules)?;
    let mut planned = plan::resolve(connection, objects, rules).await?;
    let mut warnings = access::check(connection, &planned).await?;
    pull_secret::check(connection, &request.pull_secrets, &planned).await?;
    scale::keep(connection, &mut planned).await?;
    standing::find(connection, &mut planned).await;
    planned.sort_by_key(|object| object.wave);
    check::first(connection, &mut planned).await?;

    let mut applied: Vec<AppliedObject> = Vec::new();
    let made = waves(connection, rules, &mut planned, &mut applied, progress).await;
    made.map_err(|error| partly(error, &applied))?;
    warnings.extend(planned.into_iter().flat_map(|object| object.notes));
    warnings.sort();
    warnings.dedup();
    for warning in &warnings {
        say(progress, LogLevel::Warn, warning);
    }
    Ok(Deployed { id: request.key.hex(), objects: applied, warnings })
}

/// Applies wave after wave. What could not be checked before is checked as soon as it can be.
async fn waves(
    connection: &Connection,
    rules: Rules<'_>,
    planned: &mut [Planned],
    applied: &mut Vec<AppliedObject>,
    progress: &dyn Progress,
) -> Result<(), CallError> {
    let last = planned.last().map_or(0, |object| object.wave);
    for wave in 0..=last {
        if wave == wave::DEFINITIONS + 1 {
            plan::resolve_deferred(connection, planned, rules).await?;
            check::defined(connection, planned).await?;
        }
        let begin = planned.partition_point(|object| object.wave < wave);
        let end = planned.partition_point(|object| object.wave <= wave);
        let objects = &mut planned[begin..end];
        check::last(connection, objects).await?;
        let results = apply_wave(connection, objects, progress).await;
        applied.extend(results.done);
        if !results.failed.is_empty() {
            return Err(failure::all(results.failed));
        }
        one::settle(connection, objects).await?;
    }
    Ok(())
}

struct Wave {
    done: Vec<AppliedObject>,
    failed: Vec<CallError>,
}

async fn apply_wave(connection: &Connection, objects: &mut [Planned], progress: &dyn Progress) -> Wave {
    let mut wave = Wave { done: Vec::new(), failed: Vec::new() };
    let applying: Vec<_> = objects.iter_mut().map(|object| one::apply(connection, object).boxed()).collect();
    let mut results = stream::iter(applying).buffered(IN_FLIGHT);
    while let Some(result) = results.next().await {
        match result {
            Ok(applied) => {
                let text = format!("{}/{} {}", applied.kind, applied.name, word(applied.change));
                say(progress, LogLevel::Info, &text);
                progress.applied(&applied);
                wave.done.push(applied);
            }
            Err(error) => wave.failed.push(error),
        }
    }
    wave
}

fn partly(error: CallError, applied: &[AppliedObject]) -> CallError {
    if applied.is_empty() {
        return error;
    }
    let names: Vec<String> =
        applied.iter().map(|object| format!("{}/{}", object.kind, object.name)).collect();
    error.with("applied before it failed", names.join(", "))
}

/// What a change is called in progress lines.
pub(crate) fn word(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Configured => "configured",
        Change::Unchanged => "unchanged",
    }
}

/// Tells whoever follows.
pub(crate) fn say(progress: &dyn Progress, level: LogLevel, text: &str) {
    progress.line(LogLine { level, source: "host".into(), message: text.into(), fields: Vec::new() });
}
