//! The sandbox: a cached load, a fresh instance with one call, and a host call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::config::{Allow, DeployRule, Limits, NotifyRule};
use relhost_model::id::PluginName;
use relhost_model::release::PluginKind;
use relhost_model::time::Timestamp;
use relhost_runtime::engine::compile::Here;
use relhost_runtime::{Activation, Sandbox, SandboxOptions};
use relhost_tests::workspace::component;

use crate::journaled::context;
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "In one process: a component from the cache of compiled ones, an instance of the guest \
    `five-steps` with one call, and what each further call costs.";

const TIMES: usize = 200;
const TIMES_LONG: usize = 30;
const LOADS: usize = 50;
/// Host calls of the long activation; what it takes longer than the short one is theirs.
const CALLS: u32 = 2000;

/// Answers at once.
struct Nothing;

impl HostCalls for Nothing {
    fn call(&mut self, _call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        Box::pin(std::future::ready(Ok(Answer::Message("m".into()))))
    }

    fn log(&mut self, _line: LogLine) {}

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cache = tempfile::tempdir()?;
    let open = || {
        Sandbox::new(SandboxOptions {
            cache_dir: Some(cache.path().to_owned()),
            cache_key: [7; 32],
            limits: Limits::default(),
            compiler: Arc::new(Here),
        })
    };
    let bytes = std::fs::read(component("guests", "five-steps"))?;
    let name = PluginName::new("five-steps")?;
    let allow = Allow {
        deploy: Some(DeployRule::default()),
        notify: Some(NotifyRule::default()),
        ..Allow::default()
    };
    let register = |sandbox: &Sandbox| sandbox.register(&name, &bytes, PluginKind::Stage, &allow);
    register(&open()?.0)?;
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let (sandbox, _ticker) = open()?;
        let started = Instant::now();
        register(&sandbox)?;
        loads.push(started.elapsed());
    }
    let (sandbox, ticker) = open()?;
    std::thread::Builder::new().name("ticker".into()).spawn(move || ticker.run())?;
    let plugin = register(&sandbox)?;
    let activation = |steps: u32| {
        let context = context(steps, "quiet");
        let started = Instant::now();
        let ended = runtime.block_on(sandbox.run_stage(&plugin, &context, "seed", &mut Nothing));
        (started.elapsed(), ended)
    };
    let timed = |times: usize, steps: u32| -> anyhow::Result<Vec<Duration>> {
        let mut seen = Vec::new();
        for _ in 0..times {
            let (elapsed, ended) = activation(steps);
            anyhow::ensure!(matches!(ended, Activation::Returned(_)), "the guest ended with {ended:?}");
            seen.push(elapsed);
        }
        Ok(seen)
    };
    let one = timed(TIMES, 1)?;
    let mut sorted = one.clone();
    sorted.sort();
    let overhead = sorted[sorted.len() / 2];
    let per_call: Vec<Duration> =
        timed(TIMES_LONG, CALLS)?.into_iter().map(|many| many.saturating_sub(overhead) / CALLS).collect();
    Ok(vec![
        Row::times("cached component load", Goal::Value(0.3), Unit::Millis, &loads),
        Row::times("instantiate and one call", Goal::Value(50.0), Unit::Micros, &one),
        Row::times("host call (two strings in, one out)", Goal::Value(0.5), Unit::Micros, &per_call),
    ])
}
