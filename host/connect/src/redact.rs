//! The second wall before logs and errors: masks values that are known to be secret, also where they are
//! encoded. The first wall is that a secret is never put there.

mod encode;
mod line;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use relhost_model::digest::Digest;
use relhost_model::secret::SecretValue;

/// A shorter value would mask half of every text, and what is masked would tell what it is.
pub const MASKED_MIN: usize = 6;
/// A larger value is masked exactly and line by line, but not as a whole in every encoding: each encoding is
/// kept in memory and searched for in every line that is logged.
pub const ENCODED_MAX: usize = 16 * 1024;
/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Whether a value is masked from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// It is.
    Masked,
    /// It is shorter than [`MASKED_MIN`] bytes and is not. The operator should hear about it: such a secret
    /// can be guessed, and can show in a log.
    TooShort,
}

/// Knows values and masks them.
#[derive(Default)]
pub struct Redactor {
    /// What to look for. Wiped when dropped, like the values themselves.
    patterns: Vec<SecretValue>,
    /// Digests of the values that are known: a value is read many times.
    known: Vec<Digest>,
}

impl Redactor {
    /// Masks a value from now on: as it is, in base64 and base64url wherever it stands in a longer text, also
    /// encoded twice, as hexadecimal digits, percent-encoded, escaped as in JSON; and each line of a value
    /// with several lines.
    pub fn add(&mut self, value: &SecretValue) -> Masking {
        let bytes = value.expose().trim_ascii();
        if bytes.len() < MASKED_MIN {
            return Masking::TooShort;
        }
        let digest = Digest::of(bytes);
        if !self.known.contains(&digest) {
            self.known.push(digest);
            self.learn(bytes);
        }
        Masking::Masked
    }

    fn learn(&mut self, bytes: &[u8]) {
        if bytes.len() <= ENCODED_MAX {
            encode::all(bytes, &mut |pattern| self.look_for(pattern));
        } else {
            self.look_for(bytes.to_vec());
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if text.contains('\n') {
            for part in line::parts(text) {
                encode::brief(part.as_bytes(), &mut |pattern| self.look_for(pattern));
            }
        }
    }

    /// What is not text cannot stand in a text.
    fn look_for(&mut self, pattern: Vec<u8>) {
        let pattern = SecretValue::new(pattern);
        let known = |one: &SecretValue| one.expose() == pattern.expose();
        if std::str::from_utf8(pattern.expose()).is_ok() && !self.patterns.iter().any(known) {
            self.patterns.push(pattern);
        }
    }

    /// The text with every known value masked.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found = Vec::new();
        for pattern in self.patterns.iter().filter(|pattern| pattern.expose().len() <= text.len()) {
            let pattern = std::str::from_utf8(pattern.expose()).expect("only text is looked for");
            find_all(text, pattern, &mut found);
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|range| range.start);
        Cow::Owned(mask(text, &found))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} values)", self.known.len())
    }
}

/// Every place of a pattern, overlapping ones too: between two masked places no part of a third may stay.
fn find_all(text: &str, pattern: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(at) = text[from..].find(pattern).map(|at| at + from) {
        found.push(at..at + pattern.len());
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
}

/// Replaces ranges, which are ordered by their start and may overlap.
fn mask(text: &str, ranges: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for range in ranges {
        if range.start > done || masked.is_empty() {
            masked.push_str(&text[done..range.start]);
            masked.push_str(MASK);
        }
        done = done.max(range.end);
    }
    masked.push_str(&text[done..]);
    masked
}
