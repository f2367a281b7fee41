//! From the contract's words to the SDK's.

use super::{approval, deploy, types};
use crate::host::record::{
    Applied, AppliedObject, ArtifactRef, Change, Decision, Resolution, Rollout, RunningImage, SecretRef,
    ServiceAddress, Vote,
};
use crate::outcome::Failure;
use crate::time::Timestamp;

impl From<types::ArtifactRef> for ArtifactRef {
    fn from(artifact: types::ArtifactRef) -> Self {
        Self { alias: artifact.alias, digest: artifact.digest, version: artifact.version }
    }
}

impl From<types::SecretRef> for SecretRef {
    fn from(secret: types::SecretRef) -> Self {
        Self::existing(secret.name)
    }
}

/// What a host call returned instead of an answer. Every call says so explicitly: the generated record is a
/// `std::error::Error`, and `?` alone would lose its code and its retryability.
pub(super) fn refused(error: types::Error) -> Failure {
    let failure = Failure::new(error.code, error.message);
    let failure = if error.retryable { failure.retryable() } else { failure };
    error.details.into_iter().fold(failure, |failure, (name, value)| failure.detail(name, value))
}

impl From<deploy::AppliedObject> for AppliedObject {
    fn from(object: deploy::AppliedObject) -> Self {
        let change = match object.change {
            deploy::Change::Created => Change::Created,
            deploy::Change::Configured => Change::Configured,
            deploy::Change::Unchanged => Change::Unchanged,
        };
        Self { api_version: object.api_version, kind: object.kind, name: object.name, change }
    }
}

impl From<deploy::Deployment> for Applied {
    fn from(deployment: deploy::Deployment) -> Self {
        let objects = deployment.objects.into_iter().map(Into::into).collect();
        Self { id: deployment.id, objects, warnings: deployment.warnings }
    }
}

impl From<deploy::Rollout> for Rollout {
    fn from(rollout: deploy::Rollout) -> Self {
        let address =
            |found: deploy::ServiceAddress| ServiceAddress { service: found.service, address: found.address };
        let image = |running: deploy::RunningImage| RunningImage {
            workload: running.workload,
            container: running.container,
            image: running.image,
            digest: running.digest,
        };
        Self {
            addresses: rollout.addresses.into_iter().map(address).collect(),
            images: rollout.images.into_iter().map(image).collect(),
            warnings: rollout.warnings,
        }
    }
}

impl From<approval::Decision> for Decision {
    fn from(decision: approval::Decision) -> Self {
        let resolution = match decision.resolution {
            approval::Resolution::Approved => Resolution::Approved,
            approval::Resolution::Rejected => Resolution::Rejected,
            approval::Resolution::Expired => Resolution::Expired,
            approval::Resolution::Canceled => Resolution::Canceled,
            approval::Resolution::Superseded => Resolution::Superseded,
        };
        let vote = |vote: approval::Vote| Vote {
            voter: vote.voter.into(),
            approve: vote.approve,
            comment: vote.comment,
            at: Timestamp::from_millis(vote.at),
        };
        Self { resolution, reason: decision.reason, votes: decision.votes.into_iter().map(vote).collect() }
    }
}
