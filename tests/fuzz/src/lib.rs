//! What is fuzzed. Each target takes any bytes, gives them to one reader of the host, and asserts what must hold
//! whatever they are. `cargo xtask fuzz` runs the targets under libFuzzer; the test of this package runs them
//! over every file of `corpus/` and `regressions/`, so that what was found once stays an ordinary test.
//!
//! Most inputs are text in parts, separated by a line `%%`: a person can write a seed and read a finding.

mod input;
mod place;

mod archive_listing;
mod decide_form;
mod frame;
mod host_config;
mod mail_headers;
mod manifest;
mod pipeline_file;
mod settings;
mod variables;

mod image_rules;

/// One thing that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line; its folders below `corpus/` and `regressions/` are called so.
    pub name: &'static str,
    /// Gives bytes to it. Panics if something does not hold.
    pub run: fn(&[u8]),
}

/// All of them, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "archive-listing", run: archive_listing::run },
    Target { name: "decide-form", run: decide_form::run },
    Target { name: "frame", run: frame::run },
    Target { name: "host-config", run: host_config::run },
    Target { name: "image-rules", run: image_rules::run },
    Target { name: "mail-headers", run: mail_headers::run },
    Target { name: "manifest", run: manifest::run },
    Target { name: "pipeline-file", run: pipeline_file::run },
    Target { name: "settings", run: settings::run },
    Target { name: "variables", run: variables::run },
];

/// Gives bytes to the target of that name: what a fuzzing program does with each input.
///
/// # Panics
/// If something does not hold, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the program names a target");
    (target.run)(data);
}
