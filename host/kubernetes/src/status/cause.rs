//! Why something does not work, in words that a plugin can compare and a person can read.

use relhost_model::time::Timestamp;

/// What kind of cause it is. The order is the rank: where several hold, the first one explains the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The image's name cannot be read.
    ImageInvalid,
    /// The registry or the node does not have the image.
    ImageNotFound,
    /// The registry does not give the image away, or hides that it does not exist.
    ImageDenied,
    /// The image cannot be pulled for another reason, for example because the registry is away.
    ImagePull,
    /// A ConfigMap, a Secret, a key of one, or a ServiceAccount does not exist.
    ConfigMissing,
    /// The node cannot make the container as it is described.
    ContainerInvalid,
    /// A container was killed because it used more memory than it may.
    OutOfMemory,
    /// A container ends again and again, or cannot be started.
    CrashLoop,
    /// A container that has to end well ended badly, or its Job gave up.
    JobFailed,
    /// A bare pod failed.
    PodFailed,
    /// The namespace's quota does not allow the pods.
    Quota,
    /// An admission rule or a webhook refuses the pods.
    Refused,
    /// No node takes the pod.
    Unschedulable,
    /// A volume cannot be attached or mounted.
    Volume,
    /// The object is not there any more, or another one has its name.
    Gone,
    /// It cannot go on by itself, as its controller or the state of its pods says.
    Stalled,
    /// Containers run and do not become ready.
    NeverReady,
    /// A Deployment did not get on within its own deadline.
    ProgressDeadline,
    /// The wait is over, and no cause is known.
    Timeout,
}

impl Code {
    /// The word that plugins compare.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ImageInvalid => "image-invalid",
            Self::ImageNotFound => "image-not-found",
            Self::ImageDenied => "image-denied",
            Self::ImagePull => "image-pull",
            Self::ConfigMissing => "config-missing",
            Self::ContainerInvalid => "container-invalid",
            Self::OutOfMemory => "out-of-memory",
            Self::CrashLoop => "crash-loop",
            Self::JobFailed => "job-failed",
            Self::PodFailed => "pod-failed",
            Self::Quota => "quota",
            Self::Refused => "pods-refused",
            Self::Unschedulable => "unschedulable",
            Self::Volume => "volume",
            Self::Gone => "object-gone",
            Self::Stalled => "stalled",
            Self::NeverReady => "never-ready",
            Self::ProgressDeadline => "progress-deadline",
            Self::Timeout => "timeout",
        }
    }

    /// Whether it may pass without a change of what was deployed.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::ImagePull
                | Self::Quota
                | Self::Unschedulable
                | Self::Volume
                | Self::NeverReady
                | Self::ProgressDeadline
                | Self::Timeout
        )
    }

    /// Whether the container's log is likely to say more.
    #[must_use]
    pub fn is_told_by_log(self) -> bool {
        matches!(
            self,
            Self::OutOfMemory | Self::CrashLoop | Self::JobFailed | Self::PodFailed | Self::NeverReady
        )
    }
}

/// One fact that supports a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it is: `reason`, `exit-code`, `event`, `log`.
    pub name: &'static str,
    /// What was seen.
    pub value: String,
}

/// Why an object does not become ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its kind.
    pub code: Code,
    /// The applied object, `Kind/name`.
    pub object: String,
    /// The pod where it was seen.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// One sentence without the object's name.
    pub message: String,
    /// Since when it has been so, by the cluster's clock.
    pub since: Option<Timestamp>,
    /// What supports it.
    pub evidence: Vec<Evidence>,
}

impl Cause {
    /// A cause without further facts.
    #[must_use]
    pub fn new(code: Code, object: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            object: object.into(),
            pod: None,
            container: None,
            message: message.into(),
            since: None,
            evidence: Vec::new(),
        }
    }

    /// Adds when it began.
    #[must_use]
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    /// Adds a fact, unless it is empty or already there.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.add(name, value.into());
        self
    }

    /// Adds a fact, unless it is empty or already there.
    pub fn add(&mut self, name: &'static str, value: String) {
        let fact = Evidence { name, value };
        if !fact.value.is_empty() && !self.evidence.contains(&fact) {
            self.evidence.push(fact);
        }
    }

    /// The facts of one name.
    pub fn facts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.evidence.iter().filter(move |fact| fact.name == name).map(|fact| fact.value.as_str())
    }
}
