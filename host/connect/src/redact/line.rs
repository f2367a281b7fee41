//! Which parts of a value with several lines are secret on their own: an error rarely quotes the whole of a
//! key file or a kubeconfig, but often a line of it.

use super::MASKED_MIN;

/// Keys of a kubeconfig and of manifests whose values people need to see in messages.
const PUBLIC: &[&str] = &[
    "apiVersion",
    "cluster",
    "command",
    "context",
    "current-context",
    "kind",
    "name",
    "namespace",
    "server",
    "user",
];

/// The parts to mask.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| part(line.trim().trim_start_matches("- ").trim_start()))
}

/// The secret of one line: the value after `key:` or `KEY=`, else the line. A line that frames a key file
/// (`-----BEGIN ...`) or opens a block says nothing.
fn part(line: &str) -> Option<&str> {
    if line.starts_with("-----") || line.ends_with(':') || line.starts_with('#') {
        return None;
    }
    let pair = line.split_once(": ").or_else(|| line.split_once('='));
    let part = match pair {
        Some((key, _)) if PUBLIC.contains(&key) => return None,
        Some((key, value)) if is_word(key) => {
            let value = value.trim().trim_matches(['"', '\'']);
            if value.len() < MASKED_MIN { line } else { value }
        }
        _ => line,
    };
    (part.len() >= MASKED_MIN).then_some(part)
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
