//! Mails as their recipient sees them: decoded by a mail library that is not ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::python::program;
use crate::wait::until;

/// A mail leaves as soon as what it is about is durable.
const DELIVERY: Duration = Duration::from_secs(180);

/// What the text part says before the code.
const CODE: &str = "The page asks for this code: ";

/// A mail that was read.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its file.
    pub file: PathBuf,
    /// Headers by lower-case name, decoded.
    pub headers: BTreeMap<String, String>,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// What is shown of the HTML part.
    pub words: String,
    /// Where its links lead.
    pub links: Vec<String>,
}

impl Letter {
    /// Reads a file.
    ///
    /// # Panics
    /// If it is no mail that a client can show.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let output = program("read_mail.py").arg(file).output().expect("start the mail reader");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", file.display());
        let read: Value = serde_json::from_slice(&output.stdout).expect("the reader prints JSON");
        let text = |name: &str| read[name].as_str().expect("a text").to_owned();
        Self {
            file: file.to_owned(),
            headers: serde_json::from_value(read["headers"].clone()).expect("headers"),
            text: text("text"),
            html: text("html"),
            words: text("words"),
            links: serde_json::from_value(read["links"].clone()).expect("links"),
        }
    }

    /// A header.
    ///
    /// # Panics
    /// If there is none of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// The page on which to decide: what the button of the HTML part leads to, and the text part names.
    ///
    /// # Panics
    /// If there is none, or the parts disagree.
    #[must_use]
    pub fn link(&self) -> &str {
        let link = self.links.iter().find(|link| link.contains("/decide/")).expect("a link to decide by");
        assert!(self.text.lines().any(|line| line == link), "{link} is not in\n{}", self.text);
        link
    }

    /// The code, which both parts show.
    ///
    /// # Panics
    /// If there is none, or the parts disagree.
    #[must_use]
    pub fn code(&self) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix(CODE)).expect("a code");
        assert!(self.words.contains(line), "{line} is not in\n{}", self.words);
        line
    }
}

/// A folder of messages, each read once.
#[derive(Debug, Default)]
pub struct Mailbox {
    folder: PathBuf,
    read: BTreeMap<PathBuf, Letter>,
}

impl Mailbox {
    /// The messages of a folder, which need not exist yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, read: BTreeMap::new() }
    }

    /// All that are there now.
    ///
    /// # Panics
    /// If one of them cannot be read.
    pub fn letters(&mut self) -> impl Iterator<Item = &Letter> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let complete = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with(".eml") && !name.starts_with('.')
        };
        for path in entries.map(|entry| entry.path()).filter(complete) {
            self.read.entry(path).or_insert_with_key(|path| Letter::read(path));
        }
        self.read.values()
    }

    /// Waits for the mail that asks a person for an approval.
    ///
    /// # Panics
    /// If it does not come.
    pub fn asking(&mut self, approval: &str, person: &str) -> Letter {
        let part = format!("/decide/{approval}/{person}/");
        let asks = |letter: &&Letter| letter.links.iter().any(|link| link.contains(&part));
        until(&format!("the mail to {person} about {approval}"), DELIVERY, || {
            self.letters().find(asks).cloned()
        })
    }
}
