//! One commit, inside a savepoint of the writer.

use relhost_engine::port::store::{Change, Commit};
use rusqlite::Connection;

use crate::fault::{Fault, Outcome};
use crate::table::applied::{self, Place};
use crate::table::run::Transition;
use crate::table::{approval, blob, command, frame, log, release, run};

/// Applies everything or returns why not; the caller undoes what was done before it failed.
///
/// New releases and runs come first, because the frame and the events refer to them. The frame comes
/// before everything else: an owner that was replaced is told so, whatever else does not hold.
pub(crate) fn apply(db: &Connection, commit: &Commit) -> Outcome<()> {
    for change in &commit.changes {
        create(db, commit, change)?;
    }
    if let Some(append) = &commit.frame {
        frame::append(db, append)?;
    }
    if let Some(append) = &commit.events {
        release::append(db, append)?;
    }
    for change in &commit.changes {
        alter(db, change)?;
    }
    Ok(())
}

fn create(db: &Connection, commit: &Commit, change: &Change) -> Outcome<()> {
    match change {
        Change::CreateRelease { id, snapshot, counter } => release::create(db, *id, snapshot, *counter),
        Change::CreateRun(new) => {
            let starts = commit.frame.as_ref().is_some_and(|f| f.run == new.id && f.position == 0);
            if !starts {
                return Err(Fault::conflict(new.id, "its first frame is not part of the commit"));
            }
            run::create(db, new)
        }
        _ => Ok(()),
    }
}

fn alter(db: &Connection, change: &Change) -> Outcome<()> {
    match change {
        Change::CreateRelease { .. } | Change::CreateRun(_) => Ok(()),
        Change::SetRun { run, from, to, due_at, problem } => run::transition(
            db,
            &Transition { run: *run, from, to: *to, due_at: *due_at, problem: problem.as_deref() },
        ),
        Change::CancelRun { run } => run::cancel(db, *run),
        Change::OpenApproval(new) => approval::open(db, new),
        Change::AddVote { approval, expected, vote } => approval::vote(db, *approval, *expected, vote),
        Change::Reassign { approval, expected, approvers, policy } => {
            approval::reassign(db, *approval, *expected, (approvers, *policy))
        }
        Change::Recheck { approval, expected, at, waiting_for } => {
            approval::recheck(db, *approval, *expected, (*at, waiting_for))
        }
        Change::CloseApproval { approval, expected, decision } => {
            approval::close(db, *approval, *expected, decision)
        }
        Change::EndApproval { approval, resolution, reason, at } => {
            approval::end(db, *approval, (*resolution, reason), *at)
        }
        Change::PutCommand(new) => command::put(db, new),
        Change::DropCommand(key) => command::drop(db, *key),
        Change::RetryCommand { key, attempts, due_at, error } => {
            command::retry(db, *key, (*attempts, *due_at), error)
        }
        Change::SetCommandAside { row } => command::set_aside(db, *row),
        Change::SetRunAside { run, problem } => run::set_aside(db, *run, problem),
        Change::PutBlob(bytes) => blob::put(db, bytes),
        Change::Note { release, at, line } => log::note(db, *release, *at, line),
        Change::PutApplied { environment, mode, release, objects } => {
            applied::put(db, &Place { environment, mode: *mode }, *release, objects)
        }
        Change::ForgetApplied { environment, mode, objects } => {
            applied::forget(db, &Place { environment, mode: *mode }, objects)
        }
    }
}
