//! What a registry's or a node's answer means.

use crate::status::cause::Code;
use crate::status::field::MESSAGE_CHARS;
use crate::status::text::one_line;

/// Words of an answer that hides whether the image exists.
const DENIED: &[&str] = &[
    "denied",
    "unauthorized",
    "authentication required",
    "authorization failed",
    "no basic auth credentials",
    "403 forbidden",
];
/// Words of an answer that says that it does not.
const NOT_FOUND: &[&str] = &["not found", "notfound", "manifest unknown", "name unknown", "no such image"];

/// What kind of failure it is, and its sentence, from everything that node and registry said.
pub(super) fn classified(image: &str, told: &str) -> (Code, String) {
    let lower = told.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(DENIED) {
        (Code::ImageDenied, format!("image not found, or no right to pull it: {image}"))
    } else if says(NOT_FOUND) {
        (Code::ImageNotFound, format!("image not found: {image}"))
    } else {
        let reason = told.rsplit("desc = ").next().unwrap_or(told);
        let text = format!("image cannot be pulled: {image}: {reason}");
        (Code::ImagePull, one_line(text.trim_end_matches([':', ' ']), MESSAGE_CHARS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_registries() {
        let cases = [
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image \"a/b:1\": not found",
                "image-not-found",
            ),
            ("manifest unknown: manifest tagged by \"1\" is not found", "image-not-found"),
            ("Error response from daemon: manifest for a/b:1 not found: manifest unknown", "image-not-found"),
            (
                "pull access denied, repository does not exist or may require authorization: not found",
                "image-denied",
            ),
            (
                "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
                "image-denied",
            ),
            ("no basic auth credentials", "image-denied"),
            ("dial tcp 192.0.2.1:443: i/o timeout", "image-pull"),
            ("Back-off pulling image \"a/b:1\"", "image-pull"),
            ("toomanyrequests: You have reached your pull rate limit", "image-pull"),
        ];
        for (told, code) in cases {
            assert_eq!(classified("a/b:1", told).0.word(), code, "{told}");
        }
    }

    #[test]
    fn the_sentence_names_the_image_and_what_is_new() {
        let told = "rpc error: code = Unavailable desc = dial tcp: i/o timeout";
        assert_eq!(classified("a/b:1", told).1, "image cannot be pulled: a/b:1: dial tcp: i/o timeout");
        assert_eq!(classified("a/b:1", "").1, "image cannot be pulled: a/b:1");
        assert_eq!(classified("a/b:1", "x: not found").1, "image not found: a/b:1");
    }
}
