//! Where an import that the sandbox does not offer usually comes from, and what to use instead.

use crate::grant::base;

/// An import that the sandbox does not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The import.
    pub import: String,
    /// What in a plugin usually causes it.
    pub cause: &'static str,
    /// What to do instead.
    pub instead: &'static str,
}

/// Prefix of the import, cause, replacement. The first that fits is taken.
const TABLE: [(&str, &str, &str); 13] = [
    (
        "wasi:clocks/wall-clock",
        "`std::time::SystemTime::now`, or a crate that reads the date",
        "`context.now()`",
    ),
    (
        "wasi:clocks/monotonic-clock",
        "`std::time::Instant::now` or `std::thread::sleep`",
        "`context.now()`; to wait for a rollout, `wait`",
    ),
    ("wasi:clocks/", "the time zone", "a setting in `with:`"),
    (
        "wasi:filesystem/",
        "`std::fs`, or a crate that opens files",
        "paths given to `deploy`, settings in `with:`",
    ),
    ("wasi:random/random", "the `getrandom` or `rand` crate", "`context.random()`"),
    ("wasi:random/insecure-seed", "another version of WASI", "the target `wasm32-wasip2`"),
    ("wasi:random/", "`rand` with an insecure source", "`context.random()`"),
    ("wasi:sockets/", "`std::net`", "a capability of the host, such as `deploy` or `notify`"),
    ("wasi:http/", "an HTTP client", "a capability of the host, such as `deploy` or `notify`"),
    ("wasi:cli/", "another version of WASI", "the target `wasm32-wasip2`"),
    ("wasi:io/", "another version of WASI", "the target `wasm32-wasip2`"),
    ("wasi:", "an interface of WASI that is not offered", "a capability of the host"),
    ("", "bindings for another host", "the relhost SDK only"),
];

/// What to say about an import.
#[must_use]
pub fn advice(import: &str) -> Advice {
    let name = base(import);
    let row = TABLE.iter().find(|(prefix, _, _)| name.starts_with(prefix));
    let (_, cause, instead) = row.expect("the last row fits every name");
    Advice { import: import.to_owned(), cause, instead }
}

/// One line for each import.
#[must_use]
pub fn table(advice: &[Advice]) -> String {
    let lines = advice
        .iter()
        .map(|row| format!("  `{}` comes from {}; use {} instead", row.import, row.cause, row.instead));
    lines.collect::<Vec<String>>().join("\n")
}
