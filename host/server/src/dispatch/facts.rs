//! What a person must know to decide: the facts of a mail and of the decide page.

use relhost_connect::mail::AskFacts;
use relhost_engine::approval as rules;
use relhost_engine::port::store::ApprovalRow;
use relhost_engine::release::ReleaseState;
use relhost_model::id::{ApprovalId, PersonId};
use relhost_model::release::Mode;

use crate::host::Host;

/// The facts of one approval for one person.
#[must_use]
pub fn ask(
    host: &Host,
    state: &ReleaseState,
    row: &ApprovalRow,
    person: &PersonId,
    link: Option<(String, String)>,
) -> AskFacts {
    let approval = &row.approval;
    let (link, code) = link.unzip();
    AskFacts {
        pipeline: approval.pipeline.to_string(),
        release: state.snapshot.name.clone(),
        version: state.snapshot.primary().version(),
        stage: approval.stage.to_string(),
        environment: approval.environment.to_string(),
        attempt: approval.attempt,
        rehearsal: approval.rehearsal,
        requester: state.snapshot.requester.to_string(),
        deadline: approval.due_at,
        instructions: approval.instructions.clone(),
        deciders: rules::still_asked(row, &host.config).iter().map(ToString::to_string).collect(),
        needed: row.waiting_for.clone(),
        running: None,
        evidence: evidence(state),
        artifacts: artifacts(row),
        powers: powers(host, state, row),
        target: format!("{} / {}", approval.content.connection, approval.content.namespace),
        link,
        code,
        cli: cli(approval.id, person, state.snapshot.mode),
        because: because(row, person),
    }
}

/// How the other stages of the release ended.
fn evidence(state: &ReleaseState) -> Vec<(String, String)> {
    use relhost_engine::port::store::StageState;
    let summaries = state.summary().stages.into_iter();
    summaries
        .filter_map(|stage| match stage.state {
            StageState::Finished(status) => {
                Some((stage.stage.to_string(), format!("{status}: {}", stage.summary)))
            }
            _ => None,
        })
        .collect()
}

fn artifacts(row: &ApprovalRow) -> Vec<(String, String)> {
    row.approval.content.artifacts.iter().map(|(path, digest)| (path.clone(), digest.short())).collect()
}

/// What the stage's component may do, as its imports say.
fn powers(host: &Host, state: &ReleaseState, row: &ApprovalRow) -> Vec<String> {
    let Some(stage) = state.snapshot.pipeline.stage(&row.approval.stage) else { return Vec::new() };
    let allow = host.config.allowed(&stage.uses, &stage.name);
    let granted = [
        ("deploy", allow.deploy.is_some()),
        ("create-secret", allow.create_secret.is_some()),
        ("await-approval", allow.await_approval.is_some()),
        ("notify", allow.notify.is_some()),
    ];
    granted.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.to_owned()).collect()
}

fn cli(approval: ApprovalId, person: &PersonId, mode: Mode) -> String {
    match mode {
        Mode::Real => format!("relhost approval approve {approval}"),
        Mode::Rehearsal => format!("relhost approval approve {approval} --as {person}"),
    }
}

fn because(row: &ApprovalRow, person: &PersonId) -> String {
    use relhost_model::approval::Approver;
    let by_group = row.approval.approvers.iter().find_map(|approver| match approver {
        Approver::Group(group) => {
            Some(format!("you are a member of {group}, which is asked to approve this"))
        }
        Approver::Person(_) => None,
    });
    let named =
        row.approval.approvers.iter().any(|approver| matches!(approver, Approver::Person(p) if p == person));
    match by_group {
        Some(reason) if !named => reason,
        _ => "you are asked by name to approve this".to_owned(),
    }
}
