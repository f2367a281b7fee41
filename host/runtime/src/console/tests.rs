//! Text of a guest on its way to people.

use std::sync::{Arc, Mutex};

use super::*;
use crate::limits::{LOG_FIELDS_MAX, Limits};

/// A console and the lines that came out of it.
fn console(limits: Limits) -> (Console, Arc<Mutex<Vec<LogLine>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    (Console::new(&limits, Box::new(move |line| sink.lock().unwrap().push(line))), lines)
}

fn texts(lines: &Mutex<Vec<LogLine>>) -> Vec<String> {
    lines.lock().unwrap().iter().map(|line| format!("{}: {}", line.source, line.message)).collect()
}

#[test]
fn what_drives_a_terminal_or_turns_a_line_around_is_removed() {
    assert_eq!(clean("a\u{1b}[31mb\r\n\tc\u{202e}d\u{2028}e\u{7}\u{9b}1"), "a[31mb\n\tcde1");
    assert_eq!(clean_line("one\ntwo\tthree\u{1b}  \n", 100), "one two three");
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(cut("short".into(), 5), "short");
    assert_eq!(cut("longer".into(), 5), "lo…");
    assert_eq!(cut("ééé".into(), 5), "é…");
    assert_eq!(cut("ééé".into(), 2), "…");
}

#[test]
fn whole_lines_of_a_stream_are_lines_of_the_log() {
    let (mut console, lines) = console(Limits::policy());
    console.write(Stream::Stdout, b"one\ntw");
    console.write(Stream::Stderr, b"warning\n\n");
    console.write(Stream::Stdout, b"o\n\xff\n");
    console.write(Stream::Stdout, b"rest");
    assert_eq!(texts(&lines), ["stdout: one", "stderr: warning", "stdout: two", "stdout: \u{fffd}"]);
    console.finish();
    console.finish();
    assert_eq!(texts(&lines)[4..], ["stdout: rest"]);
    let levels: Vec<LogLevel> = lines.lock().unwrap().iter().map(|line| line.level).collect();
    assert_eq!(levels[..2], [LogLevel::Info, LogLevel::Warn]);
}

#[test]
fn a_line_without_an_end_costs_the_host_no_more_than_a_line() {
    let (mut console, lines) = console(Limits::policy());
    for _ in 0..1000 {
        console.write(Stream::Stdout, &[b'x'; 1000]);
    }
    assert!(console.partial[0].bytes.capacity() <= 4 * LOG_LINE_MAX);
    console.finish();
    let line = lines.lock().unwrap().pop().unwrap().message;
    assert!(line.len() <= LOG_LINE_MAX && line.ends_with("x…"), "{} bytes", line.len());
}

#[test]
fn a_full_log_stays_full_and_says_once_what_is_missing() {
    let (mut console, lines) = console(Limits { log_bytes: 10, log_lines: 100, ..Limits::policy() });
    console.log(LogLevel::Info, "12345678", &[]);
    console.log(LogLevel::Info, "123", &[]);
    // This one would fit, and would leave a hole.
    console.log(LogLevel::Info, "1", &[]);
    console.finish();
    console.finish();
    let dropped = "host: 2 lines (4 bytes) of this plugin's log were dropped: 10 bytes and 100 lines per activation are kept";
    assert_eq!(texts(&lines), ["plugin: 12345678", dropped]);
}

#[test]
fn fields_are_counted_and_cleaned() {
    let (mut console, lines) = console(Limits { log_bytes: 1 << 20, ..Limits::policy() });
    let many: Vec<(String, String)> = (0..100).map(|n| (format!("k{n}\n"), "v\u{1b}".into())).collect();
    console.log(LogLevel::Debug, "m", &many);
    let line = lines.lock().unwrap().pop().unwrap();
    assert_eq!(line.fields.len(), LOG_FIELDS_MAX);
    assert_eq!(line.fields[0], ("k0".to_owned(), "v".to_owned()));
    assert_eq!(
        console.bytes,
        1 + line.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    );
}

#[test]
fn the_last_words_are_the_panic_or_the_last_line() {
    let (mut console, _) = console(Limits::policy());
    assert_eq!(console.last_words(), None);
    console.write(Stream::Stdout, b"not a word about it\n");
    assert_eq!(console.last_words(), None);
    console.write(Stream::Stderr, b"first\nmemory allocation of 8 bytes failed\n");
    assert_eq!(console.last_words().as_deref(), Some("memory allocation of 8 bytes failed"));
    console.write(Stream::Stderr, b"thread 'main' panicked at src/lib.rs:1:2:\nthe reactor\nis on fire\n");
    console.write(Stream::Stderr, b"note: run with `RUST_BACKTRACE=1` environment variable\n");
    let words = "thread 'main' panicked at src/lib.rs:1:2:\nthe reactor\nis on fire";
    assert_eq!(console.last_words().as_deref(), Some(words));
    console.panic("reported\u{1b}");
    assert_eq!(console.last_words().as_deref(), Some("reported"));
}

#[test]
fn a_panic_is_kept_although_the_log_is_full() {
    let (mut console, lines) = console(Limits { log_lines: 0, ..Limits::policy() });
    console.panic("boom");
    assert_eq!(texts(&lines), <[String; 0]>::default());
    assert_eq!(console.last_words().as_deref(), Some("boom"));
}

#[test]
fn of_standard_error_the_end_is_kept() {
    let (mut console, _) = console(Limits::policy());
    for _ in 0..100 {
        console.write(Stream::Stderr, "é".repeat(500).as_bytes());
        console.write(Stream::Stderr, b"\n");
    }
    console.write(Stream::Stderr, b"the end\n");
    assert!(console.stderr.len() <= STDERR_TAIL);
    assert_eq!(console.last_words().as_deref(), Some("the end"));
}
