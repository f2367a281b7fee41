//! The contract as text: as it is, as it was last released, and as somebody might change it.

use std::path::{Path, PathBuf};

use wit_parser::{Function, Resolve, WorldId, WorldItem};

/// The packages of the contract; one may use those before it.
pub const PACKAGES: [&str; 11] = [
    "types", "log", "context", "deploy", "secrets", "approval", "notify", "stage", "policy", "describe",
    "worlds",
];

/// The text of each package, in the order of [`PACKAGES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract(pub Vec<(&'static str, String)>);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

impl Contract {
    fn read(path: impl Fn(&str) -> PathBuf) -> Self {
        let text = |package| {
            let path = path(package);
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        Self(PACKAGES.map(|package| (package, text(package))).into())
    }

    /// As it is.
    pub fn current() -> Self {
        Self::read(|package| folder().join(format!("{package}/{package}.wit")))
    }

    /// As it was last released.
    pub fn released() -> Self {
        Self::read(|package| folder().join(format!("released/{package}.wit")))
    }

    /// With other versions: of the packages, and wherever one names another.
    pub fn versions(&self, version: impl Fn(&str) -> String) -> Self {
        let rewritten = self.0.iter().map(|(package, text)| (*package, rewrite(text, &version)));
        Self(rewritten.collect())
    }

    /// With a text replaced, which has to be there once.
    pub fn edited(mut self, package: &str, from: &str, to: &str) -> Self {
        let (_, text) = self.0.iter_mut().find(|(name, _)| *name == package).expect("the package is there");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {package}");
        *text = text.replace(from, to);
        self
    }

    /// Reads all packages into what else was read.
    pub fn push(&self, resolve: &mut Resolve) {
        for (package, text) in &self.0 {
            let read = resolve.push_str(format!("{package}.wit"), text);
            read.unwrap_or_else(|error| panic!("{error:?}"));
        }
    }

    /// Reads all packages.
    pub fn parse(&self) -> Resolve {
        let mut resolve = Resolve::default();
        self.push(&mut resolve);
        resolve
    }
}

/// Changes the version after every `relhost:package` and `relhost:package/interface`.
pub fn rewrite(text: &str, version: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split("relhost:");
    let mut rewritten = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let name = piece.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '/');
        let (name, rest) = piece.split_at(name.unwrap_or(piece.len()));
        rewritten.push_str("relhost:");
        rewritten.push_str(name);
        match rest.strip_prefix('@') {
            None => rewritten.push_str(rest),
            Some(rest) => {
                let (old, rest) = rest.split_at(version_len(rest));
                rewritten.push('@');
                rewritten.push_str(&version(old));
                rewritten.push_str(rest);
            }
        }
    }
    rewritten
}

/// A dot belongs to a version only in front of a digit: `@0.1.0.{error}` ends before the last one.
fn version_len(text: &str) -> usize {
    let belongs = |at: usize, c: char| {
        c.is_ascii_digit() || c == '.' && text[at + 1..].starts_with(|next: char| next.is_ascii_digit())
    };
    text.char_indices().find(|(at, c)| !belongs(*at, *c)).map_or(text.len(), |(at, _)| at)
}

/// A world of the package `worlds`, whatever its version.
pub fn world(resolve: &Resolve, name: &str) -> WorldId {
    let found = resolve.worlds.iter().find(|(_, world)| {
        let package = world.package.map(|package| &resolve.packages[package].name);
        world.name == name && package.is_some_and(|package| package.namespace == "relhost")
    });
    found.expect("the contract has the world").0
}

/// The functions of every interface that a world imports, with the interface's name without a version.
pub fn imported(resolve: &Resolve, world: WorldId) -> Vec<(String, Function)> {
    let mut found = Vec::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else {
            panic!("a world of the contract imports interfaces")
        };
        let name = interface_name(resolve, *id);
        found.extend(
            resolve.interfaces[*id].functions.values().map(|function| (name.clone(), function.clone())),
        );
    }
    found
}

/// `relhost:deploy/deploy`, without a version.
pub fn interface_name(resolve: &Resolve, interface: wit_parser::InterfaceId) -> String {
    let interface = &resolve.interfaces[interface];
    let package = &resolve.packages[interface.package.expect("an interface is in a package")].name;
    let name = interface.name.as_ref().expect("every interface of the contract has a name");
    format!("{}:{}/{name}", package.namespace, package.name)
}

#[test]
fn versions_are_rewritten_and_nothing_else() {
    let text = "package relhost:a-b@0.1.0;\nuse relhost:types/types@0.1.0.{error};\n/// relhost: is it, wasi:io@0.2.6";
    let new = "package relhost:a-b@0.1.0-x;\nuse relhost:types/types@0.1.0-x.{error};\n/// relhost: is it, wasi:io@0.2.6";
    assert_eq!(rewrite(text, |old| format!("{old}-x")), new);
}
