//! Secrets that are looked for everywhere, in every form that somebody might write them down in.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A secret, in every form that somebody might write it down in.
#[derive(Debug)]
pub struct Canary {
    /// What it is.
    pub name: &'static str,
    /// The secret.
    pub secret: String,
    forms: Vec<String>,
}

impl Canary {
    /// One that no other test and no other run has, with signs that encodings change.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self::of(name, format!("{name} {}/+&\"é", uuid::Uuid::new_v4()))
    }

    /// One that is somebody else's choice.
    #[must_use]
    pub fn of(name: &'static str, secret: String) -> Self {
        let mut forms = written(&secret);
        for form in forms.clone() {
            for offset in 0..3 {
                let inner = base64_inside(form.as_bytes(), offset);
                forms.push(inner.replace('+', "-").replace('/', "_"));
                forms.push(inner);
            }
        }
        Self { name, secret, forms }
    }

    /// Where the secret is in a text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<usize> {
        self.forms.iter().find_map(|form| text.find(form.as_str()))
    }
}

/// A text as it stands in a file, in JSON of either kind, in a form, in a page, in a dump.
fn written(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_matches('"');
    let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    let percent: String = text.bytes().map(percent).collect();
    let html = text.replace('&', "&amp;").replace('"', "&quot;");
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        text.to_owned(),
        json.to_owned(),
        json.chars().map(escaped).collect(),
        percent.replace("%20", "+"),
        percent,
        html,
        hex,
    ]
}

fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}

/// What base64 makes of a text that stands `offset` bytes behind the start of a longer one: without the
/// digits at both ends that depend on the neighbours.
fn base64_inside(text: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend(text);
    let encoded = STANDARD.encode(&padded);
    let begin = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded[begin..end].to_owned()
}

/// A kind of place where a secret could be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sink {
    /// The database.
    Database,
    /// What is not in the database yet.
    Wal,
    /// What a rehearsal keeps instead of a cluster.
    Rehearsal,
    /// Everything else in the state folder.
    State,
    /// What was said while it ran, as loud as can be.
    Output,
    /// What every command says afterwards.
    Commands,
    /// Mails, sent or not.
    Mails,
    /// The decide page.
    Page,
}

impl Sink {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Database,
        Self::Wal,
        Self::Rehearsal,
        Self::State,
        Self::Output,
        Self::Commands,
        Self::Mails,
        Self::Page,
    ];

    /// Where a file of a state folder belongs. Nothing for an artifact, which is the user's own and is kept as it
    /// is.
    fn of(path: &Path) -> Option<Self> {
        let name = path.to_string_lossy();
        let inside = |folder: &str| name.contains(&format!("/{folder}/"));
        let ends = |end: &str| name.ends_with(end);
        if inside("artifacts") {
            return None;
        }
        let kinds = [
            (inside("rehearsal"), Self::Rehearsal),
            (inside("outbox"), Self::Mails),
            (ends("-wal"), Self::Wal),
            (ends(".db"), Self::Database),
        ];
        Some(kinds.into_iter().find(|(is, _)| *is).map_or(Self::State, |(_, sink)| sink))
    }
}

/// What was left behind, and where.
#[derive(Debug, Default)]
pub struct Left(Vec<(Sink, String, String)>);

impl Left {
    /// Keeps a text.
    pub fn put(&mut self, sink: Sink, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((sink, place.into(), text.into()));
    }

    /// Keeps every file of a state folder.
    pub fn put_state(&mut self, folder: &Path) {
        for (path, text) in files(folder) {
            if let Some(sink) = Sink::of(&path) {
                self.put(sink, path.display().to_string(), text);
            }
        }
    }

    /// Keeps every message of a mail server's folder. Its list of logins is not ours.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn put_mails(&mut self, folder: &Path) {
        for (path, text) in files(folder) {
            if !path.ends_with("logins.jsonl") {
                self.put(Sink::Mails, path.display().to_string(), text);
            }
        }
    }

    /// Checks that no secret was left in any of these kinds of places, each of which has something in it.
    /// Returns one line per secret: how many texts of each kind it is not in.
    ///
    /// # Panics
    /// If one was.
    #[must_use]
    #[track_caller]
    pub fn holds_none_of(&self, canaries: &[&Canary], sinks: &[Sink]) -> String {
        for canary in canaries {
            for (_, place, text) in &self.0 {
                assert_eq!(canary.find(text), None, "{} is in {place}", canary.name);
            }
        }
        let count = |wanted: Sink| {
            let texts = self.0.iter().filter(|(sink, _, text)| *sink == wanted && !text.is_empty());
            let (texts, bytes) = texts.fold((0, 0), |(n, bytes), (_, _, text)| (n + 1, bytes + text.len()));
            assert!(texts > 0 || !sinks.contains(&wanted), "nothing was looked through of {wanted:?}");
            format!("{wanted:?} {texts} ({} KiB)", bytes.div_ceil(1024))
        };
        let looked: Vec<String> = Sink::ALL.into_iter().map(count).collect();
        let line = |canary: &&Canary| format!("{:<22} in none of: {}", canary.name, looked.join(", "));
        canaries.iter().map(line).collect::<Vec<String>>().join("\n")
    }
}

/// Everything below a folder that is a file. What is no text stays between what is.
pub(crate) fn files(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("read a folder").filter_map(Result::ok) {
            let kind = entry.file_type().expect("a file has a type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                // A file that a process has just removed holds nothing.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                found.push((entry.path(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_a_secret_in_every_form() {
        let canary = Canary::new("canary");
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{}tail", canary.secret);
            let config = serde_json::json!({ "password": text }).to_string();
            for text in [STANDARD.encode(&text), STANDARD.encode(&config), text, config] {
                assert!(canary.find(&format!("\u{fffd}{text}\u{fffd}")).is_some(), "{before}: {text}");
            }
        }
        assert_eq!(canary.find("canary"), None);
    }

    #[test]
    #[should_panic(expected = "canary is in the log")]
    fn what_was_left_is_found() {
        let canary = Canary::new("canary");
        let mut left = Left::default();
        left.put(Sink::Output, "the log", STANDARD.encode(format!("x{}", canary.secret)));
        let _table = left.holds_none_of(&[&canary], &[]);
    }

    #[test]
    #[should_panic(expected = "nothing was looked through of Mails")]
    fn an_empty_place_proves_nothing() {
        let _table = Left::default().holds_none_of(&[], &[Sink::Mails]);
    }
}
