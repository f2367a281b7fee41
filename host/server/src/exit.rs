//! How a command ends: the exit codes, and the error that carries one to the edge.

use serde::{Deserialize, Serialize};

/// The exit codes of the whole tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Done as asked (partially succeeded too, said plainly).
    Done,
    /// Unexpected error, storage fault.
    Unexpected,
    /// Usage, invalid pipeline or configuration.
    Invalid,
    /// The release failed or was canceled.
    Failed,
    /// Not one of those asked, not allowed.
    NotAllowed,
    /// Rejected by an approver.
    Rejected,
    /// Expired or timed out.
    Expired,
    /// Owned elsewhere, locked, superseded, already decided.
    Conflict,
    /// Refused by a rule: requester, minimum, grant, policy.
    Refused,
    /// Differences found.
    Differs,
    /// Still waiting, or quarantined: needs a person.
    NeedsPerson,
    /// Interrupted; state kept.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Invalid => 2,
            Self::Failed => 3,
            Self::NotAllowed => 4,
            Self::Rejected => 5,
            Self::Expired => 6,
            Self::Conflict => 7,
            Self::Refused => 8,
            Self::Differs => 9,
            Self::NeedsPerson => 10,
            Self::Interrupted => 130,
        }
    }
}

/// One thing that is wrong in a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    /// The file as the user named it.
    pub file: String,
    /// From 1; nothing for a problem of the whole file.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// `error`, or `warning` for what does not keep the file from being used.
    pub severity: String,
    /// A stable word, for example `unknown-key`.
    pub code: String,
    /// The way to it from the top, for example `stages[2].with`.
    pub path: String,
    /// One sentence.
    pub message: String,
    /// The line of the file, and a line with a caret under the place.
    pub snippet: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl FileProblem {
    /// `pipeline.yaml:21:5`, as editors and search tools know it.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            _ => self.file.clone(),
        }
    }
}

/// What a person is told when something does not work. It crosses the socket as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// A stable word, for example `not-asked`.
    pub code: String,
    /// One sentence: what failed and, after a colon, why.
    pub message: String,
    /// Further lines: causes, evidence.
    pub details: Vec<String>,
    /// What is wrong in a file that a person wrote.
    #[serde(default, skip_serializing_if = "<[FileProblem]>::is_empty")]
    pub problems: Box<[FileProblem]>,
    /// What to do next.
    pub help: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// A failure with its exit code, stable word and sentence.
    #[must_use]
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            problems: Box::default(),
            help: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a line.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Without color, for a log: what failed, what is wrong in which place, and the details, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        let problem = |problem: &FileProblem| format!("{}: {}", problem.place(), problem.message);
        let problems = self.problems.iter().map(problem);
        let lines = std::iter::once(self.message.clone()).chain(problems).chain(self.details.iter().cloned());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// From an error and its causes, outermost first.
    #[must_use]
    pub fn chain(exit: Exit, code: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(exit, code, message)
    }
}

impl From<relhost_engine::port::store::StoreError> for Failure {
    fn from(error: relhost_engine::port::store::StoreError) -> Self {
        use relhost_engine::port::store::StoreError as E;
        let (exit, code) = match &error {
            E::FenceLost { .. } | E::SequenceConflict { .. } | E::Conflict { .. } => {
                (Exit::Conflict, "conflict")
            }
            E::KeyExists { .. } => (Exit::Conflict, "key-exists"),
            E::Owned { .. } => (Exit::Conflict, "owned"),
            E::Fatal { .. } => (Exit::Unexpected, "storage-fault"),
            E::Damaged { .. } => (Exit::Unexpected, "storage-damaged"),
        };
        Self::chain(exit, code, &error)
    }
}

impl From<relhost_model::call::CallError> for Failure {
    fn from(error: relhost_model::call::CallError) -> Self {
        let exit = match error.code.as_str() {
            "denied" => Exit::Refused,
            _ => Exit::Unexpected,
        };
        let mut failure = Self::new(exit, &error.code, error.message);
        for (name, value) in error.details {
            if name == "help" {
                failure.help = Some(value);
            } else {
                failure.details.push(format!("{name}: {value}"));
            }
        }
        failure
    }
}
