//! The contract: what may change in it, and that it says what it means.

use std::cmp::Ordering;

use wit_component::semver_check;
use wit_parser::{Docs, Function, Resolve, TypeDefKind};

use crate::contract::{Contract, world};

const HINT: &str = "give the package its next version (and on another track `worlds` too), or add beside what is \
                    there; `wit/released` changes with a release only";

/// Three numbers of a version.
fn numbers(version: &str) -> [u32; 3] {
    let numbers = version.split('.').map(|number| number.parse().expect("a version has three numbers"));
    numbers.collect::<Vec<u32>>().try_into().expect("a version has three numbers")
}

/// What a guest can rely on: before 1.0.0 the minor version, from then on the major one.
fn track(version: &str) -> [u32; 2] {
    let [major, minor, _] = numbers(version);
    if major == 0 { [0, minor] } else { [major, 0] }
}

/// The version that a package's text declares.
fn version(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("package ")).expect("the text declares a package");
    let (_, version) =
        line.trim_end_matches(';').split_once('@').expect("a package of the contract has a version");
    version.to_owned()
}

/// The text without comments: documentation may change freely.
fn code(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Refuses a contract that breaks what was released without saying so in its versions.
fn gate(released: &Contract, current: &Contract) -> Result<(), String> {
    let pairs = released.0.iter().zip(&current.0);
    let versions = pairs.map(|((package, old), (_, new))| {
        let (was, is) = (version(old), version(new));
        match numbers(&is).cmp(&numbers(&was)) {
            Ordering::Less => Err(format!("`{package}` went back from {was} to {is}")),
            Ordering::Equal if code(old) != code(new) => {
                Err(format!("`{package}` {is} is not what was released"))
            }
            _ => Ok((*package, track(&was), track(&is))),
        }
    });
    let tracks = versions.collect::<Result<Vec<_>, _>>()?;
    let moved = |(_, was, is): &&(&str, [u32; 2], [u32; 2])| was != is;
    if tracks.iter().filter(moved).any(|(package, ..)| *package == "worlds") {
        // A break that the version announces.
        return Ok(());
    }
    if let Some((package, ..)) = tracks.iter().find(moved) {
        return Err(format!("`{package}` is on another track and `worlds` is not"));
    }
    check_worlds(released, current)
}

/// Both trees go into one resolve, where a package may stand only once: the released one gets other versions.
fn check_worlds(released: &Contract, current: &Contract) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let other = released.versions(|version| format!("{version}-released"));
    other.push(&mut resolve);
    let old = ["stage-plugin", "policy-plugin", "describe-plugin"].map(|name| (name, world(&resolve, name)));
    current.push(&mut resolve);
    for (name, old) in old {
        let mut worlds = resolve.worlds.iter().filter(|(id, world)| world.name == name && *id != old);
        let (new, _) = worlds.next().ok_or_else(|| format!("the world `{name}` is gone"))?;
        semver_check(resolve.clone(), old, new).map_err(|error| format!("`{name}`: {error:#}"))?;
    }
    Ok(())
}

/// The next version on the same track.
fn next(contract: Contract) -> Contract {
    contract.versions(|version| {
        let [major, minor, patch] = numbers(version);
        format!("{major}.{minor}.{}", patch + 1)
    })
}

#[test]
fn the_contract_fits_what_was_released() {
    gate(&Contract::released(), &Contract::current()).unwrap_or_else(|broken| panic!("{broken}\n{HINT}"));
}

const WAIT: &str = "    wait: func(deployment: string, timeout-seconds: u32) -> result<rollout, error>;\n";
const NEED: &str = "        need(list<requirement>),\n";

#[test]
fn a_break_on_the_same_track_is_refused() {
    let added = |line: &str, more: &str| format!("{line}{more}");
    for (what, package, from, to, says) in [
        (
            "a record got a field",
            "deploy",
            "        address: string,\n",
            "        address: string,\n        port: u16,\n",
            "expected 2 fields, found 3",
        ),
        ("a function is gone", "deploy", WAIT, "", "missing expected export `wait`"),
        (
            "a variant got a case",
            "policy",
            NEED,
            &added(NEED, "        defer,\n"),
            "expected 5 cases, found 4",
        ),
        (
            "an enum got a case",
            "stage",
            "        expired,\n",
            "        expired,\n        skipped,\n",
            "mismatch in enum elements",
        ),
        (
            "a function takes more",
            "secrets",
            "registry: string)",
            "registry: string, force: bool)",
            "expected 2 parameters, found 3",
        ),
        (
            "an export is asked for",
            "worlds",
            "    export relhost:stage/stage@0.1.0;\n",
            "    export relhost:stage/stage@0.1.0;\n    export relhost:describe/describe@0.1.0;\n",
            "missing export named `relhost:describe/describe`",
        ),
        ("an import is not offered", "worlds", "    import relhost:notify/notify@0.1.0;\n", "", "missing"),
    ] {
        let broken = next(Contract::released().edited(package, from, to));
        let refused = gate(&Contract::released(), &broken).expect_err(what);
        assert!(refused.contains(says), "{what}: {refused}");
    }
}

#[test]
fn an_addition_on_the_same_track_passes() {
    for (what, package, from, to) in [
        ("nothing", "deploy", WAIT, WAIT),
        ("a function", "deploy", WAIT, &format!("{WAIT}    scale: func(replicas: u32);\n")),
        (
            "a method",
            "approval",
            "        add-approver: func(who: string);\n",
            "        add-approver: func(who: string);\n        add-reminder: func(seconds: u64);\n",
        ),
        (
            "an offer",
            "worlds",
            "    export relhost:policy/policy@0.1.0;\n",
            "    import relhost:notify/notify@0.1.0;\n    export relhost:policy/policy@0.1.0;\n",
        ),
    ] {
        let grown = next(Contract::released().edited(package, from, to));
        gate(&Contract::released(), &grown).unwrap_or_else(|refused| panic!("{what}: {refused}"));
    }
}

#[test]
fn the_version_has_to_tell_of_a_change() {
    let released = Contract::released();
    let same = released.clone().edited("deploy", WAIT, &format!("{WAIT}    scale: func(replicas: u32);\n"));
    assert_eq!(gate(&released, &same).unwrap_err(), "`deploy` 0.1.0 is not what was released");
    let reworded =
        released.clone().edited("deploy", "/// One object that was applied.", "/// One of the objects.");
    assert_eq!(gate(&released, &reworded), Ok(()));
    let older = gate(&next(released.clone()), &released);
    assert_eq!(older.unwrap_err(), "`types` went back from 0.1.1 to 0.1.0");
    let broken = released.clone().edited("deploy", WAIT, "").versions(|_| "0.2.0".into());
    assert_eq!(gate(&released, &broken), Ok(()), "another track may break");
    let moved = released.versions(|_| "0.2.0".into());
    let sly = moved.edited("worlds", "package relhost:worlds@0.2.0;", "package relhost:worlds@0.1.1;");
    assert!(gate(&released, &sly).is_err());
}

#[test]
fn the_host_offers_the_version_of_every_package() {
    for (package, text) in Contract::current().0 {
        assert_eq!(version(&text), relhost_runtime::plugin::shape::CONTRACT, "{package}");
    }
}

/// Where documentation is missing.
fn undocumented(resolve: &Resolve) -> Vec<String> {
    let mut missing = Vec::new();
    let mut check = |name: String, docs: &Docs| {
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            missing.push(name);
        }
    };
    for (_, package) in &resolve.packages {
        check(package.name.to_string(), &package.docs);
    }
    for (_, world) in &resolve.worlds {
        check(world.name.clone(), &world.docs);
    }
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.clone().unwrap_or_default();
        check(name.clone(), &interface.docs);
        let functions = interface.functions.iter();
        functions.for_each(|(function, Function { docs, .. })| check(format!("{name}.{function}"), docs));
        for (ty, id) in &interface.types {
            let ty_def = &resolve.types[*id];
            let mut member = |member: &str, docs| check(format!("{name}.{ty}.{member}"), docs);
            match &ty_def.kind {
                // Brought in by `use` from where it is documented.
                TypeDefKind::Type(wit_parser::Type::Id(_)) => continue,
                TypeDefKind::Record(record) => record.fields.iter().for_each(|it| member(&it.name, &it.docs)),
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().for_each(|it| member(&it.name, &it.docs))
                }
                TypeDefKind::Enum(cases) => cases.cases.iter().for_each(|it| member(&it.name, &it.docs)),
                TypeDefKind::Flags(flags) => flags.flags.iter().for_each(|it| member(&it.name, &it.docs)),
                _ => {}
            }
            check(format!("{name}.{ty}"), &ty_def.docs);
        }
    }
    missing
}

#[test]
fn every_item_is_documented() {
    assert_eq!(undocumented(&Contract::current().parse()), Vec::<String>::new());
}

#[test]
fn an_item_without_documentation_is_found() {
    let text = "package relhost:bare;
interface i {
    record r { f: u32 }
    variant v { c }
    enum e { n }
    flags b { g }
    resource h { constructor(); m: func(); }
    type t = u32;
    f: func();
}
world w { import i; }";
    let mut resolve = Resolve::default();
    resolve.push_str("bare.wit", text).unwrap();
    let mut found = undocumented(&resolve);
    found.sort();
    let all = [
        "i",
        "i.[constructor]h",
        "i.[method]h.m",
        "i.b",
        "i.b.g",
        "i.e",
        "i.e.n",
        "i.f",
        "i.h",
        "i.r",
        "i.r.f",
        "i.t",
        "i.v",
        "i.v.c",
        "relhost:bare",
        "w",
    ];
    assert_eq!(found, all);
}
