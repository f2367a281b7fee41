//! Components that no compiler of a plugin author makes: a stage from a few lines of WebAssembly text, and
//! code that only costs its compiler.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use crate::workspace::root;

/// The packages of the contract; one may use those before it.
const PACKAGES: [&str; 11] = [
    "types", "log", "context", "deploy", "secrets", "approval", "notify", "stage", "policy", "describe",
    "worlds",
];

/// A stage in WebAssembly text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text<'a> {
    /// Imported functions of the contract.
    pub imports: &'a str,
    /// Further fields of the module: tables, functions, a start.
    pub fields: &'a str,
    /// What it does when it is run, with the context in `$ctx`. It succeeds afterwards.
    pub body: &'a str,
}

impl Text<'_> {
    /// The core module.
    ///
    /// # Panics
    /// If the text is wrong.
    #[must_use]
    pub fn module(&self) -> Vec<u8> {
        let Self { imports, fields, body } = self;
        // An empty outcome lies at 1024, where nothing is ever written.
        let text = format!(
            r#"(module
(import "relhost:context/run-context@0.1.0" "[resource-drop]run-context" (func $drop (param i32)))
{imports}
(memory (export "memory") 1)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))
{fields}
(func (export "relhost:stage/stage@0.1.0#run") (param $ctx i32) (result i32)
  {body}
  (call $drop (local.get $ctx))
  (i32.const 1024))
)"#
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The component.
    ///
    /// # Panics
    /// If the module is no stage.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        let (resolve, world) = contract();
        let mut module = self.module();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("embed the world");
        let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
        encoder.validate(true).encode().unwrap_or_else(|error| panic!("{error:?}"))
    }
}

fn contract() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let pushed = PACKAGES.map(|package| {
        let path = root().join(format!("wit/{package}/{package}.wit"));
        let text = std::fs::read_to_string(&path).expect("read the contract");
        resolve.push_str(path, &text).unwrap_or_else(|error| panic!("{error:?}"))
    });
    let worlds = pushed.last().copied().expect("the worlds are the last package");
    let world = resolve.select_world(&[worlds], Some("stage-plugin")).expect("the contract has the world");
    (resolve, world)
}

/// A component with one more module that nobody uses. All of it is compiled.
#[must_use]
pub fn with_module(mut component: Vec<u8>, module: &[u8]) -> Vec<u8> {
    // A module is section 1 of a component.
    section(&mut component, 1, module);
    component
}

/// A component that exports its first function once more, under this name.
///
/// # Panics
/// If the name is too long for a component.
#[must_use]
pub fn with_export(mut component: Vec<u8>, name: &str) -> Vec<u8> {
    let mut export = vec![1, 0];
    export.extend(leb128(name.len()));
    export.extend_from_slice(name.as_bytes());
    // A function, the first one, of the type that it has.
    export.extend([1, 0, 0]);
    section(&mut component, 11, &export);
    component
}

/// A module of so many functions of the same code, given in binary.
///
/// # Panics
/// If that is more than a section can hold.
#[must_use]
pub fn functions(count: usize, code: &[u8]) -> Vec<u8> {
    let types = [1, 0x60, 0, 0];
    let mut declared = leb128(count);
    declared.resize(declared.len() + count, 0);
    let mut body = leb128(code.len());
    body.extend_from_slice(code);
    let mut bodies = leb128(count);
    bodies.extend(body.repeat(count));
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in [(1, &types[..]), (3, &declared), (10, &bodies)] {
        section(&mut module, id, content);
    }
    module
}

/// A module with one function of so many calls, each of which hands on a thousand values: a few bytes that cost
/// their compiler a thousand times as much.
///
/// # Panics
/// If the text is wrong.
#[must_use]
pub fn wide_calls(count: usize) -> Vec<u8> {
    const WIDTH: usize = 1000;
    let values = "i32 ".repeat(WIDTH);
    let through: String = (0..WIDTH).map(|n| format!("local.get {n} ")).collect();
    let text = format!(
        "(module (func $f (param {values}) (result {values}) {through}) (func {} {} {}))",
        "i32.const 0 ".repeat(WIDTH),
        "call $f ".repeat(count),
        "drop ".repeat(WIDTH),
    );
    wat::parse_str(text).expect("the text is right")
}

fn section(binary: &mut Vec<u8>, id: u8, content: &[u8]) {
    binary.push(id);
    binary.extend(leb128(content.len()));
    binary.extend_from_slice(content);
}

/// A number as the binary format writes it.
fn leb128(number: usize) -> Vec<u8> {
    let mut rest = u32::try_from(number).expect("a section is smaller than 4 GiB");
    let mut bytes = Vec::new();
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
