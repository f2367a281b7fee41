//! Frames. The table is clustered by (run, position), so the journal of one run lies together however
//! many runs wrote at the same time.
//!
//! Measured with `examples/layout.rs` (1,000 runs that append in turn, 50 frames each, then the journals
//! of 200 random runs read with a cold cache); see the numbers there. A table with row ids takes appends of
//! many runs somewhat faster, but scatters a journal over as many pages as it has frames, and a replay is
//! what people wait for.

use relhost_engine::journal::{self, Frame, Record};
use relhost_engine::port::store::{AppendFrame, StoreError};
use relhost_model::digest::Digest;
use relhost_model::id::RunId;
use relhost_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::column::{digest, int, moment, time, uint};
use super::log;
use super::seal::{self, FRAME};
use crate::fault::{Fault, Outcome};

/// The last frame of a run, without its body.
struct Tail {
    position: u64,
    epoch: u64,
    hash: Digest,
}

fn tail(db: &Connection, run: RunId) -> Outcome<Option<Tail>> {
    let found = db
        .prepare_cached(
            "SELECT position, epoch, hash, seal = seal('frame', run, position, epoch, at, hash) \
             FROM frame WHERE run = ?1 ORDER BY position DESC LIMIT 1",
        )?
        .query_row([int(run.0)?], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, bool>(3)?))
        })
        .optional()?;
    let Some((position, epoch, hash, fits)) = found else { return Ok(None) };
    if !fits {
        return Err(seal::broken(format_args!("frame {position} of {run}")));
    }
    Ok(Some(Tail {
        position: uint(position),
        epoch: uint(epoch),
        hash: digest(format_args!("hash of frame {position} of {run}"), &hash)?,
    }))
}

/// Appends a frame with its log lines.
///
/// Three things must agree with the last frame: the position follows it, `previous` is its hash, and the
/// epoch is its epoch. Whoever misses one of them was replaced, or has read another journal.
pub(crate) fn append(db: &Connection, frame: &AppendFrame) -> Outcome<()> {
    let tail = tail(db, frame.run)?;
    let (position, epoch) = tail.as_ref().map_or((0, 0), |tail| (tail.position + 1, tail.epoch));
    let previous = tail.map(|tail| tail.hash);
    if (frame.position, frame.epoch, frame.previous) != (position, epoch, previous) {
        return Err(Fault::Refused(StoreError::FenceLost { run: frame.run, position: frame.position }));
    }
    let body = journal::encode(&frame.records);
    insert(db, (frame.run, position, epoch), frame.at, (previous, &body))?;
    log::append(db, frame)
}

/// Appends the claim of a new owner. From here on every append of an older one is refused.
pub(crate) fn claim(db: &Connection, run: RunId, owner: String, at: Timestamp) -> Outcome<()> {
    let tail = tail(db, run)?.ok_or_else(|| Fault::damaged(run, "it has no first frame"))?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let body = journal::encode(&[Record::Claim { at, owner, version }]);
    let position = tail.position + 1;
    insert(db, (run, position, position), at, (Some(tail.hash), &body))
}

fn insert(
    db: &Connection,
    (run, position, epoch): (RunId, u64, u64),
    at: Timestamp,
    (previous, body): (Option<Digest>, &[u8]),
) -> Outcome<()> {
    let hash = journal::chain(previous, body);
    db.prepare_cached(
        "INSERT INTO frame (run, position, epoch, at, hash, body, seal) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, seal('frame', ?1, ?2, ?3, ?4, ?5))",
    )?
    .execute((int(run.0)?, int(position)?, int(epoch)?, time(at), hash.0.as_slice(), body))?;
    Ok(())
}

/// A run's journal: dense from position 0, every hash over the one before it and the body as stored.
pub(crate) fn read(db: &Connection, run: RunId) -> Outcome<Vec<Frame>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT position, epoch, at, hash, body, {} FROM frame WHERE run = ?1 ORDER BY position",
        FRAME.fits()
    ))?;
    let mut rows = statement.query([int(run.0)?])?;
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(row) = rows.next()? {
        let position = frames.len() as u64;
        let what = format_args!("frame {position} of {run}");
        if uint(row.get(0)?) != position {
            return Err(Fault::damaged(what, "it is missing"));
        }
        seal::check(row, 5, what)?;
        let body = row.get_ref(4)?.as_blob().map_err(|cause| Fault::damaged(what, cause))?;
        let hash = row.get_ref(3)?.as_blob().map_err(|cause| Fault::damaged(what, cause))?;
        let hash = digest(what, hash)?;
        if hash != journal::chain(frames.last().map(|frame| frame.hash), body) {
            return Err(Fault::damaged(
                what,
                "its hash does not follow from the frame before it and its body",
            ));
        }
        let records = journal::decode(body).map_err(|cause| Fault::damaged(what, explain(&cause)))?;
        let (epoch, at) = (uint(row.get(1)?), moment(row.get(2)?));
        frames.push(Frame { run, position, epoch, records, hash, at, logs: Vec::new() });
    }
    for (position, line) in log::of_run(db, run)? {
        if let Some(frame) = usize::try_from(position).ok().and_then(|index| frames.get_mut(index)) {
            frame.logs.push(line);
        }
    }
    Ok(frames)
}

/// The last frame that is not a claim: how far the run has come, and the ordinal it was at.
pub(crate) fn progress(db: &Connection, run: RunId) -> Outcome<(u64, Option<u32>)> {
    let (position, body): (i64, Vec<u8>) = db
        .prepare_cached(
            "SELECT position, body FROM frame WHERE run = ?1 AND (position <> epoch OR position = 0) \
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row([int(run.0)?], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Fault::damaged(run, "it has no first frame"))?;
    let what = format!("frame {position} of {run}");
    let records = journal::decode(&body).map_err(|cause| Fault::damaged(what, explain(&cause)))?;
    Ok((uint(position), records.iter().rev().find_map(ordinal)))
}

/// Whether the last frame is a claim: its owner has written nothing.
pub(crate) fn ends_with_claim(db: &Connection, run: RunId) -> Outcome<bool> {
    Ok(tail(db, run)?.is_some_and(|tail| tail.position > 0 && tail.position == tail.epoch))
}

fn ordinal(record: &Record) -> Option<u32> {
    match record {
        Record::Intent { ordinal, .. }
        | Record::Outcome { ordinal, .. }
        | Record::WaitOpen { ordinal, .. }
        | Record::WaitDone { ordinal, .. }
        | Record::CancelSeen { ordinal, .. } => Some(*ordinal),
        Record::Start { .. } | Record::Claim { .. } | Record::Complete { .. } => None,
    }
}

fn explain(cause: &journal::DecodeError) -> String {
    match std::error::Error::source(cause) {
        Some(source) => format!("{cause}: {source}"),
        None => cause.to_string(),
    }
}
