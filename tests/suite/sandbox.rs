//! Plugins that misbehave, in the real binary: each ends with a named error, in bounded time and memory, while
//! the same process finishes another release and answers everybody. `docs/sandbox.md` says what is promised.

mod parked;
mod trial;

use std::fmt::Write as _;
use std::time::Duration;

use relhost_tests::hostile::{Text, functions, wide_calls, with_export, with_module};
use relhost_tests::workspace::component;

use self::trial::{Case, Ends, Measured};

/// What a case takes that runs into a limit at once, on a machine that runs other tests too.
const SOON: Duration = Duration::from_secs(90);
/// The CPU budget of five seconds, with the same.
const CPU: Duration = Duration::from_secs(120);

/// What a process grows by for an activation that keeps nothing: the component, its code, an instance, a stack,
/// and what the allocator does with the garbage of all of it.
const SMALL: u64 = 32;
/// The memory of a stage over it.
const MEMORY: u64 = 128 + SMALL;

/// A case that is like others but for what is written down.
const CASE: Case = Case {
    name: "",
    component: Vec::new,
    with: "",
    // A debug build of the host is slow with a million calls, which is not what these cases are about.
    operator: "limits: { stage-cpu: 120s }",
    ends: Ends::Succeeded,
    told: "",
    within: SOON,
    grows: SMALL,
};

fn over(budget: &'static str) -> Ends {
    Ends::Failed("budget-exceeded", budget)
}

fn guest(name: &str) -> Vec<u8> {
    std::fs::read(component("guests", name)).expect("read a component")
}

/// Runs every case, and says what was measured.
#[allow(clippy::print_stdout, reason = "the measurement is what somebody wants to see of a test that passes")]
fn all(cases: &[Case]) {
    let (mut table, mut broken) = (String::new(), Vec::new());
    for case in cases {
        let (Measured { took, grew, felt, .. }, not_kept) = trial::run(case);
        let (name, ends, took) = (case.name, case.ends, took.as_secs_f32());
        let (answers, slowest) = (felt.answers, felt.slowest.as_millis());
        writeln!(
            table,
            "{name}: {ends:?}; {took:.1} s; {grew} MiB; {answers} answers, the slowest in {slowest} ms"
        )
        .expect("write to a text");
        broken.extend(not_kept);
    }
    println!("{table}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

const LOG: &str = r#"(import "relhost:log/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#;
const NEW: &str =
    r#"(import "relhost:deploy/deploy@0.1.0" "[constructor]deployment-request" (func $new (result i32)))"#;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_guest_that_breaks_a_limit_fails_its_stage_alone() {
    all(&[&endless()[..], &greedy(), &ending()].concat());
}

/// What never ends by itself.
fn endless() -> [Case; 4] {
    [
        Case {
            name: "infinite loop",
            component: || guest("loops"),
            operator: "",
            ends: over("cpu"),
            told: "ms of CPU time; the limit is 5000 ms",
            within: CPU,
            ..CASE
        },
        Case {
            name: "loop of the start function",
            component: || {
                let fields = "(func $endless (loop $l (br $l))) (start $endless)";
                Text { fields, ..Text::default() }.component()
            },
            operator: "",
            ends: over("cpu"),
            told: "ms of CPU time; the limit is 5000 ms",
            within: CPU,
            ..CASE
        },
        Case {
            name: "deep recursion",
            component: || guest("recursion"),
            ends: over("stack"),
            told: "its calls are nested too deeply",
            ..CASE
        },
        Case {
            name: "loop of cheap host calls",
            component: || guest("call-flood"),
            ends: over("calls"),
            told: "it called the host too often; the limit is 1000000 calls per activation",
            within: CPU,
            ..CASE
        },
    ]
}

/// What takes all that it can get.
fn greedy() -> [Case; 5] {
    [
        Case {
            name: "memory bomb",
            component: || guest("memory-bomb"),
            ends: over("memory"),
            told: "MiB of memory; the limit is 128 MiB",
            grows: MEMORY,
            ..CASE
        },
        Case {
            name: "table bomb",
            component: || {
                let fields = "(table $t 1 funcref)";
                let body = "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l))";
                Text { fields, body, ..Text::default() }.component()
            },
            ends: over("table"),
            told: "a table of 100001 elements; the limit is 100000 elements",
            ..CASE
        },
        Case {
            name: "log flood",
            component: || guest("log-flood"),
            with: "{ lines: 40000, length: 500 }",
            told: "of this plugin's log were dropped: 1048576 bytes and 10000 lines per activation are kept",
            ..CASE
        },
        Case {
            name: "100,000 handles",
            component: || {
                let body = "(loop $l (drop (call $new)) (br $l))";
                Text { imports: NEW, body, ..Text::default() }.component()
            },
            ends: over("handles"),
            told: "it holds too many handles; the limit is 4096 handles",
            ..CASE
        },
        Case {
            name: "100 MB text to the host",
            component: || {
                let body = "(drop (memory.grow (i32.const 1600)))
                    (call $log (i32.const 1) (i32.const 0) (i32.const 100000000) (i32.const 0) (i32.const 0))";
                Text { imports: LOG, body, ..Text::default() }.component()
            },
            ends: over("transfer"),
            told: "it handed too much to one host call; the limit is 4194304 bytes per call",
            ..CASE
        },
    ]
}

/// What ends in another way than by returning.
fn ending() -> [Case; 2] {
    [
        Case {
            name: "panic with a message",
            component: || guest("panics"),
            ends: Ends::Failed("guest-panic", ""),
            told: "the reactor is on fire",
            ..CASE
        },
        Case {
            name: "guest exit",
            component: || guest("exits"),
            ends: Ends::Failed("guest-exit", ""),
            told: "called exit with failure",
            ..CASE
        },
    ]
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_is_no_plugin_is_refused_before_it_is_compiled() {
    let refused = Case { ends: Ends::Refused, ..CASE };
    all(&[
        Case {
            name: "truncated component",
            component: || {
                let mut whole = guest("returns");
                whole.truncate(whole.len() / 2);
                whole
            },
            told: "the component is cut off after",
            ..refused
        },
        Case {
            name: "core module",
            component: || Text::default().module(),
            told: "the file is a core WebAssembly module, not a component",
            ..refused
        },
        Case {
            name: "precompiled component",
            component: precompiled,
            told: "which is native code and is never loaded",
            ..refused
        },
        Case { name: "files", component: || guest("wants-files"), told: "wasi:filesystem", ..refused },
        Case { name: "clocks", component: || guest("wants-clock"), told: "wasi:clocks", ..refused },
        Case { name: "sockets", component: || guest("wants-sockets"), told: "wasi:sockets", ..refused },
        Case {
            name: "a name that its refusal would quote, longer than a pipe",
            component: || with_export(guest("returns"), &"A".repeat(99_000)),
            told: "the component is not valid: failed to parse WebAssembly module: component export `AAAA",
            ..refused
        },
        Case {
            name: "another kind",
            component: || guest("policy-flips"),
            told: "is a policy plugin and a stage plugin is needed",
            ..refused
        },
    ]);
}

/// What the host itself keeps of a component that it has compiled, without its checksum.
fn precompiled() -> Vec<u8> {
    let place = trial::prepare(&guest("returns"), "", "environments: { bad: { namespace: bad } }");
    let _ended = place.run(&["run", "bad.yaml", "--rehearse"]).expect(0);
    let cache = std::fs::read_dir(place.path().join(".relhost/cache")).expect("there is a cache");
    let file = cache.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.is_file());
    let kept = std::fs::read(file.expect("something was compiled")).expect("read it");
    kept[32..].to_vec()
}

/// What compiling something small may take, on a machine that does other things too.
const COMPILING: Duration = Duration::from_secs(300);

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_costs_its_compiler_too_much_is_refused() {
    let bomb = Case { ends: Ends::Refused, within: COMPILING, ..CASE };
    all(&[
        Case {
            name: "one giant function",
            component: || with_module(guest("returns"), &wide_calls(20_000)),
            told: "the component cannot be compiled: it takes more than 320 MiB of memory",
            ..bomb
        },
        Case {
            name: "many functions",
            // Of 50,000 locals each, which is six bytes.
            component: || {
                let module = functions(50_000, &[1, 0xd0, 0x86, 0x03, 0x7f, 0x0b]);
                with_module(guest("returns"), &module)
            },
            told: "the component cannot be compiled: it takes more than 8 s of CPU time",
            ..bomb
        },
    ]);
}
