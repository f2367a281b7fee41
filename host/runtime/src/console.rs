//! What a guest says: log lines, standard output, panics. Text is cleaned where it enters, and counted.

use relhost_model::call::{LogLevel, LogLine};

use crate::limits::{LOG_FIELDS_MAX, LOG_LINE_MAX, Limits};

/// How much of standard error is kept to find the text of a panic.
const STDERR_TAIL: usize = 4096;

/// Removes what could drive a terminal or reorder a line: control characters but for line breaks and tabs,
/// and the characters that override the direction of text.
#[must_use]
pub fn clean(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b'\n' | b'\t') || is_plain(byte)) {
        return text.to_owned();
    }
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_control(*c)).collect()
}

/// The same for a text that must be one line: breaks and tabs become spaces.
#[must_use]
pub fn clean_line(text: &str, max: usize) -> String {
    let text = text.trim_end();
    if text.len() <= max && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut line = String::new();
    for c in text.chars().map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c }) {
        if !is_control(c) {
            line.push(c);
        }
        // A guest may hand over megabytes for one line.
        if line.len() > max {
            break;
        }
    }
    cut(line, max)
}

/// Nearly every text has nothing else, and is then copied as a whole.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Cuts a text after so many bytes and says so with an ellipsis.
#[must_use]
pub fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

/// One of the two streams of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `stdout`, level info.
    Stdout,
    /// `stderr`, level warn.
    Stderr,
}

#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
}

/// Where log lines go.
pub type Sink = Box<dyn FnMut(LogLine) + Send + Sync>;

/// Collects what one activation says, within its limits.
pub struct Console {
    sink: Sink,
    bytes_max: usize,
    lines_max: usize,
    bytes: usize,
    lines: usize,
    dropped_bytes: usize,
    dropped_lines: usize,
    partial: [Partial; 2],
    stderr: String,
    panic: Option<String>,
}

impl Console {
    /// A console that hands its lines to `sink`.
    #[must_use]
    pub fn new(limits: &Limits, sink: Sink) -> Self {
        Self {
            sink,
            bytes_max: limits.log_bytes,
            lines_max: limits.log_lines,
            bytes: 0,
            lines: 0,
            dropped_bytes: 0,
            dropped_lines: 0,
            partial: [Partial::default(), Partial::default()],
            stderr: String::new(),
            panic: None,
        }
    }

    /// A line of the guest's own log.
    pub fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        let fields = fields.iter().take(LOG_FIELDS_MAX);
        let fields = fields
            .map(|(name, value)| (clean_line(name, LOG_LINE_MAX), clean_line(value, LOG_LINE_MAX)))
            .collect();
        self.push(level, "plugin", message, fields);
    }

    /// The text of a panic, just before the guest traps. It is kept even if the log is full.
    pub fn panic(&mut self, message: &str) {
        self.panic = Some(cut(clean(message), LOG_LINE_MAX));
        self.push(LogLevel::Error, "panic", message, Vec::new());
    }

    /// Bytes of standard output; whole lines become log lines.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let buffer = &mut self.partial[stream as usize].bytes;
            let room = LOG_LINE_MAX.saturating_add(1).saturating_sub(buffer.len());
            buffer.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end_line(stream);
            }
        }
    }

    /// Writes what is left of the streams, and one line about what was dropped.
    pub fn finish(&mut self) {
        self.end_line(Stream::Stdout);
        self.end_line(Stream::Stderr);
        if self.dropped_lines == 0 {
            return;
        }
        let message = format!(
            "{} lines ({} bytes) of this plugin's log were dropped: {} bytes and {} lines per activation are kept",
            self.dropped_lines, self.dropped_bytes, self.bytes_max, self.lines_max
        );
        let (level, source) = (LogLevel::Warn, "host".to_owned());
        (self.sink)(LogLine { level, source, message, fields: Vec::new() });
        self.dropped_lines = 0;
    }

    /// What the guest said about its end: the panic it reported, else the last thing on standard error.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        if let Some(panic) = &self.panic {
            return Some(panic.clone());
        }
        let start = self
            .stderr
            .rfind("panicked at")
            .map_or(0, |at| self.stderr[..at].rfind('\n').map_or(0, |line| line + 1));
        let lines = self.stderr[start..].lines();
        let words: Vec<&str> = lines.filter(|l| !l.is_empty() && !l.starts_with("note: run with")).collect();
        let last = if self.stderr.contains("panicked at") {
            &words[..]
        } else {
            &words[words.len().saturating_sub(1)..]
        };
        (!last.is_empty()).then(|| last.join("\n"))
    }

    fn end_line(&mut self, stream: Stream) {
        let bytes = std::mem::take(&mut self.partial[stream as usize].bytes);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        let (level, source) = match stream {
            Stream::Stdout => (LogLevel::Info, "stdout"),
            Stream::Stderr => (LogLevel::Warn, "stderr"),
        };
        if stream == Stream::Stderr {
            self.keep_tail(text);
        }
        if !text.is_empty() {
            self.push(level, source, text, Vec::new());
        }
    }

    fn keep_tail(&mut self, text: &str) {
        self.stderr.push_str(&clean_line(text, LOG_LINE_MAX));
        self.stderr.push('\n');
        let excess = self.stderr.len().saturating_sub(STDERR_TAIL);
        let start = self.stderr.ceil_char_boundary(excess);
        self.stderr.drain(..start);
    }

    fn push(&mut self, level: LogLevel, source: &str, message: &str, fields: Vec<(String, String)>) {
        let message = clean_line(message, LOG_LINE_MAX);
        let size = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.lines >= self.lines_max || self.bytes + size > self.bytes_max {
            self.dropped_lines += 1;
            self.dropped_bytes += size;
            // Once full it stays full: what is kept is a beginning without holes.
            self.lines = self.lines_max;
            return;
        }
        self.lines += 1;
        self.bytes += size;
        (self.sink)(LogLine { level, source: source.into(), message, fields });
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("lines", &self.lines)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
