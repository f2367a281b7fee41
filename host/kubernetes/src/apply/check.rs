//! Dry runs: what an apply of each object would do, asked as early as it can be answered.

use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use relhost_model::call::CallError;
use tokio::time::{Instant, sleep};

use super::plan::{self, Check, Planned};
use super::{IN_FLIGHT, failure, one};
use crate::client::Connection;

/// How long something that was applied just now may not be seen yet by what checks it: a server keeps copies of
/// roles, accounts and definitions that follow a moment later.
const LATE_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks.
const LATE_PAUSE: Duration = Duration::from_millis(250);

/// Before anything is changed. An object that needs one of an earlier wave is left for later.
///
/// # Errors
/// The first failure with all others in its details.
pub(super) async fn first(connection: &Connection, planned: &mut [Planned]) -> Result<(), CallError> {
    all(connection, planned, Check::First).await
}

/// Once the namespace and the definitions are there.
///
/// # Errors
/// As [`first`].
pub(super) async fn defined(connection: &Connection, planned: &mut [Planned]) -> Result<(), CallError> {
    late(connection, planned, Check::Defined).await
}

/// Right before the objects are applied.
///
/// # Errors
/// As [`first`].
pub(super) async fn last(connection: &Connection, planned: &mut [Planned]) -> Result<(), CallError> {
    late(connection, planned, Check::Last).await
}

async fn late(connection: &Connection, planned: &mut [Planned], check: Check) -> Result<(), CallError> {
    let begun = Instant::now();
    loop {
        match all(connection, planned, check).await {
            Err(error) if !error.retryable && begun.elapsed() < LATE_LIMIT => sleep(LATE_PAUSE).await,
            checked => return checked,
        }
    }
}

async fn all(connection: &Connection, planned: &mut [Planned], check: Check) -> Result<(), CallError> {
    if !connection.asks_first() {
        return Ok(());
    }
    let asked = planned.iter_mut().enumerate();
    let asked = asked.filter(|(_, object)| object.check == check && object.stands.is_none());
    let asked: Vec<_> = asked
        .map(|(index, object)| one::dry_run(connection, object).map(move |done| (index, done)).boxed())
        .collect();
    let results: Vec<(usize, Result<(), CallError>)> =
        stream::iter(asked).buffered(IN_FLIGHT).collect().await;
    let mut failed = Vec::new();
    for (index, result) in results {
        match result {
            Err(error) if check != Check::Last && plan::is_brought(planned, index, &error) => {
                planned[index].check = Check::Last;
            }
            Err(error) => failed.push(error),
            Ok(()) => {}
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failure::all(failed)) }
}
