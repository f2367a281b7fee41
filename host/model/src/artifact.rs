//! What is released.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::Alias;

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFile {
    /// Path inside the artifact, `/` between the parts, no `.` or `..`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub digest: Digest,
}

/// What `build.yaml` says about the build that made an artifact. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BuildInfo {
    /// `Build.BuildId`.
    pub id: Option<String>,
    /// `Build.BuildNumber`.
    pub number: Option<String>,
    /// `Build.DefinitionName`: the build pipeline's name.
    pub definition: Option<String>,
    /// `Build.SourceBranch`, for example `refs/heads/main` or `main`.
    pub branch: Option<String>,
    /// `Build.SourceVersion`: the commit.
    pub commit: Option<String>,
    /// `Build.Repository.Name`.
    pub repository: Option<String>,
    /// `Build.RequestedFor`: the person on whose behalf it was built; the requester of a triggered release.
    pub requested_for: Option<String>,
    /// Further values, read as `Build.<name>`.
    pub extra: BTreeMap<String, String>,
}

/// An artifact as a release froze it. Its files lie in the state folder under its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenArtifact {
    /// The alias in the pipeline.
    pub alias: Alias,
    /// SHA-256 over the list of files (path, size and digest each), so a rebuilt archive of the same
    /// files is the same artifact.
    pub digest: Digest,
    /// Where it came from, for people.
    pub origin: String,
    /// What the build says of itself.
    pub build: BuildInfo,
    /// Its files, ordered by path.
    pub files: Vec<ArtifactFile>,
}

impl FrozenArtifact {
    /// The digest of a list of files. The list is ordered by path first.
    #[must_use]
    pub fn digest_of(files: &mut [ArtifactFile]) -> Digest {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Digest::of_value(&*files)
    }

    /// What people call this build: its number, else its id, else the start of the commit or the digest.
    #[must_use]
    pub fn version(&self) -> String {
        let build = &self.build;
        build.number.clone().or_else(|| build.id.clone()).unwrap_or_else(|| match &build.commit {
            Some(commit) => commit.chars().take(12).collect(),
            None => self.digest.short(),
        })
    }
}
