//! Which field a position in a JSON text belongs to. The parser says where it stopped; people need a name.
//! A wrapper around the deserializer would give the same and doubles the code of every settings type.

/// One level of nesting.
enum Level {
    Object { key: Option<String>, at_key: bool },
    Array { index: usize },
}

/// The byte offset of a line and a column, both from 1; the column counts bytes.
pub(super) fn offset(json: &str, line: usize, column: usize) -> usize {
    let lines_before = line.saturating_sub(1);
    let start: usize = json.split_inclusive('\n').take(lines_before).map(str::len).sum();
    (start + column).min(json.len())
}

/// The path of the value that `end` is in or just behind, for example `steps[1].name`. With `missing` it is
/// the path of this field of the innermost object.
pub(super) fn path_at(json: &str, end: usize, missing: Option<&str>) -> String {
    let mut levels = levels_at(json, end);
    if let Some(field) = missing {
        let innermost = levels.iter_mut().rev().find_map(|level| match level {
            Level::Object { key, .. } => Some(key),
            Level::Array { .. } => None,
        });
        if let Some(key) = innermost {
            *key = Some(field.to_owned());
        }
    }
    join(&levels)
}

fn levels_at(json: &str, end: usize) -> Vec<Level> {
    let mut levels = Vec::new();
    let bytes = &json.as_bytes()[..end.min(json.len())];
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let close = string_end(bytes, at);
                if let Some(Level::Object { key, at_key: true }) = levels.last_mut() {
                    *key = Some(text(&bytes[at..close]));
                }
                at = close;
                continue;
            }
            b'{' => levels.push(Level::Object { key: None, at_key: true }),
            b'[' => levels.push(Level::Array { index: 0 }),
            // What the parser says at the very end of a container is about what is in it: it looks for the
            // end before it gives a position to an error that came from a value.
            b'}' | b']' if at + 1 < bytes.len() => drop(levels.pop()),
            b':' => set_at_key(&mut levels, false),
            b',' => next(&mut levels),
            _ => {}
        }
        at += 1;
    }
    levels
}

/// The offset behind a string that starts at `start`, or the end of the text.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The text of a string with its quotes; as it stands if it is cut off.
fn text(quoted: &[u8]) -> String {
    serde_json::from_slice(quoted)
        .unwrap_or_else(|_| String::from_utf8_lossy(quoted).trim_matches('"').to_owned())
}

fn set_at_key(levels: &mut [Level], value: bool) {
    if let Some(Level::Object { at_key, .. }) = levels.last_mut() {
        *at_key = value;
    }
}

fn next(levels: &mut [Level]) {
    match levels.last_mut() {
        Some(Level::Object { at_key, key }) => {
            *at_key = true;
            *key = None;
        }
        Some(Level::Array { index }) => *index += 1,
        None => {}
    }
}

fn join(levels: &[Level]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { key: Some(key), .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Level::Object { key: None, .. } => {}
            Level::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}
