//! The last words of containers, read only once a cause needs them.

use std::time::Duration;

use futures::future::join_all;

use crate::client::{ApiError, Connection, Log};
use crate::status::cause::{Cause, Code};
use crate::status::text::last_lines;

/// Lines that are kept: a stack trace and what led to it.
const LINES: u32 = 50;
/// And their bytes: a line may be a whole document.
const BYTES: usize = 8 * 1024;
/// A failure is told without its log after this time: the node that has the log may be what is broken.
const DEADLINE: Duration = Duration::from_secs(10);
/// Causes whose logs are read; the first one is the root.
const CAUSES_MAX: usize = 3;

/// Adds to each cause what its container wrote last.
pub(super) async fn add(connection: &Connection, causes: Vec<&mut Cause>) {
    let told = causes.into_iter().filter(|cause| cause.code.is_told_by_log()).take(CAUSES_MAX);
    join_all(told.map(|cause| add_to(connection, cause))).await;
}

async fn add_to(connection: &Connection, cause: &mut Cause) {
    let (Some(pod), Some(container)) = (&cause.pod, &cause.container) else { return };
    let order = if cause.code == Code::NeverReady { RUNNING_FIRST } else { ENDED_FIRST };
    let read = tokio::time::timeout(DEADLINE, read(connection, pod, container, order)).await;
    match read {
        Ok(Ok(Some(log))) => cause.add("log", log),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => cause.add("log-unread", error.to_string()),
        Err(_) => cause.add("log-unread", format!("no answer within {} s", DEADLINE.as_secs())),
    }
}

/// Whether the log of the container before the last restart is read, one after the other. That one says why it
/// ended; the one that runs says why it is not ready.
const ENDED_FIRST: [bool; 2] = [true, false];
const RUNNING_FIRST: [bool; 2] = [false, true];

async fn read(
    connection: &Connection,
    pod: &str,
    container: &str,
    order: [bool; 2],
) -> Result<Option<String>, ApiError> {
    for previous in order {
        let what = Log { container, previous, lines: LINES };
        let log = connection.log(pod, &what).await?;
        let log = log.map(|log| last_lines(&log, LINES as usize, BYTES)).filter(|log| !log.is_empty());
        if log.is_some() {
            return Ok(log);
        }
    }
    Ok(None)
}
