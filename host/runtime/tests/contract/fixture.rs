//! Components made in the test from a few lines of WebAssembly text and the contract itself.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId};

use crate::contract::{Contract, rewrite};

/// The version of every package of the contract.
pub const VERSION: &str = "0.1.0";

/// What the fixtures may import besides the contract: of the stub, beyond it, and of a later host.
const FOREIGN: [&str; 4] = [
    "package wasi:cli@0.2.6;
interface exit { exit: func(status: result); }
interface environment { get-environment: func() -> list<tuple<string, string>>; set-environment: func(); }",
    "package wasi:clocks@0.2.6;
interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:filesystem@0.2.6;
interface preopens { count: func() -> u32; }",
    "package relhost:tomorrow@0.1.0;
interface teleport { go: func(); }",
];
const WORLDS: &str = "package test:worlds;
world stage {
    include relhost:worlds/stage-plugin@0.1.0;
    import wasi:cli/exit@0.2.6;
    import wasi:cli/environment@0.2.6;
    import wasi:clocks/wall-clock@0.2.6;
    import wasi:filesystem/preopens@0.2.6;
    import relhost:tomorrow/teleport@0.1.0;
}
world policy {
    include relhost:worlds/policy-plugin@0.1.0;
    import relhost:notify/notify@0.1.0;
    import relhost:context/run-context@0.1.0;
    import wasi:clocks/wall-clock@0.2.6;
}
world both {
    include relhost:worlds/stage-plugin@0.1.0;
    include relhost:worlds/policy-plugin@0.1.0;
}
world described {
    include relhost:worlds/stage-plugin@0.1.0;
    include relhost:worlds/describe-plugin@0.1.0;
}
world nothing {}
";

/// A world of the fixtures over a contract, whose versions are those that `version` gives.
pub fn world(contract: &Contract, name: &str, version: &str) -> (Resolve, WorldId) {
    let mut resolve = contract.versions(|_| version.to_owned()).parse();
    let push = |resolve: &mut Resolve, text: &str| {
        let text = rewrite(text, |_| version.to_owned());
        resolve.push_str("fixture.wit", &text).unwrap_or_else(|error| panic!("{error:?}"))
    };
    for text in FOREIGN {
        push(&mut resolve, text);
    }
    let worlds = push(&mut resolve, WORLDS);
    let world = resolve.select_world(&[worlds], Some(name)).expect("the world is in the text above");
    (resolve, world)
}

/// A component of a world from a core module.
pub fn component(world: &str, module: &str) -> Vec<u8> {
    component_of(&Contract::current(), world, VERSION, module)
}

/// The same over another contract.
pub fn component_of(contract: &Contract, world_name: &str, version: &str, module: &str) -> Vec<u8> {
    let (resolve, world) = world(contract, world_name, version);
    let module = rewrite(module, |_| version.to_owned());
    let mut module = wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}\n{module}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("the world can be embedded");
    let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    encoder.validate(true).encode().unwrap_or_else(|error| panic!("{error:?}"))
}

/// Memory, and an allocator that never frees.
pub const BASE: &str = r#"
(memory (export "memory") 4)
(global $heap (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (local $p i32)
  (local.set $p (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $p) (local.get 3)))
  (local.get $p))
"#;

/// A stage that runs `body`, which has `$ctx`, and returns what lies at `$ret`: a result with an empty outcome
/// unless the body changes it. An error of a host call that is written there is returned as it is, because
/// both have the same layout.
pub fn stage(imports: &str, body: &str) -> Vec<u8> {
    component("stage", &stage_module(imports, body))
}

pub fn stage_module(imports: &str, body: &str) -> String {
    format!(
        r#"(module
(import "relhost:context/run-context@0.1.0" "[resource-drop]run-context" (func $drop (param i32)))
{imports}
{BASE}
(global $ret i32 (i32.const 1024))
(data (i32.const 2048) "hello")
(func (export "relhost:stage/stage@0.1.0#run") (param $ctx i32) (result i32)
  (local $i i32) (local $j i64)
  {body}
  (call $drop (local.get $ctx))
  (global.get $ret))
)"#
    )
}

/// `$notify` sends `hello` with subject and body `hello` and leaves its result at `$ret`.
pub const NOTIFY: &str = r#"
(import "relhost:notify/notify@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32)))
"#;
pub const SEND: &str =
    "(call $send (i32.const 2048) (i32.const 5) (i32.const 2048) (i32.const 5) (i32.const 2048)
  (i32.const 5) (global.get $ret))";

/// `$log` writes `len` bytes from a place in memory.
pub const LOG: &str = r#"
(import "relhost:log/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
"#;

/// A policy whose `evaluate` runs `body` and returns what lies at 1024: an approval without reasons, unless the
/// body changes it. [`VERDICT`] says where.
pub fn policy(imports: &str, body: &str) -> Vec<u8> {
    component("policy", &policy_module(imports, body))
}

pub fn policy_module(imports: &str, body: &str) -> String {
    let (resolve, world) = world(&Contract::current(), "policy", VERSION);
    let evaluate = resolve.worlds[world].exports.values().find_map(|item| match item {
        wit_parser::WorldItem::Interface { id, .. } => resolve.interfaces[*id].functions.get("evaluate"),
        _ => None,
    });
    let evaluate = evaluate.expect("a policy exports `evaluate`");
    let params = core_types(&resolve.wasm_signature(AbiVariant::GuestExport, evaluate).params);
    format!(
        r#"(module {imports} {BASE}
(data (i32.const 2048) "hello")
(func (export "relhost:policy/policy@0.1.0#evaluate") (param {params}) (result i32)
  (local $n i32) (local $p i32)
  {body}
  (i32.const 1024))
)"#
    )
}

/// The names of flat types in WebAssembly text.
pub fn core_types(types: &[WasmType]) -> String {
    let names = types.iter().map(|ty| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    });
    names.collect::<Vec<_>>().join(" ")
}
