//! Finds what people name.

use relhost_engine::port::store::{ReleaseFilter, ReleaseRow, Store as _};
use relhost_model::id::{ReleaseId, StageName};

use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::ReleaseRef;

/// How far back a release is looked for by name.
const NAMES_MAX: u32 = 1000;

/// Finds a release by id (`rel-7` or `7`), by name (alone or as `pipeline/name`), or `latest`.
///
/// # Errors
/// If there is none, or several have the name.
pub async fn release(host: &Host, reference: &ReleaseRef) -> Result<ReleaseRow, Failure> {
    let text = reference.0.as_str();
    let unknown = || {
        Failure::new(Exit::Invalid, "unknown-release", format!("there is no release `{text}`"))
            .help("`relhost release list` shows them; `latest` is the newest")
    };
    // The number alone is what JSON shows.
    if let Some(id) = text.parse().ok().or_else(|| text.parse().ok().map(ReleaseId)) {
        return host.store.read().release(id).await?.ok_or_else(unknown);
    }
    let filter = ReleaseFilter { limit: NAMES_MAX, ..ReleaseFilter::default() };
    let found = host.store.read().releases(filter).await?;
    let (rows, damaged) = (found.rows, found.damaged);
    let unknown = || damaged.first().map_or_else(unknown, |problem| unreadable(text, problem));
    if text == "latest" {
        // One that cannot be read may be newer.
        return if damaged.is_empty() { rows.into_iter().next().ok_or_else(unknown) } else { Err(unknown()) };
    }
    let (pipeline, name) = match text.rsplit_once('/') {
        Some((pipeline, name)) => (Some(pipeline), name),
        None => (None, text),
    };
    let mut named: Vec<ReleaseRow> = rows
        .into_iter()
        .filter(|row| row.name == name && pipeline.is_none_or(|pipeline| row.pipeline.as_str() == pipeline))
        .collect();
    match named.len() {
        0 => Err(unknown()),
        1 => Ok(named.remove(0)),
        _ => {
            let ids: Vec<String> = named.iter().map(|row| format!("{} ({})", row.id, row.pipeline)).collect();
            Err(Failure::new(Exit::Invalid, "ambiguous", format!("several releases are called `{text}`"))
                .help(format!("name one by id: {}", ids.join(", "))))
        }
    }
}

/// The release may be the one that cannot be read.
fn unreadable(text: &str, problem: &str) -> Failure {
    Failure::new(Exit::Unexpected, "storage-damaged", format!("find the release `{text}`: {problem}"))
        .help("name the release by its id: rel-7")
}

/// Checks that a release has a stage.
///
/// # Errors
/// If it has not; the help names those it has.
pub fn stage(row: &ReleaseRow, stage: &StageName) -> Result<(), Failure> {
    if row.summary.stages.iter().any(|summary| summary.stage == *stage) {
        return Ok(());
    }
    let known: Vec<&str> = row.summary.stages.iter().map(|summary| summary.stage.as_str()).collect();
    Err(Failure::new(Exit::Invalid, "unknown-stage", format!("{} has no stage `{stage}`", row.name))
        .help(format!("its stages are: {}", known.join(", "))))
}
