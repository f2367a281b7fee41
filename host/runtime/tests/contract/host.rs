//! The host of the tests: a sandbox with a ticker, and calls answered from a list.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::config::{Allow, ApprovalRule, DeployRule, Limits, NotifyRule, SecretRule};
use relhost_model::digest::Digest;
use relhost_model::id::{PersonId, PluginName};
use relhost_model::release::{PluginKind, RunContext};
use relhost_model::time::Timestamp;
use relhost_runtime::engine::compile::Here;
use relhost_runtime::{Activation, Plugin, Sandbox, SandboxOptions};

pub fn name(text: &str) -> PluginName {
    PluginName::new(text).expect("the tests use valid names")
}

pub fn person(text: &str) -> PersonId {
    PersonId::new(text).expect("the tests use valid names")
}

/// A component that `cargo xtask plugins` built, for example `guests/loops`.
pub fn built(component: &str) -> Vec<u8> {
    let path = format!("{}/../../target/{component}.wasm", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask plugins`"))
}

pub fn sandbox_with(limits: Limits) -> Sandbox {
    let options = SandboxOptions { cache_dir: None, cache_key: [7; 32], limits, compiler: Arc::new(Here) };
    let (sandbox, ticker) = Sandbox::new(options).expect("the sandbox starts");
    std::thread::Builder::new().name("ticker".into()).spawn(move || ticker.run()).expect("a thread starts");
    sandbox
}

pub fn sandbox() -> Sandbox {
    sandbox_with(Limits::default())
}

pub fn everything() -> Allow {
    Allow {
        deploy: Some(DeployRule::default()),
        create_secret: Some(SecretRule::default()),
        await_approval: Some(ApprovalRule::default()),
        notify: Some(NotifyRule::default()),
    }
}

pub fn context() -> RunContext {
    RunContext {
        pipeline: "shop".into(),
        release: "Release-7".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "shop-dev".into(),
        attempt: 1,
        rehearsal: true,
        requester: Actor::Person(PersonId::new("ann").expect("a valid name")),
        artifacts: vec![("app".into(), Digest::of(b"app"), "42".into())],
        variables: [("image".to_owned(), "registry.example/app".to_owned())].into(),
        settings: "{}".into(),
        outputs: [("Build".to_owned(), [("url".to_owned(), "http://x".to_owned())].into())].into(),
    }
}

/// One prepared answer.
pub enum Step {
    Answer(Answer),
    /// The same after a wait of the host.
    Later(Duration, Answer),
    Stop(CallStop),
    /// Never answers.
    Hang,
}

pub fn sent(id: &str) -> Step {
    Step::Answer(Answer::Message(id.into()))
}

/// Answers calls in order. A call that nobody prepared fails the test, and so does an answer nobody fetched.
#[derive(Default)]
pub struct Script {
    pub steps: VecDeque<Step>,
    pub calls: Vec<HostCall>,
    pub lines: Vec<LogLine>,
}

impl Script {
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }

    pub fn text(&self) -> String {
        let lines =
            self.lines.iter().map(|line| format!("{:?} {}: {}\n", line.level, line.source, line.message));
        lines.collect()
    }
}

impl HostCalls for Script {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        let step = self.steps.pop_front().unwrap_or_else(|| panic!("nobody expects {call:?}"));
        self.calls.push(call);
        Box::pin(async move {
            match step {
                Step::Answer(answer) => Ok(answer),
                Step::Later(wait, answer) => {
                    tokio::time::sleep(wait).await;
                    Ok(answer)
                }
                Step::Stop(stop) => Err(stop),
                Step::Hang => std::future::pending().await,
            }
        })
    }

    fn log(&mut self, line: LogLine) {
        self.lines.push(line);
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + self.calls.len() as u64)
    }
}

pub fn register(sandbox: &Sandbox, component: &[u8]) -> Plugin {
    sandbox
        .register(&name("fixture"), component, PluginKind::Stage, &everything())
        .unwrap_or_else(|error| panic!("{error}"))
}

pub async fn run(sandbox: &Sandbox, component: &[u8], script: &mut Script) -> Activation {
    let plugin = register(sandbox, component);
    let end = sandbox.run_stage(&plugin, &context(), "seed", script).await;
    assert!(script.steps.is_empty(), "{} answers were never fetched", script.steps.len());
    end
}

/// The error of an activation that failed.
pub fn failed(end: Activation) -> relhost_model::call::CallError {
    match end {
        Activation::Failed(error) => error,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// The fact of that name.
pub fn detail<'a>(error: &'a relhost_model::call::CallError, name: &str) -> &'a str {
    let found = error.details.iter().find(|(key, _)| key == name);
    found.map_or_else(|| panic!("no detail `{name}` in {error:?}"), |(_, value)| value)
}
