//! Why a vote does not count, or an approval is not handed on.

use relhost_model::actor::Actor;
use relhost_model::approval::{Approver, COMMENT_MAX, Resolution};
use relhost_model::id::PersonId;
use relhost_model::time::Timestamp;

/// Which kind of reason a vote is refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedKind {
    /// The voter is not one of those asked.
    NotAsked,
    /// A rule shuts the voter out.
    Rule,
    /// It is over, or about something else by now.
    Closed,
    /// Its time is over.
    Expired,
    /// The vote itself is not well-formed.
    Usage,
}

/// Why a vote does not count. Nothing is recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The voter is nobody whom the configuration knows.
    #[error("{0} is no person of the configuration")]
    Unknown(Actor),
    /// The voter is not asked.
    #[error("{person} is not asked; asked are {asked}")]
    NotAsked {
        /// Who.
        person: PersonId,
        /// Who is.
        asked: String,
    },
    /// It runs on the voter's behalf.
    #[error("{0} requested this deployment, and the environment does not let the requester approve")]
    Requester(PersonId),
    /// The voter has voted.
    #[error("{0} has voted already")]
    Voted(PersonId),
    /// It is over.
    #[error("it is {resolution} since {at}: {reason}")]
    Closed {
        /// How it ended.
        resolution: Resolution,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// What is to be approved has changed.
    #[error("the {field} changed since this was asked; attempt {attempt} is current")]
    Changed {
        /// The field.
        field: String,
        /// The current attempt.
        attempt: u32,
    },
    /// The voter saw something else than what is asked.
    #[error("what you saw is not what is asked: the content differs")]
    OtherContent,
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// The comment is too long.
    #[error("the comment has more than {COMMENT_MAX} characters")]
    Comment,
    /// A new list that names somebody whom the configuration does not know.
    #[error("there is no {}", kind_and_name(.0))]
    UnknownApprover(Approver),
    /// A new list that names nobody who may decide.
    #[error("the list names nobody who may decide")]
    Nobody,
}

impl Refused {
    /// Which kind of reason it is.
    #[must_use]
    pub fn kind(&self) -> RefusedKind {
        match self {
            Self::Unknown(_) | Self::NotAsked { .. } => RefusedKind::NotAsked,
            Self::Requester(_) | Self::Nobody => RefusedKind::Rule,
            Self::Voted(_) | Self::Changed { .. } | Self::OtherContent => RefusedKind::Closed,
            // The same to the voter, whether the host has closed it yet or not.
            Self::Closed { resolution: Resolution::Expired, .. } | Self::Expired(_) => RefusedKind::Expired,
            Self::Closed { .. } => RefusedKind::Closed,
            Self::Comment | Self::UnknownApprover(_) => RefusedKind::Usage,
        }
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-person",
            Self::NotAsked { .. } => "not-asked",
            Self::Requester(_) => "requester",
            Self::Voted(_) => "voted",
            Self::Closed { resolution: Resolution::Expired, .. } | Self::Expired(_) => "expired",
            Self::Closed { .. } => "closed",
            Self::Changed { .. } | Self::OtherContent => "content-changed",
            Self::Comment => "comment-too-long",
            Self::UnknownApprover(_) => "unknown-approver",
            Self::Nobody => "nobody",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(Actor::OsUser(user)) => Some(format!(
                "add `os-user: {user}` to a person in relhost.yaml; in a rehearsal use `--as PERSON`"
            )),
            Self::UnknownApprover(_) => Some("people and groups stand in relhost.yaml".into()),
            Self::NotAsked { .. } | Self::Requester(_) => {
                Some("one of those who are asked may reassign it".into())
            }
            Self::Changed { .. } | Self::OtherContent => {
                Some("`relhost approval list` shows what is asked now".into())
            }
            _ => None,
        }
    }
}

fn kind_and_name(approver: &Approver) -> String {
    match approver {
        Approver::Person(person) => format!("person `{person}`"),
        Approver::Group(group) => format!("group `{group}`"),
    }
}
