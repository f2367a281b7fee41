//! Classes of defects that engines like ours have had, as far as a configuration of ours is in their way.
//! `docs/sandbox.md` lists all of them and says what holds the others.

use relhost_model::call::CallError;
use relhost_model::config::Limits;
use relhost_model::release::PluginKind;
use relhost_model::time::Millis;
use relhost_runtime::{Activation, PluginError};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::contract::Contract;
use crate::fixture::{LOG, VERSION, component, stage, stage_module, world};
use crate::host::{Script, detail, everything, failed, name, run, sandbox, sandbox_with};

/// A component with a further module beside its own: what is not used is compiled all the same.
fn beside(module: &str) -> Vec<u8> {
    let mut component = stage("", "");
    let module = wat::parse_str(module).unwrap_or_else(|error| panic!("{error}\n{module}"));
    component.push(1);
    let mut rest = module.len();
    while rest >= 0x80 {
        component.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    component.push(rest as u8);
    component.extend(module);
    component
}

fn refused(what: &str, component: &[u8]) -> PluginError {
    let registered = sandbox().register(&name("fixture"), component, PluginKind::Stage, &everything());
    registered.err().unwrap_or_else(|| panic!("{what}: it is registered"))
}

#[test]
fn proposals_that_are_off_cannot_be_used() {
    for (proposal, module) in [
        ("shared memory and threads", "(module (memory 1 1 shared))"),
        ("64-bit memory", "(module (memory i64 1))"),
        ("64-bit tables", "(module (table i64 1 funcref))"),
        ("garbage collection", "(module (type (struct (field i32))) (func (param (ref null 0))))"),
        ("external references", "(module (table 1 externref))"),
        ("dropped segments of external references", "(module (func (result externref) (ref.null extern)))"),
        ("exceptions", "(module (tag $t) (func (throw $t)))"),
        ("stack switching", "(module (type $f (func)) (type $c (cont $f)) (func (param (ref null $c))))"),
    ] {
        let error = refused(proposal, &beside(module));
        assert!(matches!(error, PluginError::Malformed { .. }), "{proposal}: {error}");
    }
    assert!(
        sandbox()
            .register(&name("fixture"), &beside("(module (memory 1))"), PluginKind::Stage, &everything())
            .is_ok(),
        "a further module alone is no reason"
    );
}

#[test]
fn asynchronous_components_cannot_be_used() {
    for (what, field) in [
        ("streams", "(type (stream u8))"),
        ("futures", "(type (future u8))"),
        ("error contexts", "(type error-context)"),
        ("asynchronous functions", "(core func (canon task.cancel))"),
    ] {
        let inner = wat::parse_str(format!("(component {field})")).unwrap();
        let mut component = stage("", "");
        // A component in a component is section 4.
        component.push(4);
        assert!(inner.len() < 0x80, "one byte says how long it is");
        component.push(inner.len() as u8);
        component.extend(inner);
        let error = refused(what, &component);
        assert!(matches!(error, PluginError::Malformed { .. }), "{what}: {error}");
    }
}

/// Runs a stage and returns the first of its log lines.
async fn first_line(sandbox: &relhost_runtime::Sandbox, component: &[u8]) -> String {
    let mut script = Script::default();
    let end = run(sandbox, component, &mut script).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
    script.lines.first().map(|line| line.message.clone()).unwrap_or_default()
}

#[tokio::test]
async fn an_instance_finds_nothing_of_the_one_before_it() {
    // One slot is used again and again: there is never more than one instance.
    let sandbox = sandbox();
    let leaves = stage_module(
        "",
        "(drop (memory.grow (i32.const 28)))
        (memory.fill (i32.const 4096) (i32.const 120) (i32.const 2000000))
        (drop (table.grow $t (ref.func $mine) (i32.const 1000)))",
    );
    let leaves = component(
        "stage",
        &leaves.replace(
            "(global $ret",
            "(table $t 1 funcref) (elem declare func $mine) (func $mine) (global $ret",
        ),
    );
    // `hello` if every byte is zero and every element is empty, else nothing.
    let looks = stage_module(
        LOG,
        "(drop (memory.grow (i32.const 28)))
        (drop (table.grow $t (ref.null func) (i32.const 1000)))
        (local.set $i (i32.const 4096))
        (loop $l
          (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then (unreachable)))
          (local.set $i (i32.add (local.get $i) (i32.const 8)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 2000000))))
        (local.set $i (i32.const 0))
        (loop $l
          (if (i32.eqz (ref.is_null (table.get $t (local.get $i)))) (then (unreachable)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
        (call $log (i32.const 1) (i32.const 2048) (i32.const 5) (i32.const 0) (i32.const 0))",
    );
    let looks = component("stage", &looks.replace("(global $ret", "(table $t 1 funcref) (global $ret"));
    for _ in 0..3 {
        let _left = first_line(&sandbox, &leaves).await;
        assert_eq!(first_line(&sandbox, &looks).await, "hello");
    }
}

/// Runs a stage that must fail.
async fn fault(component: &[u8]) -> CallError {
    let limits = Limits { stage_cpu: Some(Millis(2000)), ..Limits::default() };
    failed(run(&sandbox_with(limits), component, &mut Script::default()).await)
}

#[tokio::test]
async fn a_list_that_is_short_for_the_guest_and_long_for_the_host_is_cut() {
    // Every field of a line is two texts: what they cost the host is many times what they cost the guest.
    let fields = "(drop (memory.grow (i32.const 200)))
        (call $log (i32.const 1) (i32.const 2048) (i32.const 5) (i32.const 65536) (i32.const 800000))";
    let error = fault(&stage(LOG, fields)).await;
    assert_eq!((error.code.as_str(), detail(&error, "budget")), ("budget-exceeded", "transfer"));
}

#[tokio::test]
async fn a_list_beyond_the_memory_is_a_fault_of_the_guest() {
    for (pointer, length) in [(0_u32, 0x0fff_ffff_u32), (0x7fff_fff8, 2), (0xffff_fff8, 0xffff_ffff)] {
        let body = format!(
            "(call $log (i32.const 1) (i32.const 2048) (i32.const 5) (i32.const {pointer}) (i32.const {length}))"
        );
        let error = fault(&stage(LOG, &body)).await;
        assert!(["guest-fault", "budget-exceeded"].contains(&error.code.as_str()), "{error:?}");
    }
}

/// A stage whose texts are in another encoding.
fn encoded(encoding: StringEncoding, body: &str) -> Vec<u8> {
    let (resolve, world) = world(&Contract::current(), "stage", VERSION);
    let mut module = wat::parse_str(stage_module(LOG, body)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

#[tokio::test]
async fn texts_in_every_encoding_are_read_or_refused_and_never_break_the_host() {
    const TAGGED: u32 = 0x8000_0000;
    let call = |pointer: u32, length: u32| {
        format!(
            "(call $log (i32.const 1) (i32.const {pointer}) (i32.const {length}) (i32.const 0) (i32.const 0))"
        )
    };
    let sandbox = sandbox();
    // `hello` has five bytes in every encoding of one byte; as UTF-16 it is two characters and a half.
    assert_eq!(first_line(&sandbox, &encoded(StringEncoding::CompactUTF16, &call(2048, 5))).await, "hello");
    let utf16 = first_line(&sandbox, &encoded(StringEncoding::UTF16, &call(2048, 2))).await;
    assert_eq!(utf16, "敨汬");
    for (encoding, pointer, length) in [
        // Not aligned.
        (StringEncoding::UTF16, 2049, 2),
        (StringEncoding::CompactUTF16, 2049, 2),
        (StringEncoding::CompactUTF16, 2049, TAGGED | 2),
        // Beyond the memory, and over the end of the numbers.
        (StringEncoding::UTF16, 0xffff_fffe, 2),
        (StringEncoding::UTF16, 2048, 0x7fff_ffff),
        (StringEncoding::CompactUTF16, 2048, TAGGED | 0x7fff_ffff),
        (StringEncoding::UTF8, 0xffff_ffff, 2),
        (StringEncoding::UTF8, 2048, 0xffff_ffff),
    ] {
        let error = fault(&encoded(encoding, &call(pointer, length))).await;
        let named = ["guest-fault", "budget-exceeded"].contains(&error.code.as_str());
        assert!(named, "{encoding:?} {pointer} {length:#x}: {error:?}");
    }
}

#[tokio::test]
async fn bulk_operations_are_cut_in_time_and_end_at_the_end_of_memory() {
    let endless = "(drop (memory.grow (i32.const 1500)))
        (loop $l (memory.fill (i32.const 4096) (i32.const 120) (i32.const 98000000)) (br $l))";
    let error = fault(&stage("", endless)).await;
    assert_eq!((error.code.as_str(), detail(&error, "budget")), ("budget-exceeded", "cpu"));
    for beyond in [
        "(memory.fill (i32.const 4096) (i32.const 0) (i32.const 0x7fffffff))",
        "(memory.copy (i32.const 0) (i32.const 4096) (i32.const 0x7fffffff))",
        "(memory.copy (i32.const 0xfffffff0) (i32.const 0) (i32.const 64))",
    ] {
        assert_eq!(fault(&stage("", beyond)).await.code, "guest-fault", "{beyond}");
    }
}

#[tokio::test]
async fn tail_calls_leave_a_backtrace_that_can_be_walked() {
    let module = stage_module("", "(call $tail (i32.const 1000000))").replace(
        "(global $ret",
        "(func $tail (param i32)
           (if (i32.eqz (local.get 0)) (then (unreachable)))
           (return_call $tail (i32.sub (local.get 0) (i32.const 1))))
         (global $ret",
    );
    let error = fault(&component("stage", &module)).await;
    assert_eq!(error.code, "guest-panic", "{error:?}");
    assert!(detail(&error, "backtrace").contains("tail"), "{error:?}");
}

#[test]
fn more_of_something_than_a_pool_has_is_refused() {
    for (what, module) in [
        ("a table", "(table 100001 funcref)".to_owned()),
        ("tables", "(table 1 funcref)".repeat(17)),
        ("memories", "(memory 1)".repeat(4)),
        ("a memory", "(memory 2049)".to_owned()),
    ] {
        let text = stage_module("", "").replace("(global $ret", &format!("{module} (global $ret"));
        let error = refused(what, &component("stage", &text));
        assert!(
            matches!(error, PluginError::Memory { .. } | PluginError::Oversized { .. }),
            "{what}: {error}"
        );
    }
}

#[tokio::test]
async fn components_are_registered_from_many_threads_at_once() {
    let sandbox = sandbox();
    let components: Vec<Vec<u8>> = (0..4)
        .map(|n| stage("", &format!("(i32.store8 offset=4 (global.get $ret) (i32.const {n}))")))
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for component in &components {
                    let plugin =
                        sandbox.register(&name("fixture"), component, PluginKind::Stage, &everything());
                    assert!(plugin.is_ok());
                }
            });
        }
    });
    for component in &components {
        let end = run(&sandbox, component, &mut Script::default()).await;
        assert!(matches!(end, Activation::Returned(_)), "{end:?}");
    }
}
