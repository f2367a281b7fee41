//! Who holds an environment and who waits for it, kept from the summaries of releases.

use relhost_engine::port::store::{QueueEntry, ReleaseSummary, StageState, StageSummary};
use relhost_model::id::{DeploymentId, EnvironmentName, ReleaseId};
use relhost_model::release::Mode;
use rusqlite::{Connection, OptionalExtension};

use super::column::{int, mode_word, uint};
use super::seal::{self, QUEUE};
use crate::fault::{Fault, Outcome};

/// Whether a stage holds its environment; `None` if it does not even wait for it.
fn holds(state: &StageState) -> Option<bool> {
    match state {
        StageState::NotStarted | StageState::Manual | StageState::Finished(_) => None,
        StageState::Queued => Some(false),
        StageState::AwaitingBefore(_)
        | StageState::Running(_)
        | StageState::AwaitingCall(_)
        | StageState::AwaitingAfter(_)
        | StageState::Quarantined(_) => Some(true),
    }
}

/// Brings the queue up to a release's new summary. A deployment keeps its place for as long as it is in
/// the queue. Refused if it takes an environment that another one holds.
pub(crate) fn update(
    db: &Connection,
    release: ReleaseId,
    mode: Mode,
    summary: &ReleaseSummary,
) -> Outcome<()> {
    let present: Vec<(&StageSummary, DeploymentId, bool)> = summary
        .stages
        .iter()
        .filter_map(|stage| Some((stage, stage.deployment?, holds(&stage.state)?)))
        .collect();
    for gone in stored(db, release)?.iter().filter(|id| !present.iter().any(|(_, kept, _)| kept == *id)) {
        db.prepare_cached("DELETE FROM queue WHERE deployment = ?1")?.execute([int(gone.0)?])?;
    }
    for (stage, deployment, active) in present {
        if active
            && let Some(holder) = holder(db, &stage.environment, mode)?
            && holder != deployment
        {
            return Err(Fault::conflict(&stage.environment, format!("{holder} holds it")));
        }
        QUEUE.verify(db, "deployment", [int(deployment.0)?])?;
        let sql = format!(
            "{} ON CONFLICT (deployment) DO UPDATE SET active = excluded.active, \
             seal = seal('queue', environment, mode, release, deployment, excluded.active)",
            QUEUE.insert("INSERT")
        );
        db.prepare_cached(&sql)?.execute((
            stage.environment.as_str(),
            mode_word(mode),
            int(release.0)?,
            int(deployment.0)?,
            active,
        ))?;
    }
    Ok(())
}

fn stored(db: &Connection, release: ReleaseId) -> Outcome<Vec<DeploymentId>> {
    let mut statement = db.prepare_cached("SELECT deployment FROM queue WHERE release = ?1")?;
    let rows = statement.query_map([int(release.0)?], |row| Ok(DeploymentId(uint(row.get(0)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn holder(db: &Connection, environment: &EnvironmentName, mode: Mode) -> Outcome<Option<DeploymentId>> {
    Ok(db
        .prepare_cached("SELECT deployment FROM queue WHERE environment = ?1 AND mode = ?2 AND active = 1")?
        .query_row((environment.as_str(), mode_word(mode)), |row| Ok(DeploymentId(uint(row.get(0)?))))
        .optional()?)
}

/// The queue of an environment: its holder, then those that wait, oldest first. Whoever cannot be read may be
/// the holder, so nobody gets the environment past a damaged row.
pub(crate) fn read(db: &Connection, environment: &EnvironmentName, mode: Mode) -> Outcome<Vec<QueueEntry>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT release, deployment, active, {}, {} FROM queue WHERE environment = ?1 AND mode = ?2 \
         ORDER BY active DESC, place",
        QUEUE.fits(),
        QUEUE.name
    ))?;
    let mut rows = statement.query((environment.as_str(), mode_word(mode)))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        seal::check(row, 3, row.get::<_, String>(4)?)?;
        entries.push(QueueEntry {
            release: ReleaseId(uint(row.get(0)?)),
            deployment: DeploymentId(uint(row.get(1)?)),
            active: row.get(2)?,
        });
    }
    Ok(entries)
}
