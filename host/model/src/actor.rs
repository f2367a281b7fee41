//! Who did something.

use serde::{Deserialize, Serialize};

use crate::id::PersonId;

/// Who did something: a person whom the operator's configuration knows, or a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A person of the operator's configuration.
    Person(PersonId),
    /// An operating-system user that no person of the configuration claims. Never counts as an approver.
    OsUser(String),
    /// The host or a trigger: `trigger`, `host`.
    Service(String),
}

impl Actor {
    /// The person, if it is one.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Person(person) => Some(person),
            Self::OsUser(_) | Self::Service(_) => None,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(person) => person.fmt(f),
            Self::OsUser(user) => write!(f, "os-user:{user}"),
            Self::Service(name) => write!(f, "service:{name}"),
        }
    }
}
