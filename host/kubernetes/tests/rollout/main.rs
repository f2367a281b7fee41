//! Applies and waits against a real control plane: its controllers and its scheduler decide, and the nodes behave as an
//! annotation asks (tests/support/cluster/README.md).

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod applying;
mod cleaning;
mod cuts;
mod failures;
mod namespace;
mod rights;
mod standing;
mod successes;

use relhost_model::time::Millis;

/// Long enough for every rollout that works, on a busy machine.
const PATIENT: Millis = Millis::from_secs(180);
