//! What can be said of a component without granting it anything.

use relhost_model::digest::Digest;
use relhost_model::release::PluginKind;
use relhost_runtime::{Inspection, Interface};

use crate::fixture::{NOTIFY, SEND, component, policy, stage, stage_module};
use crate::host::sandbox;

/// A stage that sends a message, and whose `describe` runs `body` and returns three times what lies at 2048.
fn described(body: &str) -> Vec<u8> {
    component("described", &described_module(body))
}

fn described_module(body: &str) -> String {
    let stage = stage_module(NOTIFY, SEND);
    let stage = stage.trim_end().strip_suffix(')').expect("the module ends there");
    let text = |at: u32| {
        format!(
            "(i32.store (i32.const {at}) (i32.const 2048)) (i32.store offset=4 (i32.const {at}) (i32.const 5))"
        )
    };
    let texts: String = [4096, 4104, 4112].map(text).concat();
    let describe = format!(
        "(func (export \"relhost:describe/describe@0.1.0#describe\") (result i32) {body} {texts} (i32.const 4096))"
    );
    format!("{stage}{describe})")
}

fn inspect(component: &[u8]) -> Inspection {
    sandbox().inspect(component).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_component_describes_itself_whatever_it_imports() {
    let bytes = described("");
    let found = inspect(&bytes);
    assert_eq!((found.kind, found.digest, found.size), (PluginKind::Stage, Digest::of(&bytes), bytes.len()));
    assert_eq!(found.requests, [Interface::Notify]);
    assert!(found.imports.contains(&"relhost:notify/notify@0.1.0".to_owned()), "{:?}", found.imports);
    assert!(found.exports.contains(&"relhost:stage/stage@0.1.0".to_owned()), "{:?}", found.exports);
    assert_eq!(found.warnings, <[String; 0]>::default());
    let about = found.describe.expect("it describes itself");
    assert_eq!([about.summary, about.settings_schema, about.documentation], ["hello"; 3]);
}

#[test]
fn a_description_has_no_power() {
    let send = SEND.replace("(global.get $ret)", "(i32.const 1024)");
    let found = inspect(&described(&send));
    assert_eq!(found.describe, None);
    let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
    let called = "it called `relhost:notify/notify@0.1.0#send` to describe itself, which it must not";
    assert!(warning.contains(called), "{warning}");
}

#[test]
fn a_description_ends() {
    let found = inspect(&described("(loop $l (br $l))"));
    assert_eq!(found.describe, None);
    assert!(found.warnings[0].contains("it used up its fuel"), "{:?}", found.warnings);
}

#[test]
fn a_description_has_the_memory_of_a_policy() {
    let module =
        described_module("").replace("(memory (export \"memory\") 4)", "(memory (export \"memory\") 528)");
    let found = inspect(&component("described", &module));
    assert_eq!((found.kind, found.describe), (PluginKind::Stage, None));
    let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
    assert!(
        warning.contains("begins with 33 MiB of memory and a policy plugin may have 32 MiB"),
        "{warning}"
    );
}

#[test]
fn a_component_need_not_describe_itself() {
    for bytes in [stage("", ""), policy("", "")] {
        let found = inspect(&bytes);
        assert_eq!((found.describe, found.warnings), (None, Vec::new()));
    }
}

#[test]
fn what_would_not_be_registered_is_a_warning() {
    let clock = r#"(import "wasi:clocks/wall-clock@0.2.6" "now" (func $clock (param i32)))"#;
    let found = inspect(&stage(clock, "(call $clock (i32.const 0))"));
    let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
    assert!(warning.contains("`wasi:clocks/wall-clock@0.2.6` comes from"), "{warning}");
}
