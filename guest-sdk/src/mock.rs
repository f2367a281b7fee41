//! Tests a plugin natively: a host that answers from a script.
//!
//! A call without a scripted answer fails the test, and so does an answer that nobody asked for. A run is
//! replayed once, as the host does after a restart: a stage that does not make the same calls fails the test.
//! Time is the script's: it moves when an answer says so. There are only names of secrets.
//!
//! ```
//! use std::time::Duration;
//!
//! use relhost_sdk::mock::{self, Reply, Call, MockHost};
//! use relhost_sdk::prelude::*;
//!
//! struct Ask;
//!
//! /// Asks, and says how long it took.
//! #[relhost_sdk::stage]
//! impl Stage for Ask {
//!     type Settings = NoSettings;
//!
//!     fn run(&self, ctx: &Context, _: NoSettings) -> Result<Outcome, Failure> {
//!         let asked = ctx.now();
//!         ctx.approval("Go on?").approver("ann").ask()?.require()?;
//!         Ok(Outcome::succeeded(Span::from(ctx.now().since(asked)).to_string()))
//!     }
//! }
//!
//! let week = Duration::from_secs(7 * 86_400);
//! let host = MockHost::new().await_approval(Reply::ok(mock::decision().approve("ann").into()).after(week));
//! let outcome = host.run(&Ask, json!({})).expect("no failure");
//! assert_eq!(outcome.summary(), "7d");
//! assert!(matches!(&host.calls()[..], [Call::AwaitApproval(call)] if call.approvers == ["ann"]));
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use crate::context::{Actor, ArtifactRef, Context};
use crate::host::script::{self, Facts, Script};
use crate::log::LogLine;
use crate::outcome::{Failure, Outcome};
use crate::plugin::Plugin;
use crate::policy::{self, Policy, PolicyInput, Verdict};
use crate::stage::{self, Stage};
use crate::time::Timestamp;

mod ballot;
mod reply;
#[cfg(test)]
mod tests;

pub use ballot::Ballot;
pub use reply::{DecisionReply, RolloutReply, applied, decision, rollout};

pub use crate::host::record::{Applied, ApprovalCall, DeployCall};
pub use crate::host::script::{Call, Reply};

/// When a mock run starts if the test does not say: 2026-01-05, a Monday, at 09:00 UTC.
const STARTED_AT: Timestamp = Timestamp::from_millis(1_767_603_600_000);

/// A host for tests. First describe the run and script the answers, those of each function in the order of its
/// calls; then [`run`](Self::run) a stage.
pub struct MockHost {
    script: Script,
}

impl Default for MockHost {
    fn default() -> Self {
        Self::new()
    }
}

impl MockHost {
    /// A host that knows one artifact, `app`, and answers nothing.
    #[must_use]
    pub fn new() -> Self {
        // What an earlier test on this thread has logged is not this host's.
        drop(script::take_lines());
        Self { script: Script::new(facts()) }
    }

    fn fact(self, change: impl FnOnce(&mut Facts)) -> Self {
        self.script.edit(|state| change(&mut state.facts));
        self
    }

    /// The pipeline's name.
    #[must_use]
    pub fn pipeline(self, name: &str) -> Self {
        self.fact(|facts| facts.pipeline = name.to_owned())
    }

    /// The release's name.
    #[must_use]
    pub fn release(self, name: &str) -> Self {
        self.fact(|facts| facts.release = name.to_owned())
    }

    /// The stage's name.
    #[must_use]
    pub fn stage(self, name: &str) -> Self {
        self.fact(|facts| facts.stage = name.to_owned())
    }

    /// The environment's name.
    #[must_use]
    pub fn environment(self, name: &str) -> Self {
        self.fact(|facts| facts.environment = name.to_owned())
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(self, name: &str) -> Self {
        self.fact(|facts| facts.namespace = name.to_owned())
    }

    /// The number of the attempt.
    #[must_use]
    pub fn attempt(self, number: u32) -> Self {
        self.fact(|facts| facts.attempt = number)
    }

    /// Makes it a rehearsal.
    #[must_use]
    pub fn rehearsal(self) -> Self {
        self.fact(|facts| facts.rehearsal = true)
    }

    /// Who asked for the release.
    #[must_use]
    pub fn requester(self, who: Actor) -> Self {
        self.fact(|facts| facts.requester = who)
    }

    /// Adds an artifact behind the primary one.
    #[must_use]
    pub fn artifact(self, artifact: ArtifactRef) -> Self {
        self.fact(|facts| facts.artifacts.push(artifact))
    }

    /// Defines a variable.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.fact(|facts| {
            facts.variables.insert(name.to_lowercase(), value.to_owned());
        })
    }

    /// An output of an earlier stage.
    #[must_use]
    pub fn previous_output(self, stage: &str, name: &str, value: &str) -> Self {
        self.fact(|facts| {
            facts.outputs.insert((stage.to_owned(), name.to_owned()), value.to_owned());
        })
    }

    /// When the run starts.
    #[must_use]
    pub fn started_at(self, time: Timestamp) -> Self {
        self.fact(|facts| facts.started_at = time)
    }

    /// Another sequence of random bytes.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.fact(|facts| facts.seed = seed)
    }

    /// Replies the next creation of a registry secret.
    #[must_use]
    pub fn docker_registry(self, answer: impl Into<Reply<()>>) -> Self {
        self.script.edit(|state| state.answers.docker_registry.push_back(answer.into()));
        self
    }

    /// Replies the next creation of a generic secret.
    #[must_use]
    pub fn generic(self, answer: impl Into<Reply<()>>) -> Self {
        self.script.edit(|state| state.answers.generic.push_back(answer.into()));
        self
    }

    /// Replies the next deployment, usually with [`applied`].
    #[must_use]
    pub fn deploy(self, answer: impl Into<Reply<Applied>>) -> Self {
        self.script.edit(|state| state.answers.deploy.push_back(answer.into()));
        self
    }

    /// Replies the next wait, usually with [`rollout`].
    #[must_use]
    pub fn wait(self, answer: impl Into<Reply<crate::deploy::Rollout>>) -> Self {
        self.script.edit(|state| state.answers.wait.push_back(answer.into()));
        self
    }

    /// Replies the next approval, usually with [`decision`].
    #[must_use]
    pub fn await_approval(self, answer: impl Into<Reply<crate::approval::Decision>>) -> Self {
        self.script.edit(|state| state.answers.await_approval.push_back(answer.into()));
        self
    }

    /// Replies the next message.
    #[must_use]
    pub fn notify(self, answer: impl Into<Reply<()>>) -> Self {
        self.script.edit(|state| state.answers.notify.push_back(answer.into()));
        self
    }

    /// A context to try single calls with; [`MockHost::run`] is for whole stages.
    #[must_use]
    pub fn context(&self) -> Context {
        self.script.edit(script::State::start);
        Context::new(self.script.clone())
    }

    /// Runs a stage as the host would: reads the settings, runs it, and runs it once more from the journal.
    ///
    /// # Errors
    /// If the stage fails.
    ///
    /// # Panics
    /// If a call has no scripted answer, or the replay differs from the run.
    pub fn run<S: Stage + Plugin>(&self, stage: &S, settings: impl Into<Value>) -> Result<Outcome, Failure> {
        let settings = settings.into().to_string();
        self.script.edit(|state| state.facts.settings_json = settings);
        let first = stage::run(stage, &self.context());
        let lines = script::take_lines();
        self.script.rewind();
        let replayed = stage::run(stage, &Context::new(self.script.clone()));
        self.script.finish_replay();
        script::put_lines(lines);
        assert_eq!(first, replayed, "the replay ended otherwise: a stage does the same every time");
        first
    }

    /// The calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.script.calls()
    }

    /// The log lines since this was last asked.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        script::take_lines()
    }
}

impl Drop for MockHost {
    /// A scripted answer that nobody asked for is a call that the test expected.
    fn drop(&mut self) {
        let left = self.script.read(|state| state.answers.left());
        if !left.is_empty() && !std::thread::panicking() {
            let left: Vec<_> =
                left.iter().map(|(function, count)| format!("{count} of `{function}`")).collect();
            panic!("scripted answers that nobody asked for: {}", left.join(", "));
        }
    }
}

/// Evaluates a policy as the host would, with its settings.
///
/// # Errors
/// If the settings do not fit or the policy fails.
pub fn evaluate<P: Policy + Plugin>(
    policy: &P,
    ballot: impl Into<PolicyInput>,
    settings: impl Into<Value>,
) -> Result<Verdict, Failure> {
    let mut input = ballot.into();
    input.settings_json = settings.into().to_string();
    policy::evaluate(policy, &input)
}

fn facts() -> Facts {
    let digest = format!("sha256:{}", "1".repeat(64));
    Facts {
        pipeline: "pipeline".to_owned(),
        release: "Release-1".to_owned(),
        stage: "Dev".to_owned(),
        environment: "dev".to_owned(),
        namespace: "dev".to_owned(),
        attempt: 1,
        rehearsal: false,
        requester: Actor::person("requester"),
        artifacts: vec![ArtifactRef { alias: "app".to_owned(), digest, version: "1".to_owned() }],
        variables: BTreeMap::new(),
        outputs: BTreeMap::new(),
        settings_json: "{}".to_owned(),
        seed: 0,
        started_at: STARTED_AT,
    }
}
