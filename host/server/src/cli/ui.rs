//! The only writer: results on stdout, everything else on stderr.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use anstream::AutoStream;
use serde::Serialize;

use super::{Color, Global, Output};
use crate::exit::Failure;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Writes for one command.
pub struct Ui {
    output: Output,
    quiet: bool,
    /// Whether questions may be asked: a terminal on both ends, not in CI, not forbidden.
    interactive: bool,
    yes: bool,
    color: anstream::ColorChoice,
    /// Kept while live progress owns the terminal, so that lines go above it.
    progress: Mutex<Option<indicatif::MultiProgress>>,
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
                Color::Auto => anstream::ColorChoice::Auto,
                Color::Always => anstream::ColorChoice::Always,
                Color::Never => anstream::ColorChoice::Never,
            },
            progress: Mutex::default(),
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
            && std::env::var_os("RELHOST_NO_PROGRESS").is_none()
            && std::env::var_os("CI").is_none()
    }

    /// Whether results are for people.
    #[must_use]
    pub fn for_people(&self) -> bool {
        self.output == Output::Table
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
            Output::Yaml => serde_yaml::to_string(value).unwrap_or_default(),
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

    /// Text to stdout as it is. A reader that has gone away is no error.
    pub fn raw(&self, text: &str) {
        let mut out = AutoStream::new(std::io::stdout().lock(), self.color);
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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

    /// What to do next.
    pub fn hint(&self, text: &str) {
        self.note(&format!("{CYAN}{text}{RESET}"));
    }

    /// A status word in its colour.
    #[must_use]
    pub fn status(&self, word: &str) -> String {
        let color = match word {
            "succeeded" | "approved" => GREEN,
            "failed" | "quarantined" | "canceled" => RED,
            "not started" | "skipped" | "superseded" => DIM,
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
        self.set_progress(None);
        if self.for_people() {
            self.say(&format!("{RED}error:{RESET} {}", failure.message));
            for detail in &failure.details {
                for line in detail.trim_end().lines() {
                    self.say(&format!("  {line}"));
                }
            }
            if let Some(help) = &failure.help {
                self.say(&format!("{CYAN}help:{RESET} {help}"));
            }
        } else {
            self.say(&serde_json::json!({ "error": failure }).to_string());
        }
        ExitCode::from(failure.exit.code())
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
        self.say(&format!("{question} [y/N]"));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer).is_ok();
        Some(read && matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn say(&self, text: &str) {
        let progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(progress) = &*progress {
            let _not_drawn = progress.println(text);
            return;
        }
        let mut err = AutoStream::new(std::io::stderr().lock(), self.color);
        let _closed = writeln!(err, "{text}");
    }
}

fn lines(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Array(items)) => items.iter().map(|item| format!("{item}\n")).collect(),
        Ok(item) => format!("{item}\n"),
        Err(_) => String::new(),
    }
}

/// A table without borders, as the tools people know draw it.
#[must_use]
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
