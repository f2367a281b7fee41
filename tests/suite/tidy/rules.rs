//! The rules, each with its table.

use std::path::Path;

use super::check::{crates, files, modules, own_modules, without_tests};

/// A rule: what breaks it is a line that names file and reason.
pub struct Rule {
    /// The name of its fixture.
    pub name: &'static str,
    /// Finds what breaks it below a root.
    pub check: fn(&Path) -> Vec<String>,
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule { name: "layers", check: layers },
    Rule { name: "owners", check: owners },
    Rule { name: "module-order", check: module_order },
    Rule { name: "size", check: size },
    Rule { name: "names", check: names },
    Rule { name: "module-docs", check: module_docs },
    Rule { name: "nouns", check: nouns },
    Rule { name: "banned", check: banned },
];

/// Which of our crates each crate may use. A new arrow is a change of the design and edits this table.
const LAYERS: &[(&str, &[&str])] = &[
    ("relhost-model", &[]),
    ("relhost-engine", &["relhost-model"]),
    ("relhost-store", &["relhost-model", "relhost-engine"]),
    ("relhost-runtime", &["relhost-model", "relhost-engine"]),
    ("relhost-kubernetes", &["relhost-model", "relhost-engine"]),
    ("relhost-connect", &["relhost-model", "relhost-engine"]),
    (
        "relhost",
        &[
            "relhost-model",
            "relhost-engine",
            "relhost-store",
            "relhost-runtime",
            "relhost-kubernetes",
            "relhost-connect",
        ],
    ),
    ("relhost-sdk-macros", &[]),
    ("relhost-sdk", &["relhost-sdk-macros"]),
    ("xtask", &[]),
    ("relhost-fuzz-driver", &[]),
    ("relhost-tests", &["relhost-model", "relhost-engine", "relhost-store", "relhost-runtime"]),
    (
        "relhost-fuzz",
        &[
            "relhost",
            "relhost-model",
            "relhost-engine",
            "relhost-runtime",
            "relhost-kubernetes",
            "relhost-connect",
        ],
    ),
];

/// Which crate owns a heavy dependency. Nobody else names it, tests of the owner apart.
const OWNERS: &[(&str, &str)] = &[
    ("serde-saphyr", "relhost-model"),
    ("rusqlite", "relhost-store"),
    ("tokio-postgres", "relhost-store"),
    ("wasmtime", "relhost-runtime"),
    ("kube", "relhost-kubernetes"),
    ("k8s-openapi", "relhost-kubernetes"),
    ("lettre", "relhost-connect"),
    ("tar", "relhost-connect"),
    ("zip", "relhost-connect"),
    ("axum", "relhost"),
    ("clap", "relhost"),
    ("wit-bindgen", "relhost-sdk"),
];

fn layers(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for krate in crates(root) {
        let plugin = krate.name.starts_with("relhost-plugin-") || krate.name.starts_with("relhost-guest-");
        let allowed: &[&str] = match LAYERS.iter().find(|(name, _)| *name == krate.name) {
            Some((_, allowed)) => allowed,
            None if plugin => &["relhost-sdk"],
            None => {
                broken.push(format!("layers: {} is not in the table", krate.name));
                continue;
            }
        };
        let ours = krate
            .dependencies
            .iter()
            .chain(&krate.dev_dependencies)
            .filter(|name| name.starts_with("relhost"));
        for name in ours.filter(|name| !allowed.contains(&name.as_str()) && **name != krate.name) {
            broken.push(format!("layers: {} may not use {name}", krate.name));
        }
    }
    broken
}

fn owners(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for krate in crates(root) {
        for (dependency, owner) in OWNERS {
            if krate.name != *owner && krate.dependencies.iter().any(|name| name == dependency) {
                broken.push(format!("owners: {} uses {dependency}, which belongs to {owner}", krate.name));
            }
        }
    }
    broken
}

/// A module imports only modules declared above it: declaration order is reading order, and there are no
/// cycles.
fn module_order(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for declares in crates(root).iter().flat_map(|krate| &krate.roots) {
        let (Ok(text), Some(source)) = (std::fs::read_to_string(declares), declares.parent()) else {
            continue;
        };
        let order = modules(&text);
        for (index, module) in order.iter().enumerate() {
            let mut paths = files(&source.join(module), "rs");
            paths.push(source.join(format!("{module}.rs")));
            for path in paths.iter().filter(|path| !path.ends_with("tests.rs")) {
                let Ok(text) = std::fs::read_to_string(path) else { continue };
                let named = own_modules(without_tests(&text));
                for later in order[index + 1..].iter().filter(|later| named.contains(later)) {
                    broken.push(format!(
                        "module-order: {} uses {later}, which is declared below {module}",
                        path.display()
                    ));
                }
            }
        }
    }
    broken
}

/// Files longer than this are about two things. Tests stand in files of their own and may be longer.
const LINES_MAX: usize = 800;
/// More modules than this in a crate are hard to know.
const MODULES_MAX: usize = 15;
/// Crates that have more, and how many. The list may only shrink.
const MODULES_EXCEPTIONS: &[(&str, usize)] = &[("relhost-model", 19)];

fn size(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for path in files(root, "rs").iter().filter(|path| !path.ends_with("tests.rs")) {
        let lines = std::fs::read_to_string(path).map_or(0, |text| without_tests(&text).lines().count());
        if lines > LINES_MAX {
            broken.push(format!("size: {} has {lines} lines; {LINES_MAX} are the limit", path.display()));
        }
    }
    for krate in crates(root) {
        let text = std::fs::read_to_string(krate.folder.join("src/lib.rs")).unwrap_or_default();
        let count = modules(without_tests(&text)).len();
        let exception = MODULES_EXCEPTIONS.iter().find(|(name, _)| *name == krate.name);
        if count > exception.map_or(MODULES_MAX, |(_, allowed)| *allowed) {
            broken.push(format!("size: {} has {count} modules; {MODULES_MAX} are the limit", krate.name));
        }
    }
    broken
}

/// Words that attract everything that has no home.
const HOMELESS: &[&str] = &["common", "utils", "util", "types", "errors", "helpers", "misc"];

fn names(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for path in files(root, "rs") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "mod" {
            broken.push(format!("names: {}: a module's file has the module's name", path.display()));
        }
        if HOMELESS.contains(&stem.as_str()) {
            broken.push(format!("names: {}: `{stem}` says nothing about what it holds", path.display()));
        }
    }
    broken
}

fn module_docs(root: &Path) -> Vec<String> {
    let files = files(root, "rs").into_iter().filter(|path| !path.ends_with("tests.rs"));
    let undocumented = files.filter(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        !text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"))
    });
    undocumented
        .map(|path| format!("module-docs: {} does not say what it is about", path.display()))
        .collect()
}

/// What `deny.toml` bans altogether is in nobody's dependencies.
fn banned(root: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    let bans = deny.lines().filter(|line| line.contains("{ crate = ") && !line.contains("wrappers"));
    let names = bans.filter_map(|line| line.split('"').nth(1));
    let locked = |name: &&str| lock.contains(&format!("name = \"{name}\"\n"));
    names.filter(locked).map(|name| format!("banned: {name} is among the dependencies")).collect()
}

/// Each capability has the same noun three times: contract, host, SDK.
fn nouns(root: &Path) -> Vec<String> {
    const CAPABILITIES: &[&str] = &["deploy", "secrets", "approval", "notify", "log", "context"];
    let mut broken = Vec::new();
    for noun in CAPABILITIES {
        let places = [
            root.join(format!("wit/{noun}/{noun}.wit")),
            root.join(format!("host/runtime/src/capability/{noun}.rs")),
            root.join(format!("guest-sdk/src/{noun}.rs")),
        ];
        for place in places.iter().filter(|place| !place.is_file()) {
            broken.push(format!("nouns: {} is missing", place.display()));
        }
    }
    broken
}
