//! Variables: `$(Name)` in settings, instructions and names.
//!
//! Pure substitution, nothing is evaluated. A text is gone through once; what was put in is not looked at
//! again, but the value of a variable may itself name others, which are resolved first. Names are compared
//! without case. `$(` without a `)` stays as it is, and of `$($(a))` only the inner name counts.
//!
//! [`Scope`] says which definition wins. Values that come from outside the pipeline (a branch, a person's
//! name) are never gone through, so nobody can smuggle a reference in through them.

mod predefined;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use predefined::{ReleaseFacts, StageFacts, of_release, predefined, predefined_names};
pub use reference::{Reference, references};
use serde_json::Value;

use crate::yaml::suggest;

/// The longest text after substitution, in bytes. Variables that double each other reach any size in a few
/// lines; settings of real stages stay far below.
pub const RESOLVED_MAX: usize = 256 * 1024;
/// All texts of one pass together, in bytes: those of a stage's settings, or all variables. Each is stored with
/// its deployment, a file of a megabyte has room for twenty thousand texts, and what twenty builds may say of
/// themselves is half of it.
pub const RESOLVED_TOTAL_MAX: usize = 16 * 1024 * 1024;
/// So many variables may lead to each other. Real chains are two or three long; the bound keeps the stack small.
pub const CHAIN_MAX: usize = 32;
/// The longest name of a variable, in bytes.
pub const NAME_MAX: usize = 200;
/// Names that start so are the host's.
pub const RESERVED_PREFIXES: [&str; 4] = ["Build.", "Release.", "System.", "Agent."];

/// Where a variable is defined. The later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// By the host: `Release.ReleaseName`, `Build.BuildId`. The values are literal.
    Predefined,
    /// By the pipeline.
    Pipeline,
    /// By the stage.
    Stage,
    /// On the command line, for one release.
    Override,
}

/// Why a text cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Nobody defines it.
    #[error("variable `{name}` is not defined{}", in_variable(.within.as_deref()))]
    Undefined {
        /// As it is written.
        name: String,
        /// Where in the text the `$(` stands, in bytes.
        at: usize,
        /// The variable whose value names it, if it is not the text itself.
        within: Option<String>,
        /// What may help, for example `did you mean ...`.
        help: Option<String>,
        /// Inside settings: the way to the text, for example `images[0]`.
        path: String,
    },
    /// Variables name each other in a circle.
    #[error("variables name each other in a circle: {}", .names.join(" -> "))]
    Cycle {
        /// The circle; the first is also the last.
        names: Vec<String>,
        /// Inside settings: the way to the text.
        path: String,
    },
    /// Too many variables lead to each other.
    #[error("more than {CHAIN_MAX} variables lead to each other, starting with `{name}`")]
    Chain {
        /// Where it starts.
        name: String,
        /// Inside settings: the way to the text.
        path: String,
    },
    /// The result is too long.
    #[error("the text is longer than {RESOLVED_MAX} bytes once its variables are put in")]
    TooLong {
        /// Inside settings: the way to the text.
        path: String,
    },
    /// All results together are too long.
    #[error("the texts are longer than {RESOLVED_TOTAL_MAX} bytes together once their variables are put in")]
    TooMuch {
        /// Inside settings: the way to the text with which they are.
        path: String,
    },
}

fn in_variable(within: Option<&str>) -> String {
    within.map(|name| format!(" (variable `{name}` names it)")).unwrap_or_default()
}

impl VariableError {
    /// The way to the text inside settings; empty for a plain text.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Undefined { path, .. }
            | Self::Cycle { path, .. }
            | Self::Chain { path, .. }
            | Self::TooLong { path }
            | Self::TooMuch { path } => path,
        }
    }

    /// What may help.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Undefined { help, .. } => help.as_deref(),
            Self::Cycle { .. } | Self::Chain { .. } | Self::TooLong { .. } | Self::TooMuch { .. } => None,
        }
    }

    fn under(mut self, prefix: &str) -> Self {
        match &mut self {
            Self::Undefined { path, .. }
            | Self::Cycle { path, .. }
            | Self::Chain { path, .. }
            | Self::TooLong { path }
            | Self::TooMuch { path } => prefix.clone_into(path),
        }
        self
    }
}

/// A name that no pipeline and no command line may define.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, too long, or with characters that cannot stand in `$(...)`.
    #[error("variable name {0:?} {1}")]
    Malformed(String, &'static str),
    /// One of [`RESERVED_PREFIXES`].
    #[error("variable names that start with `{1}` are the host's, so `{0}` cannot be defined")]
    Reserved(String, &'static str),
}

/// Checks the name of a variable that a pipeline, a stage or a command line defines.
///
/// # Errors
/// If it is not well-formed, or reserved.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    let malformed = |problem| Err(InvalidName::Malformed(name.into(), problem));
    if name.is_empty() {
        return malformed("is empty");
    }
    if name.len() > NAME_MAX {
        return malformed("is longer than 200 bytes");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
        return malformed("holds something else than letters, digits, `-`, `_` and `.`");
    }
    let lower = name.to_lowercase();
    match RESERVED_PREFIXES.into_iter().find(|prefix| lower.starts_with(&prefix.to_lowercase())) {
        Some(prefix) => Err(InvalidName::Reserved(name.into(), prefix)),
        None => Ok(()),
    }
}

#[derive(Debug, Clone)]
struct Definition {
    name: String,
    value: String,
    scope: Scope,
}

/// The variables of one deployment, in every scope.
#[derive(Debug, Clone)]
pub struct Variables {
    /// By name in lower case.
    defined: BTreeMap<String, Definition>,
    undefined_stays: bool,
}

impl Variables {
    /// No variables. An undefined name is an error.
    #[must_use]
    pub fn strict() -> Self {
        Self { defined: BTreeMap::new(), undefined_stays: false }
    }

    /// No variables. An undefined name stays in the text as it is, as in Azure: `legacy-variables: true`.
    #[must_use]
    pub fn legacy() -> Self {
        Self { undefined_stays: true, ..Self::strict() }
    }

    /// No variables, with the rule of a pipeline's `legacy-variables`.
    #[must_use]
    pub fn for_pipeline(pipeline: &crate::pipeline::Pipeline) -> Self {
        if pipeline.legacy_variables { Self::legacy() } else { Self::strict() }
    }

    /// Adds definitions. Of two definitions of a name the one of the narrower scope wins, in whatever order
    /// the scopes are added.
    #[must_use]
    pub fn with<N: Into<String>, V: Into<String>>(
        mut self,
        scope: Scope,
        definitions: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        for (name, value) in definitions {
            let name = name.into();
            let key = name.to_lowercase();
            if self.defined.get(&key).is_none_or(|old| old.scope <= scope) {
                self.defined.insert(key, Definition { name, value: value.into(), scope });
            }
        }
        self
    }

    /// Whether a name is defined.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.defined.contains_key(&name.to_lowercase())
    }

    /// A text with every variable put in.
    ///
    /// # Errors
    /// If a name is not defined (unless it stays), names form a circle, or the result is too long.
    pub fn resolve(&self, text: &str) -> Result<String, VariableError> {
        Resolver::new(self).text(text)
    }

    /// Settings with every variable put in. Keys stay as they are.
    ///
    /// # Errors
    /// As [`Variables::resolve`], with the way to the text.
    pub fn resolve_value(&self, value: &Value) -> Result<Value, VariableError> {
        Resolver::new(self).value(value, &mut String::new())
    }

    /// Every variable with its value, keys in lower case: what a stage may ask for.
    ///
    /// # Errors
    /// As [`Variables::resolve`]; the way is the variable's name.
    pub fn resolve_all(&self) -> Result<BTreeMap<String, String>, VariableError> {
        let mut resolver = Resolver::new(self);
        let mut values = BTreeMap::new();
        for (key, definition) in &self.defined {
            let value = resolver
                .variable(key, definition)
                .and_then(|value| resolver.count(value))
                .map_err(|error| error.under(&definition.name))?;
            values.insert(key.clone(), value);
        }
        Ok(values)
    }

    fn help_for(&self, name: &str) -> Option<String> {
        predefined::help_for(name).or_else(|| {
            let names = self.defined.values().map(|definition| definition.name.as_str());
            suggest::did_you_mean(name, names)
        })
    }
}

/// One pass over texts, with what it has found out on the way.
struct Resolver<'a> {
    variables: &'a Variables,
    /// The variables that are being resolved, outermost first.
    chain: Vec<String>,
    /// By name in lower case.
    done: BTreeMap<String, String>,
    /// Bytes of the results so far.
    bytes: usize,
}

impl<'a> Resolver<'a> {
    fn new(variables: &'a Variables) -> Self {
        Self { variables, chain: Vec::new(), done: BTreeMap::new(), bytes: 0 }
    }

    fn count(&mut self, result: String) -> Result<String, VariableError> {
        self.bytes += result.len();
        if self.bytes > RESOLVED_TOTAL_MAX {
            return Err(VariableError::TooMuch { path: String::new() });
        }
        Ok(result)
    }

    fn text(&mut self, text: &str) -> Result<String, VariableError> {
        let mut result = String::with_capacity(text.len());
        let mut copied = 0;
        for reference in references(text) {
            result.push_str(&text[copied..reference.start]);
            match self.reference(&reference)? {
                Some(value) => result.push_str(&value),
                None => result.push_str(&text[reference.start..reference.end]),
            }
            copied = reference.end;
            self.check_length(&result)?;
        }
        result.push_str(&text[copied..]);
        self.check_length(&result)?;
        Ok(result)
    }

    fn check_length(&self, result: &str) -> Result<(), VariableError> {
        if result.len() > RESOLVED_MAX {
            return Err(VariableError::TooLong { path: String::new() });
        }
        Ok(())
    }

    /// The value of a reference, or nothing if it stays in the text.
    fn reference(&mut self, reference: &Reference<'_>) -> Result<Option<String>, VariableError> {
        let variables = self.variables;
        let key = reference.name.to_lowercase();
        match variables.defined.get(&key) {
            Some(definition) => self.variable(&key, definition).map(Some),
            None if variables.undefined_stays => Ok(None),
            None => Err(VariableError::Undefined {
                name: reference.name.to_owned(),
                at: reference.start,
                within: self.chain.last().cloned(),
                help: variables.help_for(reference.name),
                path: String::new(),
            }),
        }
    }

    fn variable(&mut self, key: &str, definition: &Definition) -> Result<String, VariableError> {
        if definition.scope == Scope::Predefined {
            return Ok(definition.value.clone());
        }
        if let Some(value) = self.done.get(key) {
            return Ok(value.clone());
        }
        if let Some(start) = self.chain.iter().position(|name| name.to_lowercase() == key) {
            let mut names = self.chain[start..].to_vec();
            names.extend(names.first().cloned());
            return Err(VariableError::Cycle { names, path: String::new() });
        }
        if self.chain.len() == CHAIN_MAX {
            return Err(VariableError::Chain { name: self.chain[0].clone(), path: String::new() });
        }
        self.chain.push(definition.name.clone());
        let value = self.text(&definition.value)?;
        self.chain.pop();
        self.done.insert(key.to_owned(), value.clone());
        Ok(value)
    }

    fn value(&mut self, value: &Value, path: &mut String) -> Result<Value, VariableError> {
        let length = path.len();
        Ok(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => {
                let text = self.text(text).and_then(|text| self.count(text));
                Value::String(text.map_err(|error| error.under(path))?)
            }
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    resolved.push(self.value(item, path)?);
                    path.truncate(length);
                }
                Value::Array(resolved)
            }
            Value::Object(entries) => {
                let mut resolved = serde_json::Map::new();
                for (key, item) in entries {
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(key);
                    resolved.insert(key.clone(), self.value(item, path)?);
                    path.truncate(length);
                }
                Value::Object(resolved)
            }
        })
    }
}
