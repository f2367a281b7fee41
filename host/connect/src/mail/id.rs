//! Message-IDs. They are made from what they are about, so the same message has the same one however often
//! it is sent.

use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;

/// The Message-ID of a message with this effect key, without angle brackets. 128 bits of the key are enough
/// to be unique, and the header line stays short.
#[must_use]
pub fn message_id(key: &Digest, domain: &str) -> String {
    format!("{}@{}", &key.hex()[..32], safe_domain(domain))
}

/// What every message of one release refers to, so that mail programs show them together. No message has
/// this id itself.
#[must_use]
pub fn thread_id(release: ReleaseId, domain: &str) -> String {
    format!("{release}.relhost@{}", safe_domain(domain))
}

/// The characters that an id may hold besides the `@`.
pub(super) fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')
}

fn safe_domain(domain: &str) -> String {
    let domain: String = domain.chars().filter(|c| is_safe(*c)).take(100).collect();
    if domain.is_empty() { "localhost".to_owned() } else { domain }
}
