//! What a person must know to decide: the facts of a mail and of the decide page.

use relhost_connect::mail::{AskFacts, moment};
use relhost_engine::approval as rules;
use relhost_engine::port::store::{ApprovalRow, ReleaseFilter, Store as _, StoreError};
use relhost_engine::release::ReleaseState;
use relhost_model::config::Config;
use relhost_model::id::{ApprovalId, PersonId};
use relhost_model::release::{Mode, PluginKind, Status};
use relhost_model::time::Timestamp;

use super::advance::{AdvanceError, load};
use super::plugin;
use super::set_aside;
use super::verdict::missing;
use crate::host::Host;

/// How many releases of a pipeline are looked at for the one that runs in an environment. One that is
/// older than these was replaced, or nobody has released for so long that the line may be missing.
const RELEASES_SEEN: u32 = 50;

/// The facts of one approval for one person.
///
/// # Errors
/// If the store fails.
pub async fn ask(
    host: &Host,
    state: &ReleaseState,
    row: &ApprovalRow,
    person: &PersonId,
    link: Option<(String, String)>,
) -> Result<AskFacts, StoreError> {
    let approval = &row.approval;
    let (link, code) = link.unzip();
    Ok(AskFacts {
        pipeline: approval.pipeline.to_string(),
        release: state.snapshot.name.clone(),
        version: version(state, row),
        stage: approval.stage.to_string(),
        environment: approval.environment.to_string(),
        attempt: approval.attempt,
        rehearsal: approval.rehearsal,
        requester: state.snapshot.requester.to_string(),
        deadline: approval.due_at,
        instructions: approval.instructions.clone(),
        deciders: rules::still_asked(row, &host.config).iter().map(ToString::to_string).collect(),
        needed: missing(host, row).await,
        running: running(host, state, row).await?,
        evidence: evidence(state),
        artifacts: artifacts(row),
        powers: powers(host, state, row).await,
        target: format!("{} / {}", approval.content.connection, approval.content.namespace),
        link,
        code,
        cli: cli(approval.id, person, state.snapshot.mode),
        because: because(&host.config, row, person),
    })
}

/// The version that runs in the approval's environment, and since when: the last attempt of this pipeline
/// that ended well there. Nothing, if nothing is known to be applied there (any more).
async fn running(
    host: &Host,
    state: &ReleaseState,
    row: &ApprovalRow,
) -> Result<Option<(String, Timestamp)>, StoreError> {
    let (read, mode) = (host.store.read(), state.snapshot.mode);
    if read.applied(row.approval.environment.clone(), mode).await?.is_empty() {
        return Ok(None);
    }
    let pipeline = Some(row.approval.pipeline.clone());
    let filter = ReleaseFilter { pipeline, active: false, limit: RELEASES_SEEN };
    let mut last: Option<(String, Timestamp)> = None;
    let releases = set_aside::readable(host, read.releases(filter).await?);
    for release in releases.into_iter().filter(|release| release.mode == mode) {
        let ended = match load(host, release.id).await {
            Ok(state) => ended_there(&state, row),
            Err(AdvanceError::Store(error)) => return Err(error),
            // A release that cannot be read says nothing about what runs.
            Err(_) => None,
        };
        if ended.as_ref().map(|(_, at)| *at) > last.as_ref().map(|(_, at)| *at) {
            last = ended;
        }
    }
    Ok(last)
}

/// The last attempt of a release that ended well in the approval's environment: its version, and when.
fn ended_there(state: &ReleaseState, row: &ApprovalRow) -> Option<(String, Timestamp)> {
    let there = |stage| {
        state.snapshot.pipeline.stage(stage).is_some_and(|s| s.environment == row.approval.environment)
    };
    let ended = state.deployments().iter().filter(|deployment| {
        matches!(deployment.status(), Some(Status::Succeeded | Status::PartiallySucceeded))
            && there(&deployment.stage)
    });
    ended
        .filter_map(|deployment| Some((deployment.plan.artifacts.first()?.version(), deployment.ended_at?)))
        .max_by_key(|(_, at)| *at)
}

/// How the other stages of the release ended.
fn evidence(state: &ReleaseState) -> Vec<(String, String)> {
    let stages = state.snapshot.pipeline.stages.iter();
    let ended = stages.filter_map(|stage| {
        let latest = state.latest(&stage.name)?;
        Some((stage, latest.status()?, latest.ended_at?, &latest.summary))
    });
    ended
        .map(|(stage, status, at, summary)| {
            let summary = if summary.is_empty() { String::new() } else { format!(": {summary}") };
            (stage.name.to_string(), format!("{status}, {}{summary}", moment(at)))
        })
        .collect()
}

fn artifacts(row: &ApprovalRow) -> Vec<(String, String)> {
    row.approval.content.artifacts.iter().map(|(path, digest)| (path.clone(), digest.short())).collect()
}

/// What people call the build that this attempt deploys: an attempt may have been given another one.
#[must_use]
pub fn version(state: &ReleaseState, row: &ApprovalRow) -> String {
    let given = state.deployment(row.approval.deployment).and_then(|attempt| attempt.plan.artifacts.first());
    given.unwrap_or_else(|| state.snapshot.primary()).version()
}

/// What the stage's component asked for and was granted: everything it can do. Nothing, if it is not
/// granted any more; then it will not run either.
async fn powers(host: &Host, state: &ReleaseState, row: &ApprovalRow) -> Vec<String> {
    let Some(attempt) = state.deployment(row.approval.deployment) else { return Vec::new() };
    let allow = host.config.allowed(&attempt.plan.plugin, &attempt.stage);
    let component = (&attempt.plan.plugin, attempt.plan.component);
    let plugin = plugin::frozen(host, component, PluginKind::Stage, &allow).await;
    let asked = plugin.map(|plugin| plugin.requests()).unwrap_or_default();
    asked.into_iter().map(|interface| interface.name().to_owned()).collect()
}

fn cli(approval: ApprovalId, person: &PersonId, mode: Mode) -> String {
    match mode {
        Mode::Real => format!("relhost approval approve {approval}"),
        Mode::Rehearsal => format!("relhost approval approve {approval} --as {person}"),
    }
}

fn because(config: &Config, row: &ApprovalRow, person: &PersonId) -> String {
    use relhost_model::approval::Approver;
    let by_group = row.approval.approvers.iter().find_map(|approver| match approver {
        Approver::Group(group) if config.members(approver).contains(person) => {
            Some(format!("you are a member of {group}, which is asked to approve this"))
        }
        _ => None,
    });
    let named =
        row.approval.approvers.iter().any(|approver| matches!(approver, Approver::Person(p) if p == person));
    match by_group {
        Some(reason) if !named => reason,
        _ => "you are asked by name to approve this".to_owned(),
    }
}
