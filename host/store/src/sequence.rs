//! Ids. They are handed out from memory; every transaction that may use one also stores how far the
//! counters have come, so an id that was ever durable is never handed out again. One that was handed out
//! and never committed left no trace, and may come again after a restart.

use std::sync::atomic::{AtomicU64, Ordering};

use relhost_engine::event::Event;
use relhost_engine::port::store::{Change, Commit, Sequence};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Outcome;
use crate::table::column::{int, uint};
use crate::table::seal::SEQUENCE;

/// The counters with the names of their rows and the greatest id of the tables they number.
const COUNTERS: [(&str, &str); 4] = [
    ("release", "SELECT coalesce(max(id), 0) FROM release"),
    (
        "deployment",
        "SELECT max(coalesce((SELECT max(deployment) FROM run), 0), \
         coalesce((SELECT max(deployment) FROM queue), 0))",
    ),
    ("run", "SELECT coalesce(max(id), 0) FROM run"),
    ("approval", "SELECT coalesce(max(id), 0) FROM approval"),
];

/// The last id handed out of each sequence.
pub(crate) type Marks = [u64; COUNTERS.len()];

/// The counters of one store.
#[derive(Debug)]
pub(crate) struct Sequences([AtomicU64; COUNTERS.len()]);

fn slot(sequence: Sequence) -> usize {
    match sequence {
        Sequence::Release => 0,
        Sequence::Deployment => 1,
        Sequence::Run => 2,
        Sequence::Approval => 3,
    }
}

impl Sequences {
    /// Goes on after whatever was durable. A counter that is damaged or gone is counted again.
    pub(crate) fn load(db: &Connection) -> Outcome<Self> {
        let mut marks: Marks = [0; COUNTERS.len()];
        let sql = format!("SELECT high FROM sequence WHERE name = ?1 AND {}", SEQUENCE.fits());
        for (mark, (name, greatest)) in marks.iter_mut().zip(COUNTERS) {
            let high = db.query_row(&sql, [name], |row| row.get(0)).optional()?;
            let used: i64 = db.query_row(greatest, [], |row| row.get(0))?;
            *mark = uint(match high {
                Some(high) => used.max(high),
                None if name == "deployment" => used.max(requested(db)?),
                None => used,
            });
        }
        Ok(Self(marks.map(AtomicU64::new)))
    }

    /// The next id, from 1.
    pub(crate) fn next(&self, sequence: Sequence) -> u64 {
        self.0[slot(sequence)].fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How far the counters have come.
    pub(crate) fn marks(&self) -> Marks {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }

    /// Counts the ids that a commit brings along, for the caller who numbers by hand (an import, a test).
    pub(crate) fn cover(&self, commit: &Commit) {
        for change in &commit.changes {
            match change {
                Change::CreateRelease { id, .. } => self.raise(Sequence::Release, id.0),
                Change::CreateRun(new) => {
                    self.raise(Sequence::Run, new.id.0);
                    self.raise(Sequence::Deployment, new.deployment.0);
                }
                Change::OpenApproval(approval) => self.raise(Sequence::Approval, approval.id.0),
                _ => {}
            }
        }
        for event in commit.events.iter().flat_map(|events| &events.events) {
            if let Event::DeploymentRequested { deployment, .. } = event {
                self.raise(Sequence::Deployment, deployment.0);
            }
        }
    }

    fn raise(&self, sequence: Sequence, id: u64) {
        self.0[slot(sequence)].fetch_max(id, Ordering::Relaxed);
    }
}

/// The greatest deployment that was ever requested: one that waited for people and never ran is in the events
/// of its release only. Reads them all.
fn requested(db: &Connection) -> Outcome<i64> {
    let mut statement = db.prepare("SELECT body FROM event")?;
    let mut rows = statement.query([])?;
    let mut greatest = 0;
    while let Some(row) = rows.next()? {
        let event: Option<Event> =
            row.get_ref(0)?.as_str().ok().and_then(|body| serde_json::from_str(body).ok());
        if let Some(Event::DeploymentRequested { deployment, .. }) = event {
            greatest = greatest.max(int(deployment.0)?);
        }
    }
    Ok(greatest)
}

/// Stores the counters that moved since `stored`.
pub(crate) fn store(db: &Connection, stored: &Marks, marks: &Marks) -> Outcome<()> {
    for ((name, _), (before, now)) in COUNTERS.iter().zip(stored.iter().zip(marks)) {
        if before != now {
            db.prepare_cached(&SEQUENCE.insert("INSERT OR REPLACE"))?.execute((name, int(*now)?))?;
        }
    }
    Ok(())
}
