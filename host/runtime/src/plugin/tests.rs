//! Reading what a component is.

use super::advice::advice;
use super::shape::{CONTRACT, Shape};
use super::*;

fn shape(imports: &[&str], exports: &[&str]) -> Shape {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Shape { imports: names(imports), exports: names(exports), memory: 0 }
}

#[test]
fn versions_on_the_track_of_the_contract_fit() {
    assert_eq!(CONTRACT, "0.1.0");
    let kind = |version: &str| shape(&[], &[&format!("relhost:stage/stage{version}")]).kind();
    for version in ["@0.1.0", "@0.1.1", "@0.1.99"] {
        assert_eq!(kind(version).unwrap(), PluginKind::Stage, "{version}");
    }
    for version in ["", "@0.1.0-rc.1", "@0.10.0", "@0.2.0", "@0.0.1", "@1.0.0", "@1.1.0", "@x"] {
        let Err(PluginError::Version { name, wanted, offered }) = kind(version) else {
            panic!("{version} fits")
        };
        assert_eq!((name.as_str(), offered.as_str()), ("relhost:stage/stage", CONTRACT));
        let expected = version.strip_prefix('@').unwrap_or("without a version");
        assert_eq!(wanted, expected);
    }
}

#[test]
fn imports_are_the_stubs_or_the_contracts() {
    let check = |import: &str| shape(&[import], &[]).check_contract();
    for import in [
        "wasi:io/streams@0.2.6",
        "wasi:io/streams@0.2.0",
        "relhost:log/log@0.1.3",
        "relhost:deploy/deploy@0.1.0",
    ] {
        assert!(check(import).is_ok(), "{import}");
    }
    for import in
        ["wasi:io/streams@0.3.0", "wasi:io/streams", "wasi:io/new@0.2.6", "env", "other:log/log@0.1.0"]
    {
        assert!(matches!(check(import), Err(PluginError::Forbidden(_))), "{import}");
    }
    assert!(matches!(check("relhost:deploy/scale@0.1.0"), Err(PluginError::Unknown { .. })));
    assert!(matches!(check("relhost:deploy/deploy@0.2.0"), Err(PluginError::Version { .. })));
}

#[test]
fn a_description_of_another_contract_is_passed_over() {
    assert!(shape(&[], &["relhost:describe/describe@0.1.4"]).describes());
    assert!(!shape(&[], &["relhost:describe/describe@0.2.0"]).describes());
    assert!(!shape(&[], &["relhost:stage/stage@0.1.0"]).describes());
}

#[test]
fn every_import_is_explained() {
    for (import, cause) in [
        ("wasi:clocks/wall-clock@0.2.6", "SystemTime::now"),
        ("wasi:clocks/monotonic-clock@0.2.6", "Instant::now"),
        ("wasi:clocks/timezone@0.2.6", "the time zone"),
        ("wasi:filesystem/types@0.2.6", "std::fs"),
        ("wasi:random/random@0.2.6", "getrandom"),
        ("wasi:random/insecure@0.2.6", "insecure source"),
        ("wasi:sockets/tcp@0.2.6", "std::net"),
        ("wasi:http/outgoing-handler@0.2.6", "an HTTP client"),
        ("wasi:cli/stdout@0.3.0", "another version of WASI"),
        ("wasi:keyvalue/store@0.2.0", "not offered"),
        ("fermyon:spin/variables", "another host"),
    ] {
        let told = advice(import);
        assert!(told.cause.contains(cause), "{told:?}");
        assert!(!told.instead.is_empty());
    }
}

#[test]
fn memory_is_checked_in_whole_mebibytes() {
    let with = |memory| Shape { memory, ..Shape::default() };
    assert!(with(32 << 20).check_memory(32 << 20, PluginKind::Policy).is_ok());
    let refused = with((32 << 20) + 1).check_memory(32 << 20, PluginKind::Policy);
    assert!(matches!(refused, Err(PluginError::Memory { wanted: 33, max: 32, .. })), "{refused:?}");
    assert!(with(u64::MAX).check_memory(usize::MAX, PluginKind::Stage).is_ok());
}
