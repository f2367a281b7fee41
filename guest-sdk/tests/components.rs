//! What an author writes, and what the built components then import and export. A component's imports are its
//! permissions: this catches an import that slipped in.

use std::fs;
use std::path::{Path, PathBuf};

use wasmparser::{Parser, Payload};

/// The WASI interfaces of the host's stub. Rust's standard library needs all but the last.
const STUB: [&str; 14] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure-seed",
];

/// Records without functions, and what is always granted.
const FREE: [&str; 3] = ["relhost:context/run-context", "relhost:log/log", "relhost:types/types"];

const DEPLOY: &str = "relhost:deploy/deploy";
const CREATE_SECRET: &str = "relhost:secrets/create-secret";
const AWAIT_APPROVAL: &str = "relhost:approval/await-approval";
const NOTIFY: &str = "relhost:notify/notify";

/// The powers of each stage.
const STAGES: &[(&str, &[&str])] = &[
    ("bundled/confirm-after-deploy", &[AWAIT_APPROVAL, CREATE_SECRET, DEPLOY, NOTIFY]),
    ("bundled/rolling-deploy", &[CREATE_SECRET, DEPLOY, NOTIFY]),
    ("guests/asks", &[AWAIT_APPROVAL, NOTIFY]),
    ("guests/call-flood", &[]),
    ("guests/calls-a", &[AWAIT_APPROVAL, NOTIFY]),
    ("guests/calls-b", &[AWAIT_APPROVAL, NOTIFY]),
    ("guests/exits", &[]),
    ("guests/fails", &[]),
    ("guests/five-steps", &[DEPLOY, NOTIFY]),
    ("guests/gate", &[AWAIT_APPROVAL, DEPLOY]),
    ("guests/keeps-secrets", &[CREATE_SECRET, DEPLOY, NOTIFY]),
    ("guests/log-flood", &[]),
    ("guests/loops", &[]),
    ("guests/memory-bomb", &[]),
    ("guests/panics", &[]),
    ("guests/prints", &[]),
    ("guests/recursion", &[]),
    ("guests/returns", &[]),
    ("guests/scans-memory", &[CREATE_SECRET]),
];

/// Policies have no powers.
const POLICIES: &[&str] = &[
    "bundled/all-of",
    "bundled/any-one",
    "bundled/change-window",
    "bundled/in-sequence",
    "bundled/quorum",
    "guests/bad-policy-loops",
    "guests/bad-policy-traps",
    "guests/policy-flips",
];

/// Guests that import what the sandbox does not offer, and one interface by which it shows.
const REFUSED: &[(&str, &str)] = &[
    ("guests/wants-clock", "wasi:clocks/wall-clock"),
    ("guests/wants-files", "wasi:filesystem/types"),
    ("guests/wants-sockets", "wasi:sockets/tcp"),
];

/// More than any of ours has; a component that suddenly is larger has pulled something in.
const SIZE_MAX: usize = 350 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

fn component(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins`", path.display()))
}

/// The names of its imports and exports without versions, sorted.
fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    let plain = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("the component is well-formed") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| plain(import.expect("the component is well-formed").name.name)),
                );
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| plain(export.expect("the component is well-formed").name.name)),
                );
            }
            _ => {}
        }
    }
    imports.sort();
    exports.sort();
    (imports, exports)
}

/// Fails unless it imports the stub, what is free, and exactly these powers.
fn check(name: &str, exported: &str, powers: &[&str]) {
    let bytes = component(name);
    assert!(bytes.len() <= SIZE_MAX, "{name} has {} bytes", bytes.len());
    let (imports, exports) = names(&bytes);
    assert_eq!(exports, ["relhost:describe/describe", exported], "{name}");
    let asks = imports.iter().map(String::as_str);
    let asks: Vec<&str> = asks.filter(|import| !STUB.contains(import) && !FREE.contains(import)).collect();
    let mut powers = powers.to_vec();
    powers.sort_unstable();
    assert_eq!(asks, powers, "{name}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_stage_imports_the_powers_it_uses_and_no_other() {
    for (name, powers) in STAGES {
        check(name, "relhost:stage/stage", powers);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_policy_imports_the_log_only() {
    for name in POLICIES {
        check(name, "relhost:policy/policy", &[]);
        assert!(!names(&component(name)).0.contains(&FREE[0].to_owned()), "{name} knows a run");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_the_sandbox_does_not_offer_shows_in_the_imports() {
    for (name, foreign) in REFUSED {
        assert!(
            names(&component(name)).0.contains(&(*foreign).to_owned()),
            "{name} does not import {foreign}"
        );
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn every_component_is_in_a_table() {
    let known = STAGES.iter().map(|(name, _)| *name).chain(POLICIES.iter().copied());
    let known: Vec<&str> = known.chain(REFUSED.iter().map(|(name, _)| *name)).collect();
    for family in ["bundled", "guests"] {
        for entry in fs::read_dir(folder().join(family)).expect("run `cargo xtask plugins`") {
            let file = entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".wasm") else { continue };
            assert!(known.contains(&format!("{family}/{name}").as_str()), "{family}/{name}");
        }
    }
}

/// Every file of a plugin's or guest's package, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("plugins"), root.join("tests/guests")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is in the repository") {
            let path = entry.expect("the folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("packages hold text");
                files.push((path, text));
            }
        }
    }
    files
}

#[test]
fn no_author_names_the_generator_or_depends_on_more_than_the_sdk() {
    let sources = sources();
    for (path, text) in &sources {
        for name in ["wit-bindgen", "wit_bindgen", "wasm32", "#[export_name", "no_mangle"] {
            // The guest that reads its whole memory cannot do so natively.
            let excused = name == "wasm32" && path.ends_with("scans-memory/src/lib.rs");
            assert!(excused || !text.contains(name), "{} names {name}", path.display());
        }
    }
    let manifests = sources.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
    let mut plugins = 0;
    for (path, text) in manifests {
        let (_, dependencies) = text.split_once("[dependencies]\n").expect("a plugin has a dependency");
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        assert_eq!(dependencies.trim(), "relhost-sdk.workspace = true", "{}", path.display());
        plugins += 1;
    }
    assert_eq!(plugins, STAGES.len() + POLICIES.len() + REFUSED.len());
}
