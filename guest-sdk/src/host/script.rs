//! The host of a test: answers from a script, and remembers what it was asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::host::Host;
use crate::host::record::{
    Actor, Applied, ApprovalCall, ArtifactRef, Decision, DeployCall, LogLine, Rollout, SecretEntry, SecretRef,
};
use crate::outcome::Failure;
use crate::time::Timestamp;

mod call;
mod prepared;

pub use call::{Call, Reply};
pub use prepared::{Facts, Replies};

/// Where one activation of a run stands.
#[derive(Default)]
struct Progress {
    calls: Vec<Call>,
    used: Replies,
    now: Timestamp,
    drawn: u64,
    /// The calls of the first activation, which a replay has to make again.
    expected: Option<Vec<Call>>,
}

/// Everything of one mock host.
pub struct State {
    pub facts: Facts,
    pub answers: Replies,
    progress: Progress,
}

/// A handle on a mock host's state. Clones answer from the same script.
#[derive(Clone)]
pub struct Script(Rc<RefCell<State>>);

thread_local! {
    /// Log lines of this thread. Logging needs no context, so it cannot find the script.
    static LINES: RefCell<Vec<LogLine>> = const { RefCell::new(Vec::new()) };
}

/// Takes the log lines that this thread has written since the last time.
pub fn take_lines() -> Vec<LogLine> {
    LINES.with(RefCell::take)
}

/// Makes these the lines of this thread.
pub fn put_lines(lines: Vec<LogLine>) {
    LINES.with(|present| *present.borrow_mut() = lines);
}

impl State {
    /// The run's time is the one the facts say, unless calls were made already.
    pub fn start(&mut self) {
        if self.progress.calls.is_empty() {
            self.progress.now = self.facts.started_at;
        }
    }
}

impl Script {
    pub fn new(facts: Facts) -> Self {
        let progress = Progress { now: facts.started_at, ..Progress::default() };
        Self(Rc::new(RefCell::new(State { facts, answers: Replies::default(), progress })))
    }

    /// Changes the facts or the answers.
    pub fn edit(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.borrow_mut());
    }

    /// Reads something.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.borrow())
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.read(|state| state.progress.calls.clone())
    }

    /// Starts from the beginning with the answers that were used, as the host does after a restart.
    pub fn rewind(&self) {
        self.edit(|state| {
            let now = state.facts.started_at;
            let done = std::mem::replace(&mut state.progress, Progress { now, ..Progress::default() });
            let Replies { docker_registry, generic, deploy, wait, await_approval, notify } = done.used;
            let answers = &mut state.answers;
            put_back(&mut answers.docker_registry, docker_registry);
            put_back(&mut answers.generic, generic);
            put_back(&mut answers.deploy, deploy);
            put_back(&mut answers.wait, wait);
            put_back(&mut answers.await_approval, await_approval);
            put_back(&mut answers.notify, notify);
            state.progress.expected = Some(done.calls);
        });
    }

    /// Ends a replay: it has to have made every call of the first time.
    pub fn finish_replay(&self) {
        self.edit(|state| {
            if let Some(expected) = state.progress.expected.take()
                && let Some(missing) = expected.get(state.progress.calls.len())
            {
                panic!("the replay ended before `{missing}`: a stage makes the same calls every time");
            }
        });
    }

    /// One call: remembers it, checks it in a replay, and takes the next answer of its function.
    fn answer<T: Clone>(
        &self,
        call: Call,
        queue: impl Fn(&mut Replies) -> &mut VecDeque<Reply<T>>,
    ) -> Result<T, Failure> {
        let state = &mut *self.0.borrow_mut();
        let State { answers, progress, .. } = state;
        let position = progress.calls.len();
        if let Some(expected) = &progress.expected {
            match expected.get(position) {
                Some(first) if *first == call => {}
                Some(first) => panic!("the replay called `{call}` where the first run called `{first}`"),
                None => panic!("the replay called `{call}`, which the first run did not"),
            }
        }
        let Some(answer) = queue(answers).pop_front() else {
            panic!(
                "no answer is scripted for call {}: `{call}`; add one with `.{}(..)`",
                position + 1,
                call.script()
            );
        };
        progress.calls.push(call);
        queue(&mut progress.used).push_back(answer.clone());
        progress.now = progress.now.plus(answer.after);
        answer.result
    }
}

fn put_back<T>(answers: &mut VecDeque<T>, used: VecDeque<T>) {
    used.into_iter().rev().for_each(|answer| answers.push_front(answer));
}

impl Host for Script {
    fn pipeline(&self) -> String {
        self.read(|state| state.facts.pipeline.clone())
    }

    fn release(&self) -> String {
        self.read(|state| state.facts.release.clone())
    }

    fn stage(&self) -> String {
        self.read(|state| state.facts.stage.clone())
    }

    fn environment(&self) -> String {
        self.read(|state| state.facts.environment.clone())
    }

    fn namespace(&self) -> String {
        self.read(|state| state.facts.namespace.clone())
    }

    fn attempt(&self) -> u32 {
        self.read(|state| state.facts.attempt)
    }

    fn rehearsal(&self) -> bool {
        self.read(|state| state.facts.rehearsal)
    }

    fn requester(&self) -> Actor {
        self.read(|state| state.facts.requester.clone())
    }

    fn artifact(&self) -> ArtifactRef {
        self.artifacts().swap_remove(0)
    }

    fn artifacts(&self) -> Vec<ArtifactRef> {
        self.read(|state| state.facts.artifacts.clone())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.read(|state| state.facts.variables.get(&name.to_lowercase()).cloned())
    }

    fn settings_json(&self) -> String {
        self.read(|state| state.facts.settings_json.clone())
    }

    fn previous_output(&self, stage: &str, name: &str) -> Option<String> {
        self.read(|state| state.facts.outputs.get(&(stage.to_owned(), name.to_owned())).cloned())
    }

    fn now(&self) -> Timestamp {
        self.read(|state| state.progress.now)
    }

    fn random(&self, len: u32) -> Vec<u8> {
        let state = &mut *self.0.borrow_mut();
        let seed = state.facts.seed;
        let drawn = &mut state.progress.drawn;
        (0..len)
            .map(|_| {
                *drawn += 1;
                byte(seed, *drawn)
            })
            .collect()
    }

    fn docker_registry(&self, name: &str, registry: &str) -> Result<SecretRef, Failure> {
        let call = Call::DockerRegistry { name: name.to_owned(), registry: registry.to_owned() };
        self.answer(call, |answers| &mut answers.docker_registry).map(|()| SecretRef::existing(name))
    }

    fn generic(&self, name: &str, entries: &[SecretEntry]) -> Result<SecretRef, Failure> {
        let call = Call::Generic { name: name.to_owned(), entries: entries.to_vec() };
        self.answer(call, |answers| &mut answers.generic).map(|()| SecretRef::existing(name))
    }

    fn deploy(&self, call: &DeployCall) -> Result<Applied, Failure> {
        self.answer(Call::Deploy(call.clone()), |answers| &mut answers.deploy)
    }

    fn wait(&self, deployment: &str, timeout_seconds: u32) -> Result<Rollout, Failure> {
        let timeout = Duration::from_secs(timeout_seconds.into());
        let call = Call::Wait { deployment: deployment.to_owned(), timeout };
        self.answer(call, |answers| &mut answers.wait)
    }

    fn await_approval(&self, call: &ApprovalCall) -> Result<Decision, Failure> {
        self.answer(Call::AwaitApproval(call.clone()), |answers| &mut answers.await_approval)
    }

    fn notify(&self, channel: &str, subject: &str, body: &str) -> Result<String, Failure> {
        let call =
            Call::Notify { channel: channel.to_owned(), subject: subject.to_owned(), body: body.to_owned() };
        self.answer(call, |answers| &mut answers.notify)?;
        Ok(format!("message-{}", self.read(|state| state.progress.calls.len())))
    }

    fn log(line: &LogLine) {
        LINES.with(|lines| lines.borrow_mut().push(line.clone()));
    }
}

/// One byte of a sequence that only looks random, the same for the same seed: a multiply-and-shift mix.
fn byte(seed: u64, index: u64) -> u8 {
    let mut mixed = (seed ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed.to_be_bytes()[0]
}
