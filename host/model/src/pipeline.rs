//! A pipeline that was checked: names exist, the stage graph has no cycle, clones are merged, limits hold.
//! Only [`definition`](crate) makes one from a file, so an unchecked pipeline cannot run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::approval::Approver;
use crate::digest::Digest;
use crate::id::{Alias, EnvironmentName, PipelineName, PluginName, StageName};
use crate::time::Millis;

/// A checked pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its name.
    pub name: PipelineName,
    /// SHA-256 of the file as it was read.
    pub revision: Digest,
    /// The mask of release names, for example `Release-$(Rev:r)`.
    pub release_name: String,
    /// What it releases; the first is the primary one.
    pub artifacts: Vec<ArtifactSpec>,
    /// Variables of the whole pipeline, not yet substituted. Names are kept as written and compared
    /// without case.
    pub variables: BTreeMap<String, String>,
    /// Leave undefined names in the text, as Azure does, instead of refusing them.
    pub legacy_variables: bool,
    /// Where the components come from.
    pub plugins: BTreeMap<PluginName, PluginSource>,
    /// The stages, in the order of the file.
    pub stages: Vec<Stage>,
}

/// One artifact of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSpec {
    /// Its alias.
    pub alias: Alias,
    /// A folder, relative to the pipeline file, if the file names one.
    pub source: Option<ArtifactLocation>,
    /// When a new build makes a new release.
    pub trigger: Option<Trigger>,
}

/// Where an artifact lies. Paths are relative to the pipeline file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactLocation {
    /// A folder.
    Directory(String),
    /// A tar (plain or gzip) or zip file.
    File(String),
}

/// The continuous-deployment trigger of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Branches that count: `main`, `features/*`, `*`; a leading `-` excludes. Empty means every branch.
    pub branches: Vec<String>,
}

impl Trigger {
    /// Whether a build of this branch makes a release. `refs/heads/` is not counted. Any include must
    /// match (none given: all do) and no exclude may.
    #[must_use]
    pub fn admits(&self, branch: Option<&str>) -> bool {
        let branch = branch.unwrap_or_default();
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        let matches = |pattern: &str| match pattern.split_once('*') {
            Some((start, end)) => {
                branch.len() >= start.len() + end.len() && branch.starts_with(start) && branch.ends_with(end)
            }
            None => branch == pattern,
        };
        let (excludes, includes): (Vec<&String>, Vec<&String>) =
            self.branches.iter().partition(|pattern| pattern.starts_with('-'));
        (includes.is_empty() || includes.iter().any(|pattern| matches(pattern)))
            && !excludes.iter().any(|pattern| matches(&pattern[1..]))
    }
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginSource {
    /// Shipped with the host, by name.
    Bundled(String),
    /// A file; relative to the file that names it, here already joined.
    Path(String),
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// Where it deploys to.
    pub environment: EnvironmentName,
    /// When it starts.
    pub after: After,
    /// The stage plugin.
    pub uses: PluginName,
    /// The plugin's settings, variables not yet substituted.
    pub with: serde_json::Value,
    /// Variables of this stage; they win over the pipeline's.
    pub variables: BTreeMap<String, String>,
    /// Approvals before and after the stage's code.
    pub approval: StageApprovals,
    /// The stage it was cloned from.
    pub cloned_from: Option<StageName>,
}

/// When a stage starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// When the release is created.
    Release,
    /// Only when somebody promotes the release to it.
    Manual,
    /// When all of these stages have succeeded.
    Stages(Vec<Predecessor>),
}

/// A stage that must have succeeded first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// Its name.
    pub stage: StageName,
    /// Partially succeeded is enough.
    pub partial: bool,
}

/// The two places for approvals outside the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageApprovals {
    /// Before the code starts.
    pub before: Option<ApprovalSpec>,
    /// After the code has succeeded.
    pub after: Option<ApprovalSpec>,
}

/// An approval as a pipeline or an environment asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalSpec {
    /// The policies; all must approve. Empty means `any-one`.
    pub policies: Vec<PolicySpec>,
    /// Who is asked.
    pub approvers: Vec<Approver>,
    /// When it expires.
    pub timeout: Millis,
    /// What to check, variables not yet substituted.
    pub instructions: String,
}

/// One policy by name with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The policy plugin.
    pub plugin: PluginName,
    /// Its settings, variables not yet substituted.
    pub with: serde_json::Value,
}

impl Pipeline {
    /// The stage of that name.
    #[must_use]
    pub fn stage(&self, name: &StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == *name)
    }
}
