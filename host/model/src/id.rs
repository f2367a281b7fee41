//! Ids and names. Each is a type of its own, so that mixing two of them does not compile, and each is
//! checked where it enters.

use serde::{Deserialize, Deserializer, Serialize};

/// A name or id that is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} {problem}")]
pub struct InvalidId {
    /// Which kind of name or id was expected, for example `stage name`.
    pub what: &'static str,
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "-"))
                    .and_then(|number| number.parse().ok())
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        what: $what,
                        text: text.into(),
                        problem: concat!("does not look like `", $prefix, "-7`").into(),
                    })
            }
        }
    };
}

number_id!(
    /// A release, unique in one state folder. Text form `rel-7`.
    ReleaseId, "rel", "release id"
);
number_id!(
    /// One attempt to run one stage of one release. Text form `dep-7`.
    DeploymentId, "dep", "deployment id"
);
number_id!(
    /// One execution of a stage component. Text form `run-7`.
    RunId, "run", "run id"
);
number_id!(
    /// One wait for people. Text form `apr-7`.
    ApprovalId, "apr", "approval id"
);

/// A run's public id. Effect keys are derived from it, so it never changes and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunUuid(pub uuid::Uuid);

impl std::fmt::Display for RunUuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a name may be, for people.
pub(crate) const NAME_ADVICE: &str = "a name has up to 100 letters, digits, `-`, `_` and `.`";

/// The longest name of anything. Kubernetes label values end at 63, and a mail subject holds three names.
pub const NAME_MAX: usize = 100;

fn check(what: &'static str, text: &str, extra: &str) -> Result<(), InvalidId> {
    let allowed = |c: &char| c.is_alphanumeric() || "-_.".contains(*c) || extra.contains(*c);
    let problem = if text.is_empty() {
        Some("is empty".to_owned())
    } else if text.len() > NAME_MAX {
        Some(format!("is longer than {NAME_MAX} bytes"))
    } else if text.chars().all(|c| c == '.') || text.trim() != text {
        // As a file's name the first would be another folder; the second looks like another name.
        Some("is nothing but dots, or starts or ends with a space".to_owned())
    } else {
        let wrong = text.chars().find(|c| !allowed(c));
        wrong.map(|c| format!("holds {c:?}"))
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(InvalidId { what, text: text.into(), problem }),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            /// If it is empty, too long, or holds characters that are not allowed.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check($what, &text, $extra)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A pipeline's name.
    PipelineName, "pipeline name", " "
);
name!(
    /// A stage's name within its pipeline.
    StageName, "stage name", " "
);
name!(
    /// An environment of the operator's configuration.
    EnvironmentName, "environment name", ""
);
name!(
    /// A plugin's name within its pipeline or plugin set.
    PluginName, "plugin name", ""
);
name!(
    /// A cluster connection of the operator's configuration.
    ClusterName, "cluster connection name", ""
);
name!(
    /// A registry connection of the operator's configuration.
    RegistryName, "registry connection name", ""
);
name!(
    /// A named secret of the operator's configuration.
    SecretName, "secret name", ""
);
name!(
    /// A person of the operator's configuration.
    PersonId, "person", "@"
);
name!(
    /// A group of the operator's configuration.
    GroupName, "group name", ""
);
name!(
    /// An artifact's alias within its pipeline.
    Alias, "artifact alias", " "
);
