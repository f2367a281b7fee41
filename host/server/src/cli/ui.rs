//! The only writer: results on stdout, everything else on stderr.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use relhost_engine::port::store::Rows;
use serde::Serialize;

use super::{Color, Global, Output};
use crate::exit::{Exit, Failure, FileProblem};

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";
/// Back to the start of the line, and the line empty again.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Writes for one command.
pub struct Ui {
    output: Output,
    quiet: bool,
    /// Whether questions may be asked: a terminal on both ends, not in CI, not forbidden.
    interactive: bool,
    yes: bool,
    color: ColorChoice,
    /// Kept while live progress owns the terminal, so that lines go above it.
    progress: Mutex<Option<indicatif::MultiProgress>>,
    /// The question whose answer is being typed, so that lines do not land in it.
    asking: Mutex<Option<String>>,
    /// A result could not be written.
    lost: AtomicBool,
}

impl Ui {
    /// Prepares from the global options and the environment.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        let terminals = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self {
            output: global.output,
            quiet: global.quiet,
            interactive: terminals && !global.no_input && !ci,
            yes: global.yes,
            color: match global.color {
                Color::Auto => ColorChoice::Auto,
                Color::Always => ColorChoice::Always,
                Color::Never => ColorChoice::Never,
            },
            progress: Mutex::default(),
            asking: Mutex::default(),
            lost: AtomicBool::new(false),
        }
    }

    /// Whether questions may be asked.
    #[must_use]
    pub fn interactive(&self) -> bool {
        self.interactive
    }

    /// Whether live progress may be drawn.
    #[must_use]
    pub fn live(&self) -> bool {
        std::io::stderr().is_terminal()
            && !self.quiet
            && self.for_people()
            && std::env::var_os("RELHOST_NO_PROGRESS").is_none()
            && std::env::var_os("CI").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether results are for people.
    #[must_use]
    pub fn for_people(&self) -> bool {
        self.output == Output::Table
    }

    /// Whether results are one document per line, so that they can be written as they come.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.output == Output::Jsonl
    }

    /// Lets live progress own the terminal, or takes it back.
    pub fn set_progress(&self, progress: Option<indicatif::MultiProgress>) {
        *self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = progress;
    }

    /// A result: the value as JSON or YAML, or the text made for people.
    pub fn result(&self, value: &impl Serialize, people: impl FnOnce() -> String) {
        let text = match self.output {
            Output::Table => people(),
            Output::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
            Output::Jsonl => lines(value),
            // By way of JSON: it has no tags, so both say the same in the same form.
            Output::Yaml => serde_json::to_value(value)
                .ok()
                .and_then(|value| serde_yaml::to_string(&value).ok())
                .unwrap_or_default(),
        };
        if !text.is_empty() {
            self.raw(text.trim_end());
            self.raw("\n");
        }
    }

    /// One document on a line of its own, whatever the output mode is.
    pub fn line(&self, value: &impl Serialize) {
        self.raw(&serde_json::to_string(value).unwrap_or_default());
        self.raw("\n");
    }

    /// Text to stdout as it is. A reader that has gone away is no error; a full disk is.
    pub fn raw(&self, text: &str) {
        let mut out = AutoStream::new(std::io::stdout().lock(), self.color);
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a result could not be written: a command that did what was asked has not succeeded then.
    ///
    /// # Errors
    /// If so.
    pub fn complete(&self, exit: Exit) -> Result<Exit, Failure> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(Failure::new(
                Exit::Unexpected,
                "stdout",
                "the result could not be written to stdout",
            ));
        }
        Ok(exit)
    }

    /// A note for a person.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// A warning.
    pub fn warn(&self, text: &str) {
        self.say(&format!("{YELLOW}warning:{RESET} {text}"));
    }

    /// Takes what could be read of a list, and warns of what could not.
    pub fn readable<T>(&self, found: Rows<T>) -> Vec<T> {
        for problem in &found.damaged {
            self.warn(&format!("left out: {problem}"));
        }
        found.rows
    }

    /// What to do next.
    pub fn hint(&self, text: &str) {
        self.note(&format!("{CYAN}{text}{RESET}"));
    }

    /// A status word in its colour.
    #[must_use]
    pub fn status(&self, word: &str) -> String {
        let color = match word {
            "succeeded" | "approved" => GREEN,
            "failed" | "rejected" | "quarantined" | "canceled" | "FAIL" => RED,
            "not started" | "skipped" | "superseded" | "pass" => DIM,
            _ => YELLOW,
        };
        format!("{color}{word}{RESET}")
    }

    /// Dimmed text.
    #[must_use]
    pub fn dim(&self, text: &str) -> String {
        format!("{DIM}{text}{RESET}")
    }

    /// Reports a failure and returns its exit code.
    #[must_use]
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if self.for_people() {
            self.say(describe(failure).trim_end());
        } else {
            self.say(&serde_json::json!({ "error": failure }).to_string());
        }
        ExitCode::from(failure.exit.code())
    }

    /// Puts a question behind which the answer is typed. Lines that come meanwhile go above it.
    pub fn ask(&self, question: &str) {
        let question = format!("{CYAN}{question}{RESET} ");
        *self.asking.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(question.clone());
        self.write(&question);
    }

    /// The question is answered; `typed` says whether the answer ended its line.
    pub fn answered(&self, typed: bool) {
        let asked = self.asking.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if asked.is_some() && !typed {
            self.write("\n");
        }
    }

    /// Asks a question that `--yes` answers. Without a terminal the answer is `None`.
    #[must_use]
    pub fn confirm(&self, question: &str) -> Option<bool> {
        if self.yes {
            return Some(true);
        }
        if !self.interactive {
            return None;
        }
        self.write(&format!("{question} [y/N] "));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer).is_ok();
        Some(read && matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn say(&self, text: &str) {
        let progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(progress) = &*progress {
            let _not_drawn = progress.println(self.colored(text));
            return;
        }
        let asking = self.asking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*asking {
            Some(question) if self.colors() => self.write(&format!("{CLEAR_LINE}{text}\n{question}")),
            Some(question) => self.write(&format!("\n{text}\n{question}")),
            None => self.write(&format!("{text}\n")),
        }
    }

    fn write(&self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr().lock(), self.color);
        let _closed = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// The text with or without its colours, for a writer that does not decide that.
    fn colored(&self, text: &str) -> String {
        if self.colors() { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
    }

    /// Whether stderr gets escape sequences.
    fn colors(&self) -> bool {
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(&std::io::stderr()),
            given => given,
        };
        choice != ColorChoice::Never
    }
}

fn describe(failure: &Failure) -> String {
    let mut text = format!("{RED}error:{RESET} {}\n", failure.message);
    failure.problems.iter().for_each(|problem| text.push_str(&in_place(problem)));
    for line in failure.details.iter().flat_map(|detail| detail.trim_end().lines()) {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(help) = &failure.help {
        text.push_str(&format!("{CYAN}help:{RESET} {help}\n"));
    }
    text
}

fn in_place(problem: &FileProblem) -> String {
    let color = if problem.severity == "warning" { YELLOW } else { RED };
    let mut text = format!(
        "{BOLD}{}:{RESET} {color}{}:{RESET} {}\n",
        problem.place(),
        problem.severity,
        problem.message
    );
    let mut lines = problem.snippet.iter().flat_map(|snippet| snippet.lines());
    if let (Some(source), Some(caret)) = (lines.next(), lines.next()) {
        text.push_str(&format!("{source}\n{color}{caret}{RESET}\n"));
    }
    if let Some(help) = &problem.help {
        text.push_str(&format!("  {CYAN}help:{RESET} {help}\n"));
    }
    text
}

fn lines(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Array(items)) => items.iter().map(|item| format!("{item}\n")).collect(),
        Ok(item) => format!("{item}\n"),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_in_a_file_is_shown_in_its_place() {
        let problem = FileProblem {
            file: "pipeline.yaml".into(),
            line: Some(3),
            column: Some(5),
            severity: "error".into(),
            code: "unknown-key".into(),
            path: "stages[0]".into(),
            message: "unknown key `enviroment`".into(),
            snippet: Some(" 3 |     enviroment: dev\n   |     ^^^^^^^^^^\n".into()),
            help: Some("did you mean `environment`?".into()),
        };
        let mut failure = Failure::new(Exit::Invalid, "invalid-file", "pipeline.yaml has a problem");
        failure.problems = Box::new([problem]);
        insta::assert_snapshot!(anstream::adapter::strip_str(&describe(&failure)).to_string(), @"
        error: pipeline.yaml has a problem
        pipeline.yaml:3:5: error: unknown key `enviroment`
         3 |     enviroment: dev
           |     ^^^^^^^^^^
          help: did you mean `environment`?
        ");
    }
}
