//! How releases, stages, events and approvals read for people. What comes from files, plugins and people is
//! made harmless here: it must not drive the terminal.

pub mod approval;
pub mod event;
pub mod journal;
pub mod release;

use relhost_engine::port::store::{ReleaseRow, StageState};
use relhost_model::id::PersonId;
use relhost_model::release::Mode;

/// The column in which values start, behind their names.
const VALUES: usize = 11;

/// `[rehearsal] ` or nothing. Every output of a rehearsal shows it.
#[must_use]
pub fn mode_label(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "",
        Mode::Rehearsal => "[rehearsal] ",
    }
}

/// A stage's state in words.
#[must_use]
pub fn state_word(state: &StageState) -> String {
    match state {
        StageState::NotStarted => "not started".into(),
        StageState::Manual => "waits for promotion".into(),
        StageState::Queued => "queued".into(),
        StageState::AwaitingBefore(id) | StageState::AwaitingAfter(id) | StageState::AwaitingCall(id) => {
            format!("waits for {id}")
        }
        StageState::Running(_) => "running".into(),
        StageState::Quarantined(_) => "quarantined".into(),
        StageState::Finished(status) => status.to_string(),
    }
}

/// A release's status in words.
#[must_use]
pub fn release_word(row: &ReleaseRow) -> String {
    row.summary.status.map_or_else(|| "active".into(), |status| status.to_string())
}

/// `ann, bob`.
#[must_use]
pub fn names(people: &[PersonId]) -> String {
    people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Names with their values, one a line; a value that is empty is left out, further lines stand under the first.
fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut text = String::new();
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        for (index, line) in value.lines().enumerate() {
            let name = if index == 0 { name } else { "" };
            text.push_str(format!("{name:<VALUES$}{line}").trim_end());
            text.push('\n');
        }
    }
    text
}
