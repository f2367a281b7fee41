//! Applies a set of manifests: everything is checked before anything is changed.
//!
//! Read, put in images, confine, resolve kinds, ask for rights, dry-run every object on the server, and only
//! then apply, wave after wave. Server-side apply under one field manager, so a repeated apply of the same
//! set changes nothing, and a kill in the middle is mended by doing it again.

mod access;
mod conflict;
mod failure;
mod migrate;
mod one;
mod plan;
mod pull_secret;
pub mod secret;
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
    pull_secret::check(connection, &request.pull_secrets).await?;
    dry_run(connection, &mut planned, |object| !object.deferred).await?;
    planned.sort_by_key(|object| object.wave);

    let mut applied: Vec<AppliedObject> = Vec::new();
    let last = planned.last().map_or(0, |object| object.wave);
    for wave in 0..=last {
        let begin = planned.partition_point(|object| object.wave < wave);
        let end = planned.partition_point(|object| object.wave <= wave);
        if begin == end {
            continue;
        }
        let objects = &mut planned[begin..end];
        if objects.iter().any(|object| object.deferred) {
            plan::resolve_deferred(connection, objects, rules).await?;
            dry_run(connection, objects, |object| object.deferred).await?;
        }
        let results = apply_wave(connection, objects, progress).await;
        applied.extend(results.done);
        if !results.failed.is_empty() {
            return Err(partly(failure::all(results.failed), &applied));
        }
        one::settle(connection, objects).await?;
    }
    warnings.extend(planned.into_iter().flat_map(|object| object.notes));
    warnings.sort();
    warnings.dedup();
    for warning in &warnings {
        say(progress, LogLevel::Warn, warning);
    }
    Ok(Deployed { id: request.key.hex(), objects: applied, warnings })
}

/// Asks the server about every object that `which` names.
async fn dry_run(
    connection: &Connection,
    planned: &mut [Planned],
    which: impl Fn(&Planned) -> bool,
) -> Result<(), CallError> {
    let asked = planned.iter_mut().filter(|object| which(object));
    let asked: Vec<_> = asked.map(|object| one::dry_run(connection, object).boxed()).collect();
    let results: Vec<Result<(), CallError>> = stream::iter(asked).buffered(IN_FLIGHT).collect().await;
    let failed: Vec<CallError> = results.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failure::all(failed)) }
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
