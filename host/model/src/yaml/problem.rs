//! What is wrong in a file, and where.

use std::fmt::Write as _;
use std::sync::Arc;

/// So many problems are written out; a file that is wrong everywhere would fill the terminal otherwise.
pub const PROBLEMS_SHOWN: usize = 50;
/// So many characters of a source line are shown: it fits beside the line number in a wide terminal.
const LINE_SHOWN: usize = 120;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In bytes, from 0.
    pub offset: usize,
    /// In bytes; 0 where only the start is known.
    pub len: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and somebody should look at it.
    Warning,
}

/// One thing that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// A stable word, for example `unknown-key`.
    pub code: &'static str,
    /// Where, if it is somewhere.
    pub place: Option<Place>,
    /// The way to it from the top, for example `stages[2].with`. Empty at the top.
    pub path: String,
    /// One sentence: a lower-case fragment without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// An error.
    #[must_use]
    pub fn error(code: &'static str, place: Option<Place>, path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            place,
            path: path.into(),
            message: message.into(),
            help: None,
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, place: Option<Place>, path: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, path, message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong in one file, with the text of the file, so that it can be shown in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file: String,
    source: Option<Arc<str>>,
    list: Vec<Problem>,
}

/// Problems none of which is an error.
pub type Warnings = Problems;

impl Problems {
    /// No problems yet.
    #[must_use]
    pub fn new(file: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), source: Some(source.into()), list: Vec::new() }
    }

    /// No problems yet in a text that must not be shown.
    #[must_use]
    pub fn without_source(file: impl Into<String>) -> Self {
        Self { file: file.into(), source: None, list: Vec::new() }
    }

    /// The same problems under another file name.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// The file's name as the user knows it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's text, if it may be shown. What must not be seen is already masked; offsets still hold.
    #[must_use]
    pub fn source_text(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// Adds all of another list about the same file.
    pub fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Masks a part of the text: a password that stands in a file must not reach a terminal or a log.
    pub fn hide(&mut self, place: Place) {
        let Some(source) = &self.source else { return };
        let hidden = place.offset..place.offset.saturating_add(place.len);
        let mut masked = String::with_capacity(source.len());
        for (offset, c) in source.char_indices() {
            if hidden.contains(&offset) && c != '\n' {
                // One star per byte: the offsets of everything behind it stay as they are.
                masked.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                masked.push(c);
            }
        }
        self.source = Some(masked.into());
    }

    /// In the order of the file, each only once: what a clone inherits would be reported once per clone.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.list.sort_by(|a, b| {
            (a.place.is_none(), a.place, a.severity).cmp(&(b.place.is_none(), b.place, b.severity))
        });
        self.list.dedup_by(|a, b| a.place.is_some() && a.place == b.place && a.message == b.message);
        self
    }

    /// The value with the warnings, or all problems if one of them is an error.
    ///
    /// # Errors
    /// If one of the problems is an error.
    ///
    /// # Panics
    /// If there is neither a value nor an error, which is a defect of the reader.
    pub fn finish<T>(self, value: Option<T>) -> Result<(T, Warnings), Self> {
        if self.has_errors() {
            return Err(self.sorted());
        }
        let value = value.expect("a reader that gives up has reported why");
        Ok((value, self.sorted()))
    }

    /// As plain text: `file:line:column: error: message`, the line with a caret, and the help.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for problem in self.list.iter().take(PROBLEMS_SHOWN) {
            self.render_one(problem, &mut text);
        }
        if self.list.len() > PROBLEMS_SHOWN {
            let _ = writeln!(text, "... and {} more", self.list.len() - PROBLEMS_SHOWN);
        }
        text
    }

    /// The line of the file that a problem is about, and a line with a caret under its place. Nothing for a
    /// text that must not be shown.
    #[must_use]
    pub fn snippet(&self, problem: &Problem) -> Option<String> {
        let mut text = String::new();
        render_line(problem.place?, self.source.as_deref()?, &mut text);
        (!text.is_empty()).then_some(text)
    }

    fn render_one(&self, problem: &Problem, text: &mut String) {
        let word = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        // Writing to a string cannot fail.
        let _ = match problem.place {
            Some(place) => write!(text, "{}:{}:{}: ", self.file, place.line, place.column),
            None => write!(text, "{}: ", self.file),
        };
        let _ = writeln!(text, "{word}: {}", printable(&problem.message));
        text.push_str(&self.snippet(problem).unwrap_or_default());
        if let Some(help) = &problem.help {
            let _ = writeln!(text, "  help: {}", printable(help));
        }
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render().trim_end())
    }
}

impl std::error::Error for Problems {}

/// Text from a file must not drive the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn render_line(place: Place, source: &str, text: &mut String) {
    let Some(line) = source.lines().nth(place.line.saturating_sub(1)) else { return };
    let before = place.column.saturating_sub(1);
    // Long lines are cut on both sides of the place.
    let start = before.saturating_sub(LINE_SHOWN / 2);
    let shown: String = printable(line).chars().skip(start).take(LINE_SHOWN).collect();
    let end = source.get(place.offset..place.offset + place.len).unwrap_or_default();
    let marked = end.lines().next().unwrap_or_default().chars().count();
    let room = shown.chars().count().saturating_sub(before - start);
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let caret = "^".repeat(marked.clamp(1, room.max(1)));
    let _ = writeln!(text, " {number} | {}", shown.trim_end());
    let _ = writeln!(text, " {margin} | {}{caret}", " ".repeat(before - start));
}
