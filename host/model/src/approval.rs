//! Approvals, votes and verdicts as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::digest::Digest;
use crate::id::{
    ApprovalId, DeploymentId, EnvironmentName, GroupName, PersonId, PipelineName, PluginName, ReleaseId,
    RunId, StageName,
};
use crate::time::{Millis, Timestamp};

/// How long an approval waits if nobody says otherwise (Azure: 30 days).
pub const TIMEOUT_DEFAULT: Millis = Millis::from_days(30);
/// The longest an approval may wait (Azure: 365 days).
pub const TIMEOUT_MAX: Millis = Millis::from_days(365);
/// The longest instructions, in characters (Azure's manual intervention has the same).
pub const INSTRUCTIONS_MAX: usize = 4000;
/// The longest comment of a vote, in characters.
pub const COMMENT_MAX: usize = 4000;

/// Who is asked: a person, or any member of a group. Text form `ann` or `group:qa-leads`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Approver {
    /// One person.
    Person(PersonId),
    /// Any member of a group, as the group is when the vote is cast.
    Group(GroupName),
}

impl std::fmt::Display for Approver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(person) => person.fmt(f),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

impl std::str::FromStr for Approver {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("group:") {
            Some(group) => GroupName::new(group).map(Self::Group),
            None => PersonId::new(text).map(Self::Person),
        }
    }
}

impl Serialize for Approver {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Approver {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One policy of an approval, pinned to the component that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyUse {
    /// The plugin's name in the release.
    pub plugin: PluginName,
    /// The component's digest.
    pub component: Digest,
    /// Its settings, variables substituted.
    pub settings: serde_json::Value,
    /// True for a policy that the environment adds to whatever the pipeline says.
    pub from_environment: bool,
}

/// What an approval belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `approval.before` of the stage.
    Before,
    /// `approval.after` of the stage.
    After,
    /// `await-approval` in the stage's code: the run and the ordinal of the call.
    Call(RunId, u32),
}

/// How an approval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Policies, floor and the environment's minimum are satisfied.
    Approved,
    /// One person rejected it, or a policy did.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The release was canceled.
    Canceled,
    /// A newer attempt took its place.
    Superseded,
}

impl std::fmt::Display for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Superseded => "superseded",
        })
    }
}

/// What people are asked to approve. The approval is bound to every field of it: a change of any one
/// voids the approval, and the message names the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Digest of each file of each artifact, as `alias/path` to digest.
    pub artifacts: BTreeMap<String, Digest>,
    /// The stage component's digest.
    pub component: Digest,
    /// The digest of the resolved `with:`.
    pub settings: Digest,
    /// The cluster connection's name; in a rehearsal `rehearsal`.
    pub connection: String,
    /// The namespace.
    pub namespace: String,
    /// The digest of policies, their settings and the list of approvers.
    pub policy: Digest,
    /// The digest of the pipeline file.
    pub pipeline_revision: Digest,
    /// For an approval inside code: the rolling hash of the run's journal when it asked.
    pub journal: Option<Digest>,
}

impl Content {
    /// The digest that votes, links and codes are bound to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }

    /// The name of the first field in which two contents differ, for people: `artifacts` names the file.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        if self.artifacts != other.artifacts {
            let paths = self.artifacts.keys().chain(other.artifacts.keys());
            let changed = paths.into_iter().find(|p| self.artifacts.get(*p) != other.artifacts.get(*p));
            return Some(format!("artifacts ({})", changed.map_or("", String::as_str)));
        }
        let fields = [
            ("component", self.component == other.component),
            ("settings", self.settings == other.settings),
            ("connection", self.connection == other.connection),
            ("namespace", self.namespace == other.namespace),
            ("policy", self.policy == other.policy),
            ("pipeline revision", self.pipeline_revision == other.pipeline_revision),
            ("journal", self.journal == other.journal),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(name, _)| name.to_owned())
    }
}

/// A wait for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The release it belongs to.
    pub release: ReleaseId,
    /// The attempt of a stage it belongs to.
    pub deployment: DeploymentId,
    /// Pipeline, for policies and people.
    pub pipeline: PipelineName,
    /// Stage, for policies and people.
    pub stage: StageName,
    /// Environment, for policies and people.
    pub environment: EnvironmentName,
    /// Before, after, or inside the code.
    pub origin: Origin,
    /// The number of the attempt.
    pub attempt: u32,
    /// What is approved.
    pub content: Content,
    /// The policies; all must approve.
    pub policies: Vec<PolicyUse>,
    /// Who is asked.
    pub approvers: Vec<Approver>,
    /// At least so many different people must approve, whatever the policies say.
    pub approvals_min: u32,
    /// Whether the requester's own vote counts.
    pub requester_may_approve: bool,
    /// On whose behalf the deployment runs: nobody in this list may approve unless the line above says so.
    pub requesters: Vec<Actor>,
    /// What the approvers are asked to check.
    pub instructions: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it expires.
    pub due_at: Timestamp,
    /// True if nothing outside the state folder is touched.
    pub rehearsal: bool,
}

/// One person's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub voter: Actor,
    /// Approve or reject.
    pub approve: bool,
    /// What they wrote.
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// How the voter was recognised: `terminal`, `socket`, `mail-link`, `rehearsal`.
    pub via: String,
}

/// How an approval ended, with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// How it ended.
    pub resolution: Resolution,
    /// Why, for people.
    pub reason: String,
    /// Every vote, in the order they were given.
    pub votes: Vec<Vote>,
    /// When.
    pub at: Timestamp,
}

/// What is still missing, as a policy says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// For a person: `one more of qa-leads`.
    pub description: String,
    /// The people who could give it.
    pub candidates: Vec<String>,
    /// How many of them are needed.
    pub count: u32,
}

/// A policy's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyDecision {
    /// Enough.
    Approve,
    /// Never.
    Reject,
    /// Not yet.
    Need(Vec<Requirement>),
    /// No opinion.
    Abstain,
}

/// A policy's answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub decision: PolicyDecision,
    /// Why, for people.
    pub reasons: Vec<String>,
    /// Ask again at this time even if nobody votes.
    pub recheck_at: Option<Timestamp>,
}

/// A person who is asked, with the groups through which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The person.
    pub person: PersonId,
    /// The groups of the approval's list this person is a member of; empty if asked by name only.
    pub groups: Vec<GroupName>,
}

/// Everything a policy may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInput {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The stage.
    pub stage: StageName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The number of the attempt.
    pub attempt: u32,
    /// Who asked for the deployment.
    pub requester: Actor,
    /// Everybody who is asked.
    pub approvers: Vec<Asked>,
    /// The votes that the floor admits, oldest first.
    pub votes: Vec<Vote>,
    /// When the approval was opened.
    pub opened_at: Timestamp,
    /// The time of this evaluation.
    pub now: Timestamp,
    /// The policy's settings.
    pub settings: serde_json::Value,
    /// Further facts as name and JSON value.
    pub facts: BTreeMap<String, serde_json::Value>,
}
