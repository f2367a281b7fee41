//! Links and codes of approval mails. Both are derived from the key file of the state folder when a mail
//! is sent and when a decision arrives; neither is stored anywhere.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::exit::{Exit, Failure};

/// The key of one state folder.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// What a link and a code are bound to.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The approval.
    pub approval: ApprovalId,
    /// The person the mail went to.
    pub recipient: &'a PersonId,
    /// The number of the attempt.
    pub attempt: u32,
    /// The content that the mail showed.
    pub content: Digest,
}

/// Letters and digits that are not mistaken for each other when typed from a mail.
const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl Key {
    /// Reads the key file, or makes it once.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is not 32 bytes long.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let fault = |what: &str, error: &std::io::Error| {
            Failure::new(
                Exit::Unexpected,
                "key-file",
                format!("{what} the key file {}: {error}", path.display()),
            )
        };
        match std::fs::read(path) {
            Ok(bytes) => bytes.try_into().map(Self).map_err(|_| {
                Failure::new(
                    Exit::Unexpected,
                    "key-file",
                    format!("the key file {} is damaged", path.display()),
                )
                .help("delete it: links in mails that were sent stop working, nothing else is lost")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                getrandom::fill(&mut key)
                    .map_err(|e| fault("make random bytes for", &std::io::Error::other(e.to_string())))?;
                write(path, &key).map_err(|e| fault("write", &e))?;
                Ok(Self(key))
            }
            Err(error) => Err(fault("read", &error)),
        }
    }

    /// A key for one purpose, so that no two purposes share bytes.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.mac(purpose, &[])
    }

    /// The token of a link.
    #[must_use]
    pub fn token(&self, binding: Binding<'_>) -> String {
        URL_SAFE_NO_PAD.encode(self.bound("link", binding))
    }

    /// The six characters that the mail prints and the link does not hold.
    #[must_use]
    pub fn code(&self, binding: Binding<'_>) -> String {
        let mac = self.bound("code", binding);
        mac[..6].iter().map(|byte| char::from(CODE_ALPHABET[usize::from(byte % 32)])).collect()
    }

    /// Whether a token belongs to this binding; takes the same time for any wrong one.
    #[must_use]
    pub fn token_matches(&self, binding: Binding<'_>, token: &str) -> bool {
        self.token(binding).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// Whether a code belongs to this binding. Case and spaces do not count.
    #[must_use]
    pub fn code_matches(&self, binding: Binding<'_>, code: &str) -> bool {
        let typed: String =
            code.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        self.code(binding).as_bytes().ct_eq(typed.as_bytes()).into()
    }

    fn bound(&self, purpose: &str, binding: Binding<'_>) -> [u8; 32] {
        self.mac(
            purpose,
            &[
                &binding.approval.0.to_be_bytes(),
                binding.recipient.as_str().as_bytes(),
                &binding.attempt.to_be_bytes(),
                &binding.content.0,
            ],
        )
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Under another name first: a kill in the middle leaves no half of a key where one is looked for.
fn write(path: &Path, key: &[u8; 32]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key([7; 32])
    }

    #[test]
    fn every_field_of_the_binding_counts() {
        let (ann, bob) = (PersonId::new("ann").unwrap(), PersonId::new("bob").unwrap());
        let base =
            Binding { approval: ApprovalId(1), recipient: &ann, attempt: 1, content: Digest::of(b"a") };
        let others = [
            Binding { approval: ApprovalId(2), ..base },
            Binding { recipient: &bob, ..base },
            Binding { attempt: 2, ..base },
            Binding { content: Digest::of(b"b"), ..base },
        ];
        let (token, code) = (key().token(base), key().code(base));
        assert!(key().token_matches(base, &token) && key().code_matches(base, &code.to_lowercase()));
        for other in others {
            assert!(!key().token_matches(other, &token), "{other:?}");
            assert!(!key().code_matches(other, &code), "{other:?}");
        }
    }

    #[test]
    fn a_link_says_nothing_about_its_code() {
        let ann = PersonId::new("ann").unwrap();
        let binding =
            Binding { approval: ApprovalId(1), recipient: &ann, attempt: 1, content: Digest::of(b"a") };
        assert!(!key().token(binding).contains(&key().code(binding)));
        assert_eq!(key().code(binding).len(), 6);
    }

    #[test]
    fn the_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Key::load(&path).unwrap();
        assert_eq!(first.0, Key::load(&path).unwrap().0);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Key::load(&path).unwrap_err().code, "key-file");
    }
}
