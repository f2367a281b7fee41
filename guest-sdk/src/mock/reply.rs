//! The usual answers, in few words.

use std::time::Duration;

use crate::approval::{Decision, Resolution, Vote};
use crate::context::Actor;
use crate::deploy::{AppliedObject, Change, Rollout, RunningImage, ServiceAddress};
use crate::host::record::Applied;
use crate::host::script::Reply;
use crate::time::Timestamp;

/// A finished apply that has created these objects, written as `Deployment/web`.
#[must_use]
pub fn applied(id: &str, objects: &[&str]) -> Applied {
    let object = |object: &&str| {
        let (kind, name) = object.split_once('/').unwrap_or((object, ""));
        let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" };
        AppliedObject {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            change: Change::Created,
        }
    };
    Applied { id: id.to_owned(), objects: objects.iter().map(object).collect(), warnings: Vec::new() }
}

/// Begins a rollout that works.
#[must_use]
pub fn rollout() -> RolloutReply {
    RolloutReply(Rollout::default())
}

/// A rollout that is being put together.
#[derive(Debug, Clone)]
pub struct RolloutReply(Rollout);

impl RolloutReply {
    /// A Service of type LoadBalancer has this address.
    #[must_use]
    pub fn address(mut self, service: &str, address: &str) -> Self {
        self.0.addresses.push(ServiceAddress { service: service.to_owned(), address: address.to_owned() });
        self
    }

    /// A container of a workload (`Deployment/web`) runs this image.
    #[must_use]
    pub fn image(mut self, workload: &str, container: &str, image: &str, digest: Option<&str>) -> Self {
        self.0.images.push(RunningImage {
            workload: workload.to_owned(),
            container: container.to_owned(),
            image: image.to_owned(),
            digest: digest.map(str::to_owned),
        });
        self
    }

    /// A note for people.
    #[must_use]
    pub fn warning(mut self, text: &str) -> Self {
        self.0.warnings.push(text.to_owned());
        self
    }
}

impl From<RolloutReply> for Rollout {
    fn from(answer: RolloutReply) -> Self {
        answer.0
    }
}

impl From<RolloutReply> for Reply<Rollout> {
    fn from(answer: RolloutReply) -> Self {
        Self::ok(answer.0)
    }
}

/// Begins the end of an approval; expired unless somebody votes.
#[must_use]
pub fn decision() -> DecisionReply {
    DecisionReply {
        decision: Decision {
            resolution: Resolution::Expired,
            reason: "nobody decided in time".to_owned(),
            votes: Vec::new(),
        },
        after: Duration::ZERO,
    }
}

/// The end of an approval that is being put together.
#[derive(Debug, Clone)]
pub struct DecisionReply {
    decision: Decision,
    after: Duration,
}

impl DecisionReply {
    /// Approved, with this person's vote.
    #[must_use]
    pub fn approve(self, person: &str) -> Self {
        self.vote(person, true, "").ended(Resolution::Approved, &format!("approved by {person}"))
    }

    /// Rejected, with this person's vote and comment.
    #[must_use]
    pub fn reject(self, person: &str, comment: &str) -> Self {
        let reason = format!("rejected by {person}: {comment}");
        self.vote(person, false, comment).ended(Resolution::Rejected, &reason)
    }

    /// Another end.
    #[must_use]
    pub fn ended(mut self, resolution: Resolution, reason: &str) -> Self {
        self.decision.resolution = resolution;
        self.decision.reason = reason.to_owned();
        self
    }

    /// The run's time moves on by this much while people decide.
    #[must_use]
    pub fn after(mut self, span: Duration) -> Self {
        self.after = span;
        self
    }

    fn vote(mut self, person: &str, approve: bool, comment: &str) -> Self {
        let voter = Actor::person(person);
        let at = Timestamp::default();
        self.decision.votes.push(Vote { voter, approve, comment: comment.to_owned(), at });
        self
    }
}

impl From<DecisionReply> for Decision {
    fn from(answer: DecisionReply) -> Self {
        answer.decision
    }
}

impl From<DecisionReply> for Reply<Decision> {
    fn from(answer: DecisionReply) -> Self {
        Self::ok(answer.decision).after(answer.after)
    }
}
