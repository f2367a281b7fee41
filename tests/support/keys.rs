//! What must hold after every test: what is secret lies below `keys/` of a test's folder, and nowhere else.

use std::path::Path;

use crate::canary::{Canary, files};

/// Where tests keep what is secret.
const FOLDER: &str = "keys";
/// Native code of components, which know no secret; it is most of what there is to look through.
const CACHE: &str = "cache";
/// In a kubeconfig, what these are followed by.
const FIELDS: [&str; 2] = ["token:", "client-key-data:"];
/// Shorter ones stand in texts by chance.
const SHORTEST: usize = 8;

/// Looks for the secrets of a folder in all else that is there, and in what programs have said.
///
/// # Panics
/// If one is there.
pub fn are_nowhere_else(folder: &Path, heard: &[String]) {
    let secrets = secrets(&folder.join(FOLDER));
    if secrets.is_empty() {
        return;
    }
    let inside = |path: &Path, name: &str| path.components().any(|part| part.as_os_str() == name);
    for (path, text) in files(folder) {
        let below = path.strip_prefix(folder).unwrap_or(&path);
        if inside(below, FOLDER) || inside(below, CACHE) {
            continue;
        }
        for canary in &secrets {
            assert_eq!(canary.find(&text), None, "a secret of {FOLDER}/ is in {}", below.display());
        }
    }
    for text in heard {
        for canary in &secrets {
            assert_eq!(canary.find(text), None, "a program said a secret of {FOLDER}/");
        }
    }
}

fn secrets(folder: &Path) -> Vec<Canary> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let of_file =
        |(path, text): (std::path::PathBuf, String)| match path.extension().and_then(|it| it.to_str()) {
            // Authorities are public.
            Some("pem") => Vec::new(),
            Some("kubeconfig") => of_kubeconfig(&text),
            _ => vec![text.trim().to_owned()],
        };
    let found = files(folder).into_iter().flat_map(of_file);
    found.filter(|secret| secret.len() >= SHORTEST).map(|secret| Canary::of("a key", secret)).collect()
}

fn of_kubeconfig(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| FIELDS.contains(&pair[0]));
    pairs.map(|pair| pair[1].trim_matches(['"', '}', ',']).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("make a folder");
            std::fs::write(path, text).expect("write a file");
        }
        folder
    }

    #[test]
    #[should_panic(expected = "a secret of keys/ is in state/log")]
    fn a_token_of_a_kubeconfig_is_found_in_a_file() {
        let kubeconfig = "users: [{ name: a, user: { token: the-token-of-a } }]";
        let folder = folder(&[("keys/a.kubeconfig", kubeconfig), ("state/log", "as the-token-of-a said")]);
        are_nowhere_else(folder.path(), &[]);
    }

    #[test]
    #[should_panic(expected = "a program said a secret of keys/")]
    fn a_password_is_found_in_what_was_said() {
        let folder = folder(&[("keys/smtp", "a-password\n")]);
        are_nowhere_else(folder.path(), &["535 a-password is wrong".to_owned()]);
    }

    #[test]
    fn what_is_public_may_be_anywhere() {
        let folder = folder(&[("keys/ca.pem", "an authority"), ("state/log", "an authority")]);
        are_nowhere_else(folder.path(), &["an authority".to_owned()]);
    }
}
