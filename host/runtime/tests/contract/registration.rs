//! What is refused before anything of it runs, and what is said then.

use std::fmt::Write as _;

use relhost_model::config::Allow;
use relhost_model::release::PluginKind;
use relhost_runtime::limits::{Limits, POLICY_COMPONENT_MAX, STAGE_COMPONENT_MAX};
use relhost_runtime::{PluginError, Sandbox, engine};

use crate::contract::Contract;
use crate::fixture::{
    BASE, LOG, NOTIFY, SEND, VERSION, component, component_of, policy, policy_module, stage, stage_module,
};
use crate::host::{everything, name, sandbox};

const CLOCK: &str = r#"(import "wasi:clocks/wall-clock@0.2.6" "now" (func $clock (param i32)))"#;
const FILES: &str = r#"(import "wasi:filesystem/preopens@0.2.6" "count" (func $files (result i32)))"#;
const CONTEXT: &str = r#"(import "relhost:context/run-context@0.1.0" "[method]run-context.attempt"
    (func $attempt (param i32) (result i32)))"#;

fn both() -> Vec<u8> {
    let policy = policy_module("", "");
    let (_, evaluate) =
        policy.split_once("(data (i32.const 2048) \"hello\")").expect("the text follows the data");
    let evaluate = evaluate.trim_end().strip_suffix(')').expect("the module ends there");
    let stage = stage_module("", "");
    let stage = stage.trim_end().strip_suffix(')').expect("the module ends there");
    component("both", &format!("{stage}{evaluate})"))
}

/// A stage of a contract that offers one function more than this host's.
fn of_a_newer_minor() -> Vec<u8> {
    let send = "    send: func(channel: string, message: message) -> result<string, error>;\n";
    let newer = Contract::current().edited("notify", send, &format!("{send}    shout: func();\n"));
    let imports = r#"(import "relhost:notify/notify@0.1.0" "shout" (func $shout))"#;
    component_of(&newer, "stage", "0.1.1", &stage_module(imports, "(call $shout)"))
}

struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    kind: PluginKind,
    allow: Allow,
}

fn case(what: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    Case { what, bytes: bytes.into(), kind: PluginKind::Stage, allow: everything() }
}

fn wanted_as_policy(what: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    Case { kind: PluginKind::Policy, ..case(what, bytes) }
}

fn files() -> Vec<Case> {
    let fine = stage("", "");
    let engine = engine::stage(&Limits::stage(&relhost_model::config::Limits::default())).unwrap();
    let mut broken = fine.clone();
    let code = broken.len() / 2;
    broken[code..code + 8].fill(0xff);
    vec![
        case("an empty file", ""),
        case("something else", "%PDF-1.7"),
        case("WebAssembly text", "\n(component)"),
        case("a core module", wat::parse_str("(module)").unwrap()),
        case("a truncated component", &fine[..fine.len() / 2]),
        case("a damaged component", broken),
        case("native code", engine.precompile_component(&fine).unwrap()),
        case(
            "native code of a module",
            engine.precompile_module(&wat::parse_str("(module)").unwrap()).unwrap(),
        ),
        case("too large", vec![0; STAGE_COMPONENT_MAX + 1]),
        case("too much memory", component("stage", &with_memory(&stage_module("", ""), 129))),
        wanted_as_policy(
            "too much for a policy",
            component("policy", &with_memory(&policy_module("", ""), 33)),
        ),
    ]
}

fn contracts() -> Vec<Case> {
    let other = |world, version, module: String| component_of(&Contract::current(), world, version, &module);
    vec![
        case("no plugin", component("nothing", "(module)")),
        case("both kinds", both()),
        case("a policy where a stage is needed", policy("", "")),
        wanted_as_policy("a stage where a policy is needed", stage("", "")),
        case("a stage of another contract", other("stage", "0.2.0", stage_module("", ""))),
        case("a stage of a contract before this one", other("stage", "0.0.9", stage_module("", ""))),
        wanted_as_policy("a policy of another contract", other("policy", "1.0.0", policy_module("", ""))),
        case("a function of a newer contract", of_a_newer_minor()),
    ]
}

fn imports() -> Vec<Case> {
    let with = |imports: &str, body: &str| stage(imports, body);
    let tomorrow = r#"(import "relhost:tomorrow/teleport@0.1.0" "go" (func $go))"#;
    let environment = r#"(import "wasi:cli/environment@0.2.6" "set-environment" (func $set))"#;
    let both = format!("{CLOCK}{FILES}");
    vec![
        case("an interface beyond the stub", with(CLOCK, "(call $clock (i32.const 0))")),
        case("two of them", with(&both, "(call $clock (i32.const 0)) (drop (call $files))")),
        case("a function beyond the stub", with(environment, "(call $set)")),
        case("an interface of a newer host", with(tomorrow, "(call $go)")),
        Case { allow: Allow::default(), ..case("a power that is not granted", with(NOTIFY, SEND)) },
        wanted_as_policy("a policy with a power", policy(NOTIFY, POLICY_SENDS)),
        wanted_as_policy(
            "a policy that knows the run",
            policy(CONTEXT, "(drop (call $attempt (i32.const 0)))"),
        ),
        wanted_as_policy("a policy with a clock", policy(CLOCK, "(call $clock (i32.const 0))")),
    ]
}

const POLICY_SENDS: &str =
    "(call $send (i32.const 2048) (i32.const 5) (i32.const 2048) (i32.const 5) (i32.const 2048)
  (i32.const 5) (i32.const 512))";

/// A module with so much memory from the start.
fn with_memory(module: &str, mib: u32) -> String {
    module.replace("(memory (export \"memory\") 4)", &format!("(memory (export \"memory\") {})", mib * 16))
}

fn refusal(sandbox: &Sandbox, case: &Case) -> PluginError {
    match sandbox.register(&name("fixture"), &case.bytes, case.kind, &case.allow) {
        Ok(_) => panic!("{} was registered", case.what),
        Err(error) => error,
    }
}

/// The messages of every case, for a person to read.
fn messages(cases: &[Case]) -> String {
    let sandbox = sandbox();
    let mut text = String::new();
    for case in cases {
        let _ = writeln!(
            text,
            "{}:\n    {}\n",
            case.what,
            refusal(&sandbox, case).to_string().replace('\n', "\n    ")
        );
    }
    text
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    insta::assert_snapshot!(messages(&files()));
}

#[test]
fn a_component_of_another_contract_is_refused() {
    insta::assert_snapshot!(messages(&contracts()));
}

#[test]
fn an_import_that_is_not_offered_or_not_granted_is_refused() {
    insta::assert_snapshot!(messages(&imports()));
}

#[test]
fn each_refusal_has_a_name() {
    let sandbox = sandbox();
    let cases = [files(), contracts(), imports()].into_iter().flatten();
    let name = |case: Case| (case.what, format!("{:?}", refusal(&sandbox, &case)));
    let named: Vec<(&str, String)> = cases.map(name).collect();
    for (what, variant) in [
        ("an empty file", "NotWasm"),
        ("WebAssembly text", "Text"),
        ("a core module", "CoreModule"),
        ("a truncated component", "Truncated"),
        ("a damaged component", "Malformed"),
        ("native code", "Precompiled"),
        ("native code of a module", "Precompiled"),
        ("too large", "TooLarge"),
        ("too much memory", "Memory"),
        ("too much for a policy", "Memory"),
        ("no plugin", "NoKind"),
        ("both kinds", "BothKinds"),
        ("a policy where a stage is needed", "WrongKind"),
        ("a stage where a policy is needed", "WrongKind"),
        ("a stage of another contract", "Version"),
        ("a function of a newer contract", "NoFunction"),
        ("an interface beyond the stub", "Forbidden"),
        ("a function beyond the stub", "NoFunction"),
        ("an interface of a newer host", "Unknown"),
        ("a power that is not granted", "NotGranted"),
        ("a policy with a power", "ImpurePolicy"),
        ("a policy that knows the run", "ImpurePolicy"),
        ("a policy with a clock", "Forbidden"),
    ] {
        let (_, error) = named.iter().find(|(case, _)| *case == what).expect("the case is in a table");
        assert!(error.starts_with(variant), "{what}: {error}");
    }
}

/// Where the last export ends. What follows is names, which nothing needs.
fn end_of_exports(component: &[u8]) -> usize {
    let payloads = wasmparser::Parser::new(0).parse_all(component);
    let ends = payloads.filter_map(|payload| match payload.expect("the component is well-formed") {
        wasmparser::Payload::ComponentExportSection(section) => Some(section.range().end),
        _ => None,
    });
    ends.last().expect("a plugin exports something")
}

#[test]
fn no_beginning_of_a_component_is_a_plugin() {
    let sandbox = sandbox();
    let whole = stage(&format!("{NOTIFY}{LOG}"), SEND);
    let allow = everything();
    for len in 0..end_of_exports(&whole) {
        let refused = sandbox.register(&name("fixture"), &whole[..len], PluginKind::Stage, &allow);
        assert!(refused.is_err(), "the first {len} of {} bytes are a plugin", whole.len());
    }
    sandbox.register(&name("fixture"), &whole, PluginKind::Stage, &allow).unwrap();
}

#[test]
fn a_policy_may_be_smaller_than_a_stage() {
    let filler = format!("(module {BASE} (data (i32.const 0) \"{}\"))", "a".repeat(POLICY_COMPONENT_MAX));
    let large = wat::parse_str(filler).unwrap();
    let module = policy_module("", "");
    let mut bytes = component("policy", &module);
    // A custom section is as good as any other weight.
    bytes.push(0);
    leb128(&mut bytes, large.len() + 2);
    bytes.extend_from_slice(&[1, b'x']);
    bytes.extend_from_slice(&large);
    let refused = sandbox().register(&name("fixture"), &bytes, PluginKind::Policy, &Allow::default());
    let Err(PluginError::TooLarge { max, kind, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((max, kind), (POLICY_COMPONENT_MAX, PluginKind::Policy));
}

fn leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[test]
fn a_plugin_may_begin_with_all_the_memory_there_is() {
    let sandbox = sandbox();
    for (kind, bytes) in [
        (PluginKind::Stage, component("stage", &with_memory(&stage_module("", ""), 128))),
        (PluginKind::Policy, component("policy", &with_memory(&policy_module("", ""), 32))),
    ] {
        sandbox.register(&name("fixture"), &bytes, kind, &everything()).unwrap();
    }
}

#[test]
fn a_patch_version_of_the_contract_fits() {
    let newer = component_of(&Contract::current(), "stage", "0.1.7", &stage_module(NOTIFY, SEND));
    let plugin = sandbox().register(&name("fixture"), &newer, PluginKind::Stage, &everything()).unwrap();
    assert_eq!(plugin.requests(), [relhost_runtime::Interface::Notify]);
    assert_eq!(VERSION, relhost_runtime::plugin::shape::CONTRACT);
}

#[test]
fn the_same_component_under_another_grant_is_another_plugin() {
    let (sandbox, bytes) = (sandbox(), stage(NOTIFY, SEND));
    sandbox.register(&name("fixture"), &bytes, PluginKind::Stage, &everything()).unwrap();
    let refused = sandbox.register(&name("fixture"), &bytes, PluginKind::Stage, &Allow::default());
    assert!(matches!(refused, Err(PluginError::NotGranted(_))), "{refused:?}");
    let refused = sandbox.register(&name("fixture"), &bytes, PluginKind::Policy, &everything());
    assert!(matches!(refused, Err(PluginError::WrongKind { .. })), "{refused:?}");
}
