//! The sandbox: a cached load, a fresh instance with one call, and a host call.

use std::time::{Duration, Instant};

use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::config::{Allow, Limits, NotifyRule};
use relhost_model::id::PluginName;
use relhost_model::release::{PluginKind, RunContext};
use relhost_model::time::Timestamp;
use relhost_runtime::{Activation, Sandbox, SandboxOptions};
use relhost_tests::workspace::component;

use crate::{Row, median};

const TIMES: usize = 200;
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
        })
    };
    let bytes = std::fs::read(component("guests", "five-steps"))?;
    let name = PluginName::new("five-steps")?;
    let allow = Allow { notify: Some(NotifyRule::default()), ..Allow::default() };
    let register = |sandbox: &Sandbox| sandbox.register(&name, &bytes, PluginKind::Stage, &allow);
    register(&open()?.0)?;
    let mut loads = Vec::new();
    for _ in 0..20 {
        let (sandbox, _ticker) = open()?;
        let started = Instant::now();
        register(&sandbox)?;
        loads.push(started.elapsed());
    }
    let (sandbox, ticker) = open()?;
    std::thread::Builder::new().name("ticker".into()).spawn(move || ticker.run())?;
    let plugin = register(&sandbox)?;
    let activation = |steps: u32| {
        let context = context(steps);
        let started = Instant::now();
        let ended = runtime.block_on(sandbox.run_stage(&plugin, &context, "seed", &mut Nothing));
        (started.elapsed(), ended)
    };
    let timed = |times: usize, steps: u32| -> anyhow::Result<Duration> {
        let mut seen = Vec::new();
        for _ in 0..times {
            let (elapsed, ended) = activation(steps);
            anyhow::ensure!(matches!(ended, Activation::Returned(_)), "the guest ended with {ended:?}");
            seen.push(elapsed);
        }
        Ok(median(seen))
    };
    let one = timed(TIMES, 1)?;
    let many = timed(20, CALLS)?;
    let per_call = many.saturating_sub(one) / CALLS;
    Ok(vec![
        Row {
            what: "cached component load",
            goal: "0.3 ms",
            seen: format!("{:.2} ms", median(loads).as_secs_f64() * 1e3),
        },
        Row {
            what: "instantiate + one call",
            goal: "50 us",
            seen: format!("{:.0} us", one.as_secs_f64() * 1e6),
        },
        Row {
            what: "host call (two strings in, one out)",
            goal: "0.5 us",
            seen: format!("{:.2} us", per_call.as_secs_f64() * 1e6),
        },
    ])
}

fn context(steps: u32) -> RunContext {
    RunContext {
        pipeline: "bench".into(),
        release: "R-1".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "dev".into(),
        attempt: 1,
        rehearsal: true,
        requester: Actor::Service("bench".into()),
        artifacts: Vec::new(),
        variables: Default::default(),
        settings: format!(r#"{{"steps":{steps},"power":"notify"}}"#),
        outputs: Default::default(),
    }
}
