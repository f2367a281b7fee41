//! The forms in which a value may show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::MASKED_MIN;

/// Gives every form of a value.
pub(super) fn all(value: &[u8], give: &mut impl FnMut(Vec<u8>)) {
    let mut escaped = Vec::new();
    if let Ok(text) = std::str::from_utf8(value) {
        escaped = escapes(text);
        for form in &escaped {
            give(form.clone().into_bytes());
        }
    }
    for form in std::iter::once(value).chain(escaped.iter().map(String::as_bytes)) {
        for once in base64(form) {
            // The data of a Kubernetes secret is base64, and a docker configuration holds base64 inside.
            base64(once.as_bytes()).into_iter().for_each(|twice| give(twice.into_bytes()));
            give(once.into_bytes());
        }
    }
    for escape in [percent(value, false), percent(value, true), percent(value, false).replace("%20", "+")] {
        give(escape.into_bytes());
    }
    give(hex::encode(value).into_bytes());
    give(hex::encode_upper(value).into_bytes());
    give(value.to_vec());
}

/// Gives the forms of one line of a longer value: there are many lines.
pub(super) fn brief(value: &[u8], give: &mut impl FnMut(Vec<u8>)) {
    base64(value).into_iter().for_each(|form| give(form.into_bytes()));
    give(percent(value, false).into_bytes());
    give(value.to_vec());
}

/// The part of a base64 text that depends on the value alone, at each of the three ways in which the value
/// can lie in a longer one, in both alphabets.
fn base64(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..3 {
        let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(value.iter().copied()).collect();
        // A digit is six bits. The first ones also hold bits of what stands before, the last one of what follows.
        let (first, end) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [&STANDARD, &URL_SAFE] {
            let form = engine.encode(&shifted)[first..end].to_owned();
            if form.len() >= MASKED_MIN && !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// As it stands in JSON by most writers, by those that escape for HTML, by those that escape slashes, with
/// ASCII only; and in debug output.
fn escapes(text: &str) -> Vec<String> {
    let plain = json(text, &|_| false);
    let html = json(text, &|c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'));
    let ascii = json(text, &|c| !c.is_ascii());
    let debug = format!("{text:?}");
    let mut forms = vec![plain.replace('/', "\\/"), debug[1..debug.len() - 1].to_owned(), plain, html, ascii];
    forms.dedup();
    forms.retain(|form| form != text);
    forms
}

fn json(text: &str, unicode: &dyn Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            c if c.is_control() && c.is_ascii() || unicode(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn percent(value: &[u8], lower: bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(*byte));
            }
            byte if lower => escaped.push_str(&format!("%{byte:02x}")),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
