//! Every way to misbehave ends the guest alone, with a name, in bounded time, while another stage finishes.

use std::time::Duration;

use relhost_model::call::{Answer, CallError};
use relhost_model::config::Limits;
use relhost_model::digest::Digest;
use relhost_model::time::Millis;
use relhost_runtime::Activation;

use crate::fixture::{LOG, NOTIFY, SEND, component, stage, stage_module};
use crate::host::{Script, Step, detail, failed, run, sandbox_with, sent};

/// Enough for anybody, however busy this machine is.
const MUCH: Millis = Millis(120_000);

fn limits(cpu: Millis) -> Limits {
    Limits { stage_cpu: Some(cpu), stage_memory_mib: Some(16), ..Limits::default() }
}

/// Runs a hostile stage beside one that makes a call, on one thread.
async fn beside(hostile: &[u8], script: &mut Script) -> CallError {
    let sandbox = sandbox_with(limits(MUCH));
    let neighbour = stage(NOTIFY, SEND);
    let mut other = Script::new([sent("m1")]);
    let (end, neighbour) =
        futures::join!(run(&sandbox, hostile, script), run(&sandbox, &neighbour, &mut other));
    assert!(matches!(neighbour, Activation::Returned(_)), "{neighbour:?}");
    failed(end)
}

/// The error of a hostile stage.
async fn fault(hostile: &[u8]) -> CallError {
    beside(hostile, &mut Script::default()).await
}

/// Checks that a broken limit is told with everything that a person needs.
fn told(error: &CallError, component: &[u8], budget: &str, observed: &str, limit: &str) {
    assert_eq!((error.code.as_str(), detail(error, "budget")), ("budget-exceeded", budget), "{error:?}");
    assert_eq!((detail(error, "observed"), detail(error, "limit")), (observed, limit));
    let digest = Digest::of(component);
    assert_eq!((detail(error, "plugin"), detail(error, "component")), ("fixture", &*digest.to_string()));
    let sentence =
        format!("plugin `fixture` ({}) was stopped: {observed}; the limit is {limit}", digest.short());
    assert_eq!(error.message, sentence);
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_loop_is_cut_at_its_cpu_budget() {
    let sandbox = sandbox_with(limits(Millis(250)));
    let (hostile, neighbour) = (stage("", "(loop $l (br $l))"), stage(NOTIFY, SEND));
    let (mut script, mut other) = (Script::default(), Script::new([sent("m1")]));
    let runs = futures::join!(run(&sandbox, &hostile, &mut script), run(&sandbox, &neighbour, &mut other));
    assert!(matches!(runs.1, Activation::Returned(_)), "{:?}", runs.1);
    let error = failed(runs.0);
    let observed = detail(&error, "observed");
    let used = observed.strip_prefix("it used ").and_then(|rest| rest.strip_suffix(" ms of CPU time"));
    assert!(used.expect("it says how much").parse::<u64>().unwrap() > 250, "{observed}");
    told(&error, &hostile, "cpu", observed, "250 ms");
}

#[tokio::test]
async fn a_loop_before_the_stage_begins_is_cut_too() {
    let module = stage_module("", "")
        .replace("(global $ret", "(func $endless (loop $l (br $l))) (start $endless) (global $ret");
    let sandbox = sandbox_with(limits(Millis(250)));
    let error = failed(run(&sandbox, &component("stage", &module), &mut Script::default()).await);
    assert_eq!((detail(&error, "budget"), detail(&error, "limit")), ("cpu", "250 ms"));
}

#[tokio::test]
async fn a_memory_bomb_is_refused() {
    let bomb = stage("", "(loop $l (drop (memory.grow (i32.const 16))) (br $l))");
    told(&fault(&bomb).await, &bomb, "memory", "it asked for 17 MiB of memory", "16 MiB");
}

#[tokio::test]
async fn a_table_bomb_is_refused() {
    let module = stage_module("", "(drop (table.grow $t (ref.null func) (i32.const 100000)))");
    let bomb = component("stage", &module.replace("(global $ret", "(table $t 1 funcref) (global $ret"));
    told(&fault(&bomb).await, &bomb, "table", "it asked for a table of 100001 elements", "100000 elements");
}

/// A stage with a function `$deep` that calls itself after `body`.
fn deep(body: &str) -> Vec<u8> {
    let deep = format!(
        "(global $sp (mut i32) (i32.const 65536)) (func $deep {body} (call $deep) (call $deep)) (global $ret"
    );
    component("stage", &stage_module("", "(call $deep)").replace("(global $ret", &deep))
}

#[tokio::test]
async fn endless_recursion_is_cut() {
    let hostile = deep("");
    told(&fault(&hostile).await, &hostile, "stack", "its calls are nested too deeply", "512 KiB of stack");
}

#[tokio::test]
async fn a_full_stack_in_the_guests_memory_is_no_wild_pointer() {
    // As a compiler does it: a frame is taken off the stack pointer and written to.
    let hostile = deep(
        "(global.set $sp (i32.sub (global.get $sp) (i32.const 256)))
        (i32.store offset=8 (global.get $sp) (i32.const 1))",
    );
    let limit = "the stack that it was linked with, 1 MiB unless its author asked for more";
    let observed = "its calls are nested too deeply and its stack is full";
    told(&fault(&hostile).await, &hostile, "stack", observed, limit);
}

#[tokio::test]
async fn a_wild_pointer_is_no_full_stack() {
    // Far above the memory, from a recursion; and below zero, without one.
    let wild = deep(
        "(global.set $sp (i32.add (global.get $sp) (i32.const 4096)))
        (i32.store (global.get $sp) (i32.const 1))",
    );
    for hostile in [wild, stage("", "(drop (i32.load (i32.const -4)))")] {
        let error = fault(&hostile).await;
        assert_eq!(error.code, "guest-fault");
        assert!(error.message.contains("out of bounds memory access"), "{}", error.message);
        assert_eq!(detail(&error, "component"), Digest::of(&hostile).to_string());
    }
}

#[tokio::test]
async fn a_flood_of_cheap_calls_is_cut() {
    let imports = r#"(import "relhost:context/run-context@0.1.0" "[method]run-context.attempt"
        (func $attempt (param i32) (result i32)))"#;
    let flood = stage(imports, "(loop $l (drop (call $attempt (local.get $ctx))) (br $l))");
    let limit = "1000000 calls per activation";
    told(&fault(&flood).await, &flood, "calls", "it called the host too often", limit);
}

#[tokio::test]
async fn a_flood_of_journaled_calls_is_cut() {
    let flood = stage(NOTIFY, &format!("(loop $l {SEND} (br $l))"));
    let mut script = Script::new((0..10_000).map(|_| sent("m")));
    let error = beside(&flood, &mut script).await;
    assert_eq!(script.calls.len(), 10_000);
    let observed = "it made too many calls that are journaled";
    told(&error, &flood, "effects", observed, "10000 calls per activation");
}

#[tokio::test]
async fn a_flood_of_log_lines_is_dropped_and_said() {
    let body = "(loop $l
        (call $log (i32.const 1) (i32.const 2048) (i32.const 5) (i32.const 0) (i32.const 0))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 10003))))";
    let mut script = Script::default();
    let end = run(&sandbox_with(limits(MUCH)), &stage(LOG, body), &mut script).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
    assert_eq!(script.lines.len(), 10_001);
    let last = script.lines.last().expect("there are lines");
    assert_eq!(last.source, "host");
    assert!(last.message.starts_with("3 lines (15 bytes)"), "{}", last.message);
}

#[tokio::test]
async fn too_much_data_in_one_call_is_cut() {
    let huge = stage(
        LOG,
        "(drop (memory.grow (i32.const 100)))
        (call $log (i32.const 1) (i32.const 0) (i32.const 5000000) (i32.const 0) (i32.const 0))",
    );
    told(
        &fault(&huge).await,
        &huge,
        "transfer",
        "it handed too much to one host call",
        "4194304 bytes per call",
    );
}

#[tokio::test]
async fn a_flood_of_handles_is_cut() {
    let imports = r#"(import "relhost:deploy/deploy@0.1.0" "[constructor]deployment-request"
        (func $new (result i32)))"#;
    let flood = stage(imports, "(loop $l (drop (call $new)) (br $l))");
    told(&fault(&flood).await, &flood, "handles", "it holds too many handles", "4096 handles");
}

#[tokio::test]
async fn a_builder_cannot_fill_the_hosts_memory() {
    let imports = r#"(import "relhost:deploy/deploy@0.1.0" "[constructor]deployment-request"
            (func $new (result i32)))
        (import "relhost:deploy/deploy@0.1.0" "[method]deployment-request.add-manifest"
            (func $add (param i32 i32 i32)))"#;
    let flood = stage(
        imports,
        "(memory.fill (i32.const 4096) (i32.const 97) (i32.const 4000)) (local.set $i (call $new))
        (loop $l (call $add (local.get $i) (i32.const 4096) (i32.const 4000)) (br $l))",
    );
    // 1,043 texts of 4,000 bytes, each in a string of 24.
    told(&fault(&flood).await, &flood, "transfer", "its requests hold 4197032 bytes", "4194304 bytes");
}

#[tokio::test]
async fn too_many_random_bytes_at_once_are_refused() {
    let imports = r#"(import "relhost:context/run-context@0.1.0" "[method]run-context.random"
        (func $random (param i32 i32 i32)))"#;
    let greedy = stage(imports, "(call $random (local.get $ctx) (i32.const 1025) (i32.const 512))");
    told(&fault(&greedy).await, &greedy, "random", "it asked for 1025 random bytes at once", "1024 bytes");
}

#[tokio::test]
async fn an_exit_is_named() {
    let imports = r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;
    let error = fault(&stage(imports, "(call $exit (i32.const 1))")).await;
    assert_eq!(error.code, "guest-exit");
    assert!(error.message.contains("ended itself: the plugin called exit with failure"), "{}", error.message);
}

#[tokio::test]
async fn a_reported_panic_reaches_the_message() {
    let imports = r#"(import "relhost:log/log@0.1.0" "report-panic" (func $panic (param i32 i32)))"#;
    let body = "(call $panic (i32.const 2048) (i32.const 5)) (unreachable)";
    let mut script = Script::default();
    let error = beside(&stage(imports, body), &mut script).await;
    assert_eq!(error.code, "guest-panic");
    assert_eq!(detail(&error, "panic"), "hello");
    assert!(error.message.ends_with("panicked: hello"), "{}", error.message);
    assert!(!detail(&error, "backtrace").is_empty());
    assert_eq!(script.text(), "Error panic: hello\n");
}

#[tokio::test]
async fn waits_of_the_host_are_not_billed() {
    let sandbox = sandbox_with(limits(Millis(1000)));
    let wait = Step::Later(Duration::from_millis(1500), Answer::Message("m1".into()));
    // The loop afterwards passes the place where the time used so far is looked at.
    let spin = "(local.set $j (i64.const 1000000))
        (loop $l (local.set $j (i64.sub (local.get $j) (i64.const 1))) (br_if $l (i64.ne (local.get $j) (i64.const 0))))";
    let end = run(&sandbox, &stage(NOTIFY, &format!("{SEND} {spin}")), &mut Script::new([wait])).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_interrupts_the_activation() {
    let end = run(&sandbox_with(limits(MUCH)), &stage(NOTIFY, SEND), &mut Script::new([Step::Hang])).await;
    let Activation::Interrupted(reason) = end else { panic!("{end:?}") };
    assert_eq!(reason, "`relhost:notify/notify@0#send` did not return within 60 s");
}
