//! The variables that the host defines, under the names people know from Azure.
//!
//! | names | value |
//! |---|---|
//! | `Release.DefinitionName`, `System.TeamProject` | the pipeline's name |
//! | `Release.DefinitionId` | the first twelve digits of the pipeline's revision |
//! | `Release.ReleaseName` | the release's name |
//! | `Release.ReleaseId` | its number, `7` of `rel-7` |
//! | `Release.ReleaseUri`, `Release.ReleaseWebURL` | where people look at it; empty without `public-url` |
//! | `Release.ReleaseDescription` | what was given with it, or empty |
//! | `Release.Reason` | `Manual` or `ContinuousIntegration` |
//! | `Release.RequestedFor`, `Release.RequestedForId`, `Release.RequestedForEmail` | who asked for it, or who the build names; the mail address may be empty |
//! | `Release.PrimaryArtifactSourceAlias` | the first artifact's alias |
//! | `Release.TriggeringArtifact.Alias` | the artifact whose new build made the release, or empty |
//! | `Release.SkipArtifactDownload` | `False` |
//! | `Release.EnvironmentName` | **the stage's name**, as in Azure, where a stage was once called so |
//! | `Release.EnvironmentId`, `Release.DeploymentID`, `Release.DeployPhaseID` | the deployment's number |
//! | `Release.DefinitionEnvironmentId` | the stage's position in the file, from 1 |
//! | `Release.EnvironmentUri` | as `Release.ReleaseUri` |
//! | `Release.AttemptNumber` | from 1 |
//! | `Release.Deployment.RequestedFor`, `Release.Deployment.RequestedForId` | who asked for this deployment |
//! | `Release.Environments.{stage}.Status` | how a stage stands: `NotStarted`, `InProgress`, `Succeeded`, `PartiallySucceeded`, `Rejected`, `Canceled` |
//! | `Release.Artifacts.{alias}.*`, `Build.*` (first artifact) | `BuildId`, `BuildNumber`, `DefinitionName`, `SourceBranch`, `SourceBranchName`, `SourceVersion`, `Repository.Name`, `RequestedFor`, `RequestedForID`: what `build.yaml` says. What it does not say is **not defined**, so that `app:$(Build.SourceVersion)` fails instead of becoming `app:` |
//! | the same `.Type`, `.DefinitionId`, `.BuildURI`, `.Repository.Provider` | `Build`; the rest empty: there is no build server to ask |
//! | `Build.<name>` | every entry of `extra:` in `build.yaml` |
//! | `System.DefaultWorkingDirectory`, `System.ArtifactsDirectory`, `System.WorkFolder`, `Agent.ReleaseDirectory`, `Agent.RootDirectory`, `Agent.WorkFolder` | `.`, so that `$(System.DefaultWorkingDirectory)/alias/file` is a path as `deploy` takes it |
//! | `Agent.Name`, `Agent.JobName` | `relhost`, `Release` |
//! | `System.Debug` | `False` |
//! | `System.TeamProjectId`, `System.CollectionId`, `System.TeamFoundationServerUri`, `System.TeamFoundationCollectionUri`, `Agent.Id`, `Agent.MachineName`, `Agent.Version` | empty: nothing here corresponds, and the machine must not change what is deployed |

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::Actor;
use crate::artifact::{BuildInfo, FrozenArtifact};
use crate::id::{Alias, DeploymentId, ReleaseId, StageName};
use crate::pipeline::Pipeline;
use crate::release::{Reason, Snapshot, Status};

/// Defined, and always so.
const CONSTANTS: [(&str, &str); 16] = [
    ("Release.SkipArtifactDownload", "False"),
    ("System.DefaultWorkingDirectory", "."),
    ("System.ArtifactsDirectory", "."),
    ("System.WorkFolder", "."),
    ("Agent.ReleaseDirectory", "."),
    ("Agent.RootDirectory", "."),
    ("Agent.WorkFolder", "."),
    ("Agent.Name", "relhost"),
    ("Agent.JobName", "Release"),
    ("System.Debug", "False"),
    ("System.TeamProjectId", ""),
    ("System.CollectionId", ""),
    ("System.TeamFoundationServerUri", ""),
    ("System.TeamFoundationCollectionUri", ""),
    ("Agent.Id", ""),
    ("Agent.MachineName", ""),
];

/// What is always defined of a build, because nothing here corresponds to it.
const BUILD_CONSTANTS: [(&str, &str); 4] =
    [("Type", "Build"), ("DefinitionId", ""), ("BuildURI", ""), ("Repository.Provider", "")];

/// The names under `Build.` and `Release.Artifacts.{alias}.` with the key of `build.yaml` each comes from.
const BUILD_NAMES: [(&str, &str); 9] = [
    ("BuildId", "id"),
    ("BuildNumber", "number"),
    ("DefinitionName", "definition"),
    ("SourceBranch", "branch"),
    ("SourceBranchName", "branch"),
    ("SourceVersion", "commit"),
    ("Repository.Name", "repository"),
    ("RequestedFor", "requested-for"),
    ("RequestedForID", "requested-for"),
];

const RELEASE_NAMES: [&str; 13] = [
    "System.TeamProject",
    "Release.DefinitionName",
    "Release.DefinitionId",
    "Release.ReleaseName",
    "Release.ReleaseId",
    "Release.ReleaseUri",
    "Release.ReleaseWebURL",
    "Release.ReleaseDescription",
    "Release.Reason",
    "Release.RequestedFor",
    "Release.RequestedForId",
    "Release.RequestedForEmail",
    "Release.PrimaryArtifactSourceAlias",
];

const STAGE_NAMES: [&str; 9] = [
    "Release.EnvironmentName",
    "Release.EnvironmentId",
    "Release.EnvironmentUri",
    "Release.DefinitionEnvironmentId",
    "Release.AttemptNumber",
    "Release.DeploymentID",
    "Release.DeployPhaseID",
    "Release.Deployment.RequestedFor",
    "Release.Deployment.RequestedForId",
];

/// What is known of a release.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseFacts<'a> {
    /// Its number.
    pub id: ReleaseId,
    /// Its name; empty while the name itself is being made.
    pub name: &'a str,
    /// Its pipeline.
    pub pipeline: &'a Pipeline,
    /// Its artifacts, the primary one first.
    pub artifacts: &'a [FrozenArtifact],
    /// Why it was created.
    pub reason: Reason,
    /// Who asked for it; for a triggered release the identity behind the build, if there is one.
    pub requester: &'a Actor,
    /// That person's mail address, if the configuration has one.
    pub requester_mail: Option<&'a str>,
    /// Where people look at it.
    pub web_url: Option<&'a str>,
    /// What was given with it.
    pub description: Option<&'a str>,
    /// The artifact whose new build made it.
    pub triggering: Option<&'a Alias>,
}

impl<'a> ReleaseFacts<'a> {
    /// What a snapshot says. Mail address, address of the page and description are added by the caller.
    #[must_use]
    pub fn of(id: ReleaseId, snapshot: &'a Snapshot) -> Self {
        let triggered = snapshot.reason == Reason::ContinuousIntegration;
        Self {
            id,
            name: &snapshot.name,
            pipeline: &snapshot.pipeline,
            artifacts: &snapshot.artifacts,
            reason: snapshot.reason,
            requester: snapshot.requested_for.as_ref().unwrap_or(&snapshot.requester),
            requester_mail: None,
            web_url: None,
            description: None,
            triggering: snapshot.artifacts.first().filter(|_| triggered).map(|artifact| &artifact.alias),
        }
    }
}

/// What is known of one deployment of a release.
#[derive(Debug, Clone, Copy)]
pub struct StageFacts<'a> {
    /// The stage.
    pub stage: &'a StageName,
    /// The number of the deployment.
    pub deployment: DeploymentId,
    /// The number of the attempt.
    pub attempt: u32,
    /// Who asked for this deployment.
    pub requester: &'a Actor,
    /// How each stage stands that has started; `None` for one that is running.
    pub statuses: &'a BTreeMap<StageName, Option<Status>>,
}

/// The variables of a release, without those of a stage.
#[must_use]
pub fn of_release(release: &ReleaseFacts<'_>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        values.insert(name.to_owned(), value.to_owned());
    };
    for (name, value) in CONSTANTS {
        set(name, value);
    }
    set("Agent.Version", "");
    set("System.TeamProject", release.pipeline.name.as_str());
    set("Release.DefinitionName", release.pipeline.name.as_str());
    set("Release.DefinitionId", &release.pipeline.revision.short());
    set("Release.ReleaseName", release.name);
    set("Release.ReleaseId", &release.id.0.to_string());
    set("Release.ReleaseUri", release.web_url.unwrap_or_default());
    set("Release.ReleaseWebURL", release.web_url.unwrap_or_default());
    set("Release.ReleaseDescription", release.description.unwrap_or_default());
    set("Release.Reason", reason(release.reason));
    set("Release.RequestedFor", &release.requester.to_string());
    set("Release.RequestedForId", &release.requester.to_string());
    set("Release.RequestedForEmail", release.requester_mail.unwrap_or_default());
    set("Release.TriggeringArtifact.Alias", release.triggering.map_or("", Alias::as_str));
    if let Some(primary) = release.artifacts.first() {
        set("Release.PrimaryArtifactSourceAlias", primary.alias.as_str());
        build_values("Build", &primary.build, &mut values);
    }
    for artifact in release.artifacts {
        build_values(&format!("Release.Artifacts.{}", artifact.alias), &artifact.build, &mut values);
    }
    values
}

/// The variables of one deployment.
#[must_use]
pub fn predefined(release: &ReleaseFacts<'_>, stage: &StageFacts<'_>) -> BTreeMap<String, String> {
    let mut values = of_release(release);
    let deployment = stage.deployment.0.to_string();
    let position = release.pipeline.stages.iter().position(|s| s.name == *stage.stage).map_or(0, |i| i + 1);
    let requester = stage.requester.to_string();
    values.extend(
        [
            ("Release.EnvironmentName", stage.stage.as_str()),
            ("Release.EnvironmentId", &deployment),
            ("Release.EnvironmentUri", release.web_url.unwrap_or_default()),
            ("Release.DefinitionEnvironmentId", &position.to_string()),
            ("Release.AttemptNumber", &stage.attempt.to_string()),
            ("Release.DeploymentID", &deployment),
            ("Release.DeployPhaseID", &deployment),
            ("Release.Deployment.RequestedFor", &requester),
            ("Release.Deployment.RequestedForId", &requester),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    for other in &release.pipeline.stages {
        let status =
            if other.name == *stage.stage { "InProgress" } else { status(stage.statuses.get(&other.name)) };
        values.insert(status_name(&other.name), status.to_owned());
    }
    values
}

/// Every name that may be defined for a pipeline with these artifacts and stages, for checking a pipeline
/// before there is a release. What `build.yaml` adds under `extra:` is not known then.
#[must_use]
pub fn predefined_names<'a>(
    aliases: impl IntoIterator<Item = &'a str>,
    stages: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = CONSTANTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(RELEASE_NAMES.iter().chain(&STAGE_NAMES).map(|name| (*name).to_owned()));
    names.extend(["Agent.Version", "Release.TriggeringArtifact.Alias"].map(str::to_owned));
    let prefixes = aliases.into_iter().map(|alias| format!("Release.Artifacts.{alias}"));
    for prefix in prefixes.chain(["Build".to_owned()]) {
        let build = BUILD_NAMES.iter().chain(&BUILD_CONSTANTS).map(|(name, _)| *name);
        names.extend(build.map(|name| format!("{prefix}.{name}")));
    }
    names.extend(stages.into_iter().map(|stage| format!("Release.Environments.{stage}.Status")));
    names
}

/// What may help with a name of a build that is not defined.
pub(super) fn help_for(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if !(lower.starts_with("build.") || lower.starts_with("release.artifacts.")) {
        return None;
    }
    let known = BUILD_NAMES.iter().find(|(known, _)| lower.ends_with(&format!(".{}", known.to_lowercase())));
    known.map(|(_, key)| format!("the artifact's build.yaml does not say `{key}`; add it there"))
}

fn status_name(stage: &StageName) -> String {
    format!("Release.Environments.{stage}.Status")
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Manual => "Manual",
        Reason::ContinuousIntegration => "ContinuousIntegration",
    }
}

/// In Azure's words, which know no `Failed`: a stage that failed or was rejected is `Rejected`.
fn status(status: Option<&Option<Status>>) -> &'static str {
    match status {
        None => "NotStarted",
        Some(None) => "InProgress",
        Some(Some(Status::Succeeded)) => "Succeeded",
        Some(Some(Status::PartiallySucceeded)) => "PartiallySucceeded",
        Some(Some(Status::Failed | Status::Rejected | Status::Expired)) => "Rejected",
        Some(Some(Status::Canceled | Status::Superseded)) => "Canceled",
        Some(Some(Status::Skipped)) => "NotStarted",
    }
}

fn build_values(prefix: &str, build: &BuildInfo, values: &mut BTreeMap<String, String>) {
    for (name, value) in BUILD_CONSTANTS {
        values.insert(format!("{prefix}.{name}"), value.to_owned());
    }
    for (name, _) in BUILD_NAMES {
        if let Some(value) = build_value(name, build) {
            values.insert(format!("{prefix}.{name}"), value);
        }
    }
    for (name, value) in &build.extra {
        values.entry(format!("{prefix}.{name}")).or_insert_with(|| value.clone());
    }
}

fn build_value(name: &str, build: &BuildInfo) -> Option<String> {
    match name {
        "BuildId" => build.id.clone(),
        "BuildNumber" => build.number.clone(),
        "DefinitionName" => build.definition.clone(),
        "SourceBranch" => build.branch.clone(),
        // Azure: the last part of the branch's path.
        "SourceBranchName" => build.branch.as_deref().and_then(|b| b.rsplit('/').next()).map(str::to_owned),
        "SourceVersion" => build.commit.clone(),
        "Repository.Name" => build.repository.clone(),
        _ => build.requested_for.clone(),
    }
}
