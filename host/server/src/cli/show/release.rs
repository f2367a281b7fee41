//! Releases.

use std::collections::BTreeMap;

use relhost_connect::printable::{lines, one_line};
use relhost_engine::event::{Event, Recorded};
use relhost_engine::port::store::{ReleaseRow, StageSummary};
use relhost_model::id::{DeploymentId, RunId, StageName};

use super::super::table::table;
use super::super::ui::Ui;
use super::{mode_label, pairs, release_word, state_word};
use crate::protocol::ReleaseDetail;

/// The longest summary in a table; `release get` has the whole one.
const SUMMARY_SHOWN: usize = 100;

/// A list of releases.
#[must_use]
pub fn list(ui: &Ui, rows: &[ReleaseRow]) -> String {
    if rows.is_empty() {
        return "no releases\n".into();
    }
    table(
        ["id", "release", "pipeline", "version", "created", "status", "stages"],
        rows.iter().map(|row| {
            [
                row.id.to_string(),
                format!("{}{}", mode_label(row.mode), row.name),
                row.pipeline.to_string(),
                one_line(&row.version, 40),
                row.created_at.to_string(),
                ui.status(&release_word(row)),
                chain(row),
            ]
        }),
    )
}

/// The stages of a release as one line: `Dev succeeded, QA waits for apr-1`.
#[must_use]
pub fn chain(row: &ReleaseRow) -> String {
    let stages =
        row.summary.stages.iter().map(|stage| format!("{} {}", stage.stage, state_word(&stage.state)));
    stages.collect::<Vec<_>>().join(", ")
}

/// The stages of a release as a table.
#[must_use]
pub fn stages(ui: &Ui, stages: &[StageSummary]) -> String {
    table(
        ["stage", "environment", "attempt", "state", "summary"],
        stages.iter().map(|stage| {
            let attempt = if stage.attempt == 0 { String::new() } else { stage.attempt.to_string() };
            [
                stage.stage.to_string(),
                stage.environment.to_string(),
                attempt,
                ui.status(&state_word(&stage.state)),
                one_line(&stage.summary, SUMMARY_SHOWN),
            ]
        }),
    )
}

/// A release with everything about it.
#[must_use]
pub fn detail(ui: &Ui, detail: &ReleaseDetail) -> String {
    let (row, snapshot) = (&detail.row, &detail.snapshot);
    let mut text =
        format!("{}{} ({}) of {}\n", mode_label(row.mode), row.name, row.id, snapshot.pipeline.name);
    text.push_str(&pairs([
        ("status", ui.status(&release_word(row))),
        ("requester", snapshot.requester.to_string()),
        ("created", row.created_at.to_string()),
        ("revision", snapshot.pipeline.revision.to_string()),
    ]));
    for artifact in &snapshot.artifacts {
        let value = format!("{} {} {}", artifact.alias, one_line(&artifact.version(), 60), artifact.digest);
        text.push_str(&pairs([("artifact", value)]));
    }
    for (what, components) in [("plugin", &snapshot.components), ("demanded", &snapshot.demanded)] {
        for (name, component) in components {
            let value = format!("{name} ({}, {}) {}", component.kind, component.origin, component.digest);
            text.push_str(&pairs([(what, value)]));
        }
    }
    for (name, value) in &snapshot.overrides {
        text.push_str(&pairs([("variable", format!("{name} = {}", one_line(value, SUMMARY_SHOWN)))]));
    }
    text.push('\n');
    text.push_str(&stages(ui, &row.summary.stages));
    text.push_str(&results(&detail.events));
    for mail in &detail.undelivered {
        text.push_str(&format!("\nmail not delivered: {}\n", lines(mail)));
    }
    text
}

/// What the latest attempts left behind: named results, and why one failed.
fn results(events: &[Recorded]) -> String {
    let stages = stages_of(events);
    let mut latest: BTreeMap<&StageName, (usize, &Event)> = BTreeMap::new();
    for (index, recorded) in events.iter().enumerate() {
        if let Event::RunFinished { deployment, .. } = &recorded.event
            && let Some(stage) = stages.get(deployment)
        {
            latest.insert(stage, (index, &recorded.event));
        }
    }
    let mut ordered: Vec<_> = latest.into_iter().collect();
    ordered.sort_by_key(|(_, (index, _))| *index);
    let mut text = String::new();
    for (stage, (_, event)) in ordered {
        if let Some(lines) = super::event::text(event, &|_| stage.clone()) {
            text.push_str(&lines);
            text.push('\n');
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// The stage of every attempt.
fn stages_of(events: &[Recorded]) -> BTreeMap<DeploymentId, StageName> {
    events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::DeploymentRequested { deployment, stage, .. } => Some((*deployment, stage.clone())),
            _ => None,
        })
        .collect()
}

/// The stage of every run.
#[must_use]
pub fn stages_of_runs(events: &[Recorded]) -> BTreeMap<RunId, StageName> {
    let stages = stages_of(events);
    events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::RunCreated { deployment, run } => Some((*run, stages.get(deployment)?.clone())),
            _ => None,
        })
        .collect()
}
