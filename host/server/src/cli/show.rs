//! How releases, stages, events and approvals read for people.

use relhost_engine::event::Event;
use relhost_engine::port::store::{ReleaseRow, StageState, StageSummary};
use relhost_model::call::{LogLevel, LogLine};
use relhost_model::id::StageName;
use relhost_model::release::Mode;

use super::ui::{Ui, table};
use crate::protocol::{ApprovalView, ReleaseDetail};

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

/// The stages of a release as one line: `Dev succeeded, QA waits for apr-1`.
fn chain(row: &ReleaseRow) -> String {
    let stages =
        row.summary.stages.iter().map(|stage| format!("{} {}", stage.stage, state_word(&stage.state)));
    stages.collect::<Vec<_>>().join(", ")
}

/// A list of releases.
#[must_use]
pub fn releases(rows: &[ReleaseRow]) -> String {
    if rows.is_empty() {
        return "no releases\n".into();
    }
    table(
        ["id", "release", "pipeline", "version", "status", "stages"],
        rows.iter().map(|row| {
            [
                row.id.to_string(),
                format!("{}{}", mode_label(row.mode), row.name),
                row.pipeline.to_string(),
                row.version.clone(),
                release_word(row),
                chain(row),
            ]
        }),
    )
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
                stage.summary.clone(),
            ]
        }),
    )
}

/// A release with everything about it.
#[must_use]
pub fn release(ui: &Ui, detail: &ReleaseDetail) -> String {
    let (row, snapshot) = (&detail.row, &detail.snapshot);
    let mut text = format!(
        "{}{} ({}) of {}\nstatus     {}\nrequester  {}\ncreated    {}\nrevision   {}\n",
        mode_label(row.mode),
        row.name,
        row.id,
        row.pipeline,
        ui.status(&release_word(row)),
        snapshot.requester,
        row.created_at,
        snapshot.pipeline.revision,
    );
    for artifact in &snapshot.artifacts {
        text.push_str(&format!("artifact   {} {} {}\n", artifact.alias, artifact.version(), artifact.digest));
    }
    for (name, component) in &snapshot.components {
        text.push_str(&format!(
            "plugin     {name} ({}) {} {}\n",
            component.kind, component.digest, component.origin
        ));
    }
    text.push('\n');
    text.push_str(&stages(ui, &row.summary.stages));
    for mail in &detail.undelivered {
        text.push_str(&format!("undelivered: {mail}\n"));
    }
    text
}

/// Approvals as a table.
#[must_use]
pub fn approvals(views: &[ApprovalView]) -> String {
    if views.is_empty() {
        return "no approvals\n".into();
    }
    table(
        ["id", "release", "stage", "attempt", "state", "asked", "due"],
        views.iter().map(|view| {
            let approval = &view.row.approval;
            let state =
                view.row.decision.as_ref().map_or_else(|| "open".into(), |d| d.resolution.to_string());
            let asked: Vec<String> = view.asked.iter().map(ToString::to_string).collect();
            [
                view.id.clone(),
                view.release_name.clone(),
                approval.stage.to_string(),
                approval.attempt.to_string(),
                state,
                asked.join(", "),
                approval.due_at.to_string(),
            ]
        }),
    )
}

/// One approval with everything that one must know.
#[must_use]
pub fn approval(ui: &Ui, view: &ApprovalView) -> String {
    let approval = &view.row.approval;
    let asked: Vec<String> = view.asked.iter().map(ToString::to_string).collect();
    let label = if approval.rehearsal { "[rehearsal] " } else { "" };
    let state = view.row.decision.as_ref().map_or_else(|| "open".to_owned(), |d| d.resolution.to_string());
    let mut text = format!(
        "{label}{} for {} of {} {}\nstate      {}\ntarget     {} ({} / {})\nasked      {}\n",
        view.id,
        approval.stage,
        approval.pipeline,
        view.release_name,
        ui.status(&state),
        approval.environment,
        approval.content.connection,
        approval.content.namespace,
        asked.join(", "),
    );
    let rows = [
        ("needed", view.row.waiting_for.clone()),
        ("due", approval.due_at.to_string()),
        ("content", view.content_digest.to_string()),
        ("check", approval.instructions.clone()),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name:<11}{value}\n"));
    }
    for vote in &view.row.votes {
        let word = if vote.approve { "approved" } else { "rejected" };
        text.push_str(&format!(
            "vote       {} {word} at {} by {} {}\n",
            vote.voter, vote.at, vote.via, vote.comment
        ));
    }
    if let Some(decision) = &view.row.decision {
        text.push_str(&format!(
            "end        {} at {}: {}\n",
            decision.resolution, decision.at, decision.reason
        ));
    }
    text
}

/// What an event means, as one line; `None` for one that says nothing new to people.
#[must_use]
pub fn event(
    event: &Event,
    stage_of: &dyn Fn(relhost_model::id::DeploymentId) -> StageName,
) -> Option<String> {
    Some(match event {
        Event::Created { by } => format!("created by {by}"),
        Event::DeploymentRequested { stage, attempt, by, .. } if *attempt > 1 => {
            format!("{stage}: attempt {attempt} requested by {by}")
        }
        Event::DeploymentRequested { .. } | Event::RunCreated { .. } => return None,
        Event::DeploymentStarted { deployment } => format!("{}: started", stage_of(*deployment)),
        Event::ApprovalOpened { deployment, approval, .. } => {
            format!("{}: {approval} asks for approval", stage_of(*deployment))
        }
        Event::ApprovalClosed { deployment, approval, resolution, reason, .. } => {
            format!("{}: {approval} {resolution}: {reason}", stage_of(*deployment))
        }
        Event::RunQuarantined { deployment, run, problem, .. } => {
            format!("{}: {run} is quarantined: {}", stage_of(*deployment), problem.message)
        }
        Event::RunReleased { deployment, run, by, verb, .. } => {
            format!("{}: {run} goes on ({verb} by {by})", stage_of(*deployment))
        }
        Event::RunFinished { deployment, failure: Some(failure), .. } => {
            let mut text = format!("{}: {} ({})", stage_of(*deployment), failure.message, failure.code);
            for (name, value) in &failure.details {
                for (index, line) in value.lines().enumerate() {
                    let name = if index == 0 { name.as_str() } else { "" };
                    text.push_str(&format!("\n    {name:<10} {line}"));
                }
            }
            text
        }
        Event::RunFinished { deployment, outputs, .. } => {
            let stage = stage_of(*deployment);
            let lines: Vec<String> =
                outputs.iter().map(|(name, value)| format!("{stage}: {name} = {value}")).collect();
            if lines.is_empty() {
                return None;
            }
            lines.join("\n")
        }
        Event::DeploymentFinished { deployment, status, summary } => {
            format!("{}: {status}: {summary}", stage_of(*deployment))
        }
        Event::StageSkipped { stage, reason } => format!("{stage}: skipped: {reason}"),
        Event::CancelRequested { by, reason } => format!("canceled by {by}: {reason}"),
    })
}

/// A log line of a stage.
#[must_use]
pub fn log(stage: Option<&StageName>, line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Debug => "debug ",
        LogLevel::Info => "",
        LogLevel::Warn => "warning ",
        LogLevel::Error => "error ",
    };
    let stage = stage.map(|stage| format!("{stage} | ")).unwrap_or_default();
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{stage}{level}{}{fields}", line.message)
}
