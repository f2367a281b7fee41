//! Values in columns. Numbers are signed 64 bits in `SQLite`; bodies are JSON text that a person can read
//! with any tool; digests are 32 bytes.

use relhost_engine::port::store::RunState;
use relhost_model::digest::Digest;
use relhost_model::release::Mode;
use relhost_model::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::{Fault, Outcome};

/// An id, a position or a counter.
pub(crate) fn int(value: u64) -> Outcome<i64> {
    i64::try_from(value).map_err(|_| Fault::conflict(value, "the number is beyond what the store can hold"))
}

/// A number that this store wrote.
pub(crate) fn uint(value: i64) -> u64 {
    value.unsigned_abs()
}

/// A number that this store wrote from 32 bits.
pub(crate) fn small(what: &str, value: i64) -> Outcome<u32> {
    u32::try_from(value).map_err(|cause| Fault::damaged(what, cause))
}

/// A time. The end of the range stands for every time after it, 292 million years from now.
pub(crate) fn time(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The time of a column.
pub(crate) fn moment(value: i64) -> Timestamp {
    Timestamp(uint(value))
}

/// A body.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("words of the model have string keys and no failing serializer")
}

/// The value of a body.
pub(crate) fn value<T: DeserializeOwned>(what: impl std::fmt::Display, body: &str) -> Outcome<T> {
    serde_json::from_str(body).map_err(|cause| Fault::damaged(what, cause))
}

/// A digest of a column.
pub(crate) fn digest(what: impl std::fmt::Display, bytes: &[u8]) -> Outcome<Digest> {
    bytes.try_into().map(Digest).map_err(|_| Fault::damaged(what, "a digest has 32 bytes"))
}

/// The word for a mode.
pub(crate) fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "real",
        Mode::Rehearsal => "rehearsal",
    }
}

/// The mode of a word.
pub(crate) fn mode(word: &str) -> Outcome<Mode> {
    [Mode::Real, Mode::Rehearsal]
        .into_iter()
        .find(|mode| mode_word(*mode) == word)
        .ok_or_else(|| Fault::damaged("mode", word))
}

const STATES: [(RunState, &str); 6] = [
    (RunState::Ready, "ready"),
    (RunState::Running, "running"),
    (RunState::Waiting, "waiting"),
    (RunState::Backoff, "backoff"),
    (RunState::Quarantined, "quarantined"),
    (RunState::Done, "done"),
];

/// The word for a run's state.
pub(crate) fn state_word(state: RunState) -> &'static str {
    STATES.iter().find(|(each, _)| *each == state).map(|(_, word)| *word).expect("every state has a word")
}

/// The state of a word.
pub(crate) fn state(word: &str) -> Outcome<RunState> {
    STATES
        .iter()
        .find(|(_, each)| *each == word)
        .map(|(state, _)| *state)
        .ok_or_else(|| Fault::damaged("run state", word))
}
