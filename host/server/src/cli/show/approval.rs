//! Approvals.

use relhost_connect::mail::moment;
use relhost_connect::printable::{lines, one_line};

use super::super::table::table;
use super::super::ui::Ui;
use super::{names, pairs};
use crate::protocol::ApprovalView;

/// Approvals as a table.
#[must_use]
pub fn list(ui: &Ui, views: &[ApprovalView]) -> String {
    if views.is_empty() {
        return "no approvals\n".into();
    }
    table(
        ["id", "release", "stage", "attempt", "state", "waits for", "due"],
        views.iter().map(|view| {
            let approval = &view.row.approval;
            let label = if approval.rehearsal { "[rehearsal] " } else { "" };
            [
                view.id.clone(),
                format!("{label}{} ({})", view.release_name, approval.release),
                approval.stage.to_string(),
                approval.attempt.to_string(),
                ui.status(&state(view)),
                names(&view.asked),
                if view.row.decision.is_none() { moment(approval.due_at) } else { String::new() },
            ]
        }),
    )
}

/// `open`, or how it ended.
fn state(view: &ApprovalView) -> String {
    view.row.decision.as_ref().map_or_else(|| "open".into(), |decision| decision.resolution.to_string())
}

/// One approval with everything that one must know.
#[must_use]
pub fn detail(ui: &Ui, view: &ApprovalView) -> String {
    let approval = &view.row.approval;
    let label = if approval.rehearsal { "[rehearsal] " } else { "" };
    let attempt =
        if approval.attempt > 1 { format!(", attempt {}", approval.attempt) } else { String::new() };
    let mut text = format!(
        "{label}{}: {} of {} to {}{attempt}\n",
        view.id, view.release_name, approval.pipeline, approval.stage
    );
    let requesters = approval.requesters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let open = view.row.decision.is_none();
    text.push_str(&pairs([
        ("state", ui.status(&state(view))),
        (
            "target",
            format!(
                "{} ({} / {})",
                approval.environment, approval.content.connection, approval.content.namespace
            ),
        ),
        ("requester", requesters),
        ("waits for", names(&view.asked)),
        ("needed", if open { one_line(&view.row.waiting_for, 300) } else { String::new() }),
        ("due", if open { moment(approval.due_at) } else { String::new() }),
        ("content", view.content_digest.to_string()),
        ("check", lines(&approval.instructions)),
    ]));
    for vote in &view.row.votes {
        let word = if vote.approve { "approved" } else { "rejected" };
        let comment = if vote.comment.is_empty() { String::new() } else { format!(": {}", vote.comment) };
        let value = format!("{} {word}, {} ({}){}", vote.voter, moment(vote.at), vote.via, lines(&comment));
        text.push_str(&pairs([("vote", value)]));
    }
    if let Some(decision) = &view.row.decision {
        let value = format!("{}, {}", lines(&decision.reason), moment(decision.at));
        text.push_str(&pairs([("end", value)]));
    }
    text
}
