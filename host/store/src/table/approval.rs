//! Approvals and votes. The version starts at 0 and counts every vote, every reassignment and the end, so
//! that whoever decided from an older state is told to decide again.

use relhost_engine::port::store::{ApprovalRow, Rows};
use relhost_model::approval::{Approval, Approver, Decision, Resolution, Vote};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, ReleaseId};
use relhost_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{int, moment, text, time, uint, value};
use super::seal::{self, APPROVAL, VOTE};
use crate::fault::{Fault, Outcome, add};

const COLUMNS: &str = "id, version, recheck_at, waiting_for, decision, body";

/// Opens an approval.
pub(crate) fn open(db: &Connection, approval: &Approval) -> Outcome<()> {
    let inserted = db
        .prepare_cached(&format!("{} ON CONFLICT (id) DO NOTHING", APPROVAL.insert("INSERT")))?
        .execute((
            int(approval.id.0)?,
            int(approval.release.0)?,
            0,
            time(approval.due_at),
            None::<i64>,
            "",
            None::<String>,
            text(approval),
        ))?;
    match inserted {
        0 => Err(Fault::conflict(approval.id, "it exists")),
        _ => Ok(()),
    }
}

/// Takes the next version of an open approval; refused if it is closed or at another version. Whoever calls
/// it changes the row further and seals it.
fn advance(db: &Connection, approval: ApprovalId, expected: u64) -> Outcome<()> {
    let id = int(approval.0)?;
    APPROVAL.verify(db, "id", [id])?;
    let found: Option<(i64, bool)> = db
        .prepare_cached("SELECT version, decision IS NULL FROM approval WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (version, open) = found.ok_or_else(|| Fault::conflict(approval, "it does not exist"))?;
    if !open {
        return Err(Fault::conflict(approval, "it is closed"));
    }
    if uint(version) != expected {
        return Err(Fault::conflict(approval, format!("it is at version {version} and not {expected}")));
    }
    db.prepare_cached("UPDATE approval SET version = version + 1 WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Adds one person's vote.
pub(crate) fn vote(db: &Connection, approval: ApprovalId, expected: u64, vote: &Vote) -> Outcome<()> {
    advance(db, approval, expected)?;
    APPROVAL.reseal(db, "id", [int(approval.0)?])?;
    let inserted = db
        .prepare_cached(
            "INSERT INTO vote (approval, n, voter, body, seal) \
             SELECT ?1, count(*), ?2, ?3, seal('vote', ?1, count(*), ?2, ?3) FROM vote WHERE approval = ?1 \
             ON CONFLICT (approval, voter) DO NOTHING",
        )?
        .execute((int(approval.0)?, vote.voter.to_string(), text(vote)))?;
    match inserted {
        0 => Err(Fault::conflict(approval, format!("{} has voted", vote.voter))),
        _ => Ok(()),
    }
}

/// Replaces who is asked, and the digest of the policy field that covers the list.
pub(crate) fn reassign(
    db: &Connection,
    approval: ApprovalId,
    expected: u64,
    (approvers, policy): (&[Approver], Digest),
) -> Outcome<()> {
    advance(db, approval, expected)?;
    let id = int(approval.0)?;
    let body: String =
        db.prepare_cached("SELECT body FROM approval WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    let mut content: Approval = value(approval, &body)?;
    content.approvers = approvers.to_vec();
    content.content.policy = policy;
    db.prepare_cached("UPDATE approval SET body = ?2 WHERE id = ?1")?.execute((id, text(&content)))?;
    APPROVAL.reseal(db, "id", [id])
}

/// Sets when to evaluate again. An evaluation that others were quicker than has nothing to say any more.
pub(crate) fn recheck(
    db: &Connection,
    approval: ApprovalId,
    expected: u64,
    (at, waiting_for): (Option<Timestamp>, &str),
) -> Outcome<()> {
    let id = int(approval.0)?;
    if !APPROVAL.verify(db, "id", [id])? {
        return Err(Fault::conflict(approval, "it does not exist"));
    }
    let set = db
        .prepare_cached(
            "UPDATE approval SET recheck_at = ?2, waiting_for = ?3 \
             WHERE id = ?1 AND version = ?4 AND decision IS NULL",
        )?
        .execute((id, at.map(time), waiting_for, int(expected)?))?;
    if set == 0 {
        return Err(Fault::conflict(approval, "it was changed meanwhile"));
    }
    APPROVAL.reseal(db, "id", [id])
}

/// Closes an approval. Nothing is missing any more, and nobody evaluates it again.
pub(crate) fn close(
    db: &Connection,
    approval: ApprovalId,
    expected: u64,
    decision: &Decision,
) -> Outcome<()> {
    advance(db, approval, expected)?;
    db.prepare_cached(
        "UPDATE approval SET decision = ?2, recheck_at = NULL, waiting_for = '' WHERE id = ?1",
    )?
    .execute((int(approval.0)?, text(decision)))?;
    APPROVAL.reseal(db, "id", [int(approval.0)?])
}

/// Ends an approval that nobody decided, whatever its version is. One that is over stays as it is.
pub(crate) fn end(
    db: &Connection,
    approval: ApprovalId,
    (resolution, reason): (Resolution, &str),
    at: Timestamp,
) -> Outcome<()> {
    let found = row(db, approval)?.ok_or_else(|| Fault::conflict(approval, "it does not exist"))?;
    if found.decision.is_some() {
        return Ok(());
    }
    let decision = Decision { resolution, reason: reason.to_owned(), votes: found.votes, at };
    close(db, approval, found.version, &decision)
}

/// One approval's row.
pub(crate) fn row(db: &Connection, approval: ApprovalId) -> Outcome<Option<ApprovalRow>> {
    let sql = format!("SELECT {COLUMNS}, {} FROM approval WHERE id = ?1", APPROVAL.fits());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([int(approval.0)?])?;
    rows.next()?.map(|row| decode(db, row)).transpose()
}

/// Open ones after one, in the order of their end. The index on that order has all that is read.
pub(crate) fn open_after(
    db: &Connection,
    after: Option<(Timestamp, ApprovalId)>,
    limit: u32,
) -> Outcome<Vec<(Timestamp, ApprovalId)>> {
    let (due_at, id) = match after {
        Some((due_at, id)) => (time(due_at), int(id.0)?),
        None => (i64::MIN, i64::MIN),
    };
    let mut statement = db.prepare_cached(
        "SELECT due_at, id FROM approval WHERE decision IS NULL AND (due_at, id) > (?1, ?2) \
         ORDER BY due_at, id LIMIT ?3",
    )?;
    let found = statement
        .query_map((due_at, id, limit), |row| Ok((moment(row.get(0)?), ApprovalId(uint(row.get(1)?)))))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Rows, newest first.
pub(crate) fn list(db: &Connection, open: bool, release: Option<ReleaseId>) -> Outcome<Rows<ApprovalRow>> {
    let open = if open { "decision IS NULL" } else { "true" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, {} FROM approval WHERE {open} AND (?1 IS NULL OR release = ?1) ORDER BY id DESC",
        APPROVAL.fits()
    ))?;
    let mut rows = statement.query([release.map(|release| int(release.0)).transpose()?])?;
    let mut list = Rows::default();
    while let Some(row) = rows.next()? {
        add(&mut list, decode(db, row))?;
    }
    Ok(list)
}

fn decode(db: &Connection, row: &Row<'_>) -> Outcome<ApprovalRow> {
    let id = ApprovalId(uint(row.get(0)?));
    seal::check(row, 6, id)?;
    let decision: Option<String> = row.get(4)?;
    Ok(ApprovalRow {
        approval: value(id, &row.get::<_, String>(5)?)?,
        version: uint(row.get(1)?),
        votes: votes(db, id)?,
        decision: decision.map(|body| value(format_args!("decision of {id}"), &body)).transpose()?,
        recheck_at: row.get::<_, Option<i64>>(2)?.map(moment),
        waiting_for: row.get(3)?,
    })
}

fn votes(db: &Connection, approval: ApprovalId) -> Outcome<Vec<Vote>> {
    let sql = format!("SELECT body, {} FROM vote WHERE approval = ?1 ORDER BY n", VOTE.fits());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([int(approval.0)?])?;
    let mut votes = Vec::new();
    while let Some(row) = rows.next()? {
        let what = format!("a vote of {approval}");
        seal::check(row, 1, &what)?;
        votes.push(value(what, &row.get::<_, String>(0)?)?);
    }
    Ok(votes)
}

/// Open approvals whose expiry or recheck has come, the longest overdue first.
pub(crate) fn due(db: &Connection, at: Timestamp, limit: u32) -> Outcome<Vec<ApprovalId>> {
    let mut statement = db.prepare_cached(
        "SELECT id, min(at) AS first FROM ( \
           SELECT id, due_at AS at FROM approval WHERE decision IS NULL AND due_at <= ?1 \
           UNION ALL \
           SELECT id, recheck_at FROM approval \
           WHERE decision IS NULL AND recheck_at IS NOT NULL AND recheck_at <= ?1 \
         ) GROUP BY id ORDER BY first, id LIMIT ?2",
    )?;
    let rows = statement.query_map((time(at), limit), |row| Ok(ApprovalId(uint(row.get(0)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// When the next open approval after a time expires or is to be evaluated.
pub(crate) fn next(db: &Connection, after: Timestamp) -> Outcome<Option<Timestamp>> {
    Ok(db
        .prepare_cached(
            "SELECT min(at) FROM ( \
               SELECT min(due_at) AS at FROM approval WHERE decision IS NULL AND due_at > ?1 \
               UNION ALL \
               SELECT min(recheck_at) FROM approval \
               WHERE decision IS NULL AND recheck_at IS NOT NULL AND recheck_at > ?1)",
        )?
        .query_row([time(after)], |row| Ok(row.get::<_, Option<i64>>(0)?.map(moment)))?)
}
