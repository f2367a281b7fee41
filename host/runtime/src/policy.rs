//! One evaluation of a policy: a pure function under fuel.

use relhost_model::approval::{PolicyDecision, PolicyInput, Requirement, Verdict};
use relhost_model::call::{CallError, LogLevel};
use relhost_model::digest::canonical;
use relhost_model::time::Timestamp;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::policy::exports::relhost::policy::policy as wit;
use crate::bindings::policy::relhost::{log, types};
use crate::bindings::policy::{PolicyPlugin, PolicyPluginPre};
use crate::capability::actor;
use crate::console::{Console, clean, clean_line, cut};
use crate::fault::{Ended, Who, classify};
use crate::limits::{CODE_MAX, Limiter, Limits, POLICY_FUEL, RECHECK_MIN, SENTENCE_MAX, VERDICT_MAX};
use crate::state::meter::{Meter, Stopwatch};
use crate::wasi::{self, HasConsole};

pub mod describe;

/// One evaluation.
#[derive(Debug)]
pub struct PolicyState {
    console: Console,
    limiter: Limiter,
    meter: Meter,
}

impl PolicyState {
    fn new(limits: &Limits) -> Self {
        let sink = Box::new(|line: relhost_model::call::LogLine| {
            tracing::debug!(source = line.source, "a policy says: {}", line.message);
        });
        Self {
            console: Console::new(limits, sink),
            limiter: Limiter::new(limits.memory),
            meter: Meter::new(limits, &Stopwatch::new(limits.cpu)),
        }
    }
}

impl HasConsole for PolicyState {
    fn console(&mut self) -> &mut Console {
        &mut self.console
    }
}

impl types::types::Host for PolicyState {}

impl log::log::Host for PolicyState {
    fn log(
        &mut self,
        level: log::log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::log::Level::Debug => LogLevel::Debug,
            log::log::Level::Info => LogLevel::Info,
            log::log::Level::Warn => LogLevel::Warn,
            log::log::Level::Error => LogLevel::Error,
        };
        self.console.log(level, &message, &fields);
        Ok(())
    }

    fn report_panic(&mut self, message: String) -> wasmtime::Result<()> {
        self.console.panic(&message);
        Ok(())
    }
}

/// What a policy is linked with: the log.
///
/// # Errors
/// If a name is taken, which is a defect.
pub fn link(engine: &Engine) -> wasmtime::Result<Linker<PolicyState>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    types::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn store(engine: &Engine, limits: &Limits) -> wasmtime::Result<Store<PolicyState>> {
    let mut store = Store::new(engine, PolicyState::new(limits));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.transfer);
    store.set_max_component_handles(limits.handles);
    store.call_hook(|mut store, hook| Ok(store.data_mut().meter.pass(hook)?));
    store.set_fuel(POLICY_FUEL)?;
    Ok(store)
}

/// Evaluates a policy. Returns its verdict and the fuel it used, which is the same for the same input.
///
/// # Errors
/// If it returns an error, traps, runs out of fuel or returns something that makes no sense: code
/// `policy-error`, and the gate stays closed.
pub fn evaluate(
    pre: &PolicyPluginPre<PolicyState>,
    who: &Who,
    limits: &Limits,
    input: &PolicyInput,
) -> Result<(Verdict, u64), CallError> {
    let mut store = store(pre.engine(), limits).map_err(|error| policy_error(who, &format!("{error:#}")))?;
    let (input, now) = (words(input), input.now);
    let returned = pre
        .instantiate(&mut store)
        .and_then(|policy: PolicyPlugin| policy.relhost_policy_policy().call_evaluate(&mut store, &input));
    let fuel = POLICY_FUEL - store.get_fuel().unwrap_or_default();
    let console = &mut store.data_mut().console;
    console.finish();
    match returned {
        Ok(Ok(verdict)) => {
            let mut verdict = checked(verdict);
            if let Some(problem) = nonsense(&verdict, now) {
                return Err(policy_error(who, &problem));
            }
            verdict.recheck_at = verdict.recheck_at.map(|at| at.max(now.plus(RECHECK_MIN)));
            Ok((verdict, fuel))
        }
        Ok(Err(error)) => Err(refused(&error, who)),
        Err(error) => Err(ended(classify(&error, who, limits, console), who)),
    }
}

fn policy_error(who: &Who, message: &str) -> CallError {
    CallError::permanent("policy-error", format!("{who} could not decide: {message}"))
        .with("plugin", who.name.as_str())
        .with("component", who.digest.to_string())
}

fn refused(error: &types::types::Error, who: &Who) -> CallError {
    let told = policy_error(who, &cut(clean(&error.message), SENTENCE_MAX));
    told.with("code", clean_line(&error.code, CODE_MAX))
}

fn ended(ended: Ended, who: &Who) -> CallError {
    match ended {
        Ended::Guest(fault) => {
            let cause = fault.code.clone();
            CallError { code: "policy-error".into(), ..fault }.with("cause", cause)
        }
        Ended::Host(reason) => CallError { retryable: true, ..policy_error(who, &reason) },
        Ended::Stopped => policy_error(who, "the evaluation was ended"),
    }
}

fn words(input: &PolicyInput) -> wit::Input {
    let approvers = input.approvers.iter().map(|asked| wit::Approver {
        id: asked.person.to_string(),
        groups: asked.groups.iter().map(ToString::to_string).collect(),
    });
    let votes = input.votes.iter().map(|vote| wit::Vote {
        voter: vote.voter.person().map_or_else(|| vote.voter.to_string(), ToString::to_string),
        approve: vote.approve,
        at: vote.at.0,
    });
    let facts = input.facts.iter().map(|(name, value)| (name.clone(), value.to_string()));
    let requester = actor(&input.requester);
    wit::Input {
        pipeline: input.pipeline.to_string(),
        stage: input.stage.to_string(),
        environment: input.environment.to_string(),
        attempt: input.attempt,
        requester: types::types::Actor {
            id: requester.id,
            kind: match requester.kind {
                crate::bindings::stage::relhost::types::types::ActorKind::Person => {
                    types::types::ActorKind::Person
                }
                crate::bindings::stage::relhost::types::types::ActorKind::Service => {
                    types::types::ActorKind::Service
                }
            },
        },
        approvers: approvers.collect(),
        votes: votes.collect(),
        opened_at: input.opened_at.0,
        now: input.now.0,
        settings_json: input.settings.to_string(),
        facts: facts.collect(),
    }
}

fn checked(verdict: wit::Verdict) -> Verdict {
    let line = |text: &String| clean_line(text, SENTENCE_MAX);
    let decision = match &verdict.decision {
        wit::Decision::Approve => PolicyDecision::Approve,
        wit::Decision::Reject => PolicyDecision::Reject,
        wit::Decision::Abstain => PolicyDecision::Abstain,
        wit::Decision::Need(needs) => {
            let needs = needs.iter().map(|need| Requirement {
                description: line(&need.description),
                candidates: need.candidates.iter().map(line).collect(),
                count: need.count,
            });
            PolicyDecision::Need(needs.collect())
        }
    };
    let reasons = verdict.reasons.iter().map(line).collect();
    Verdict { decision, reasons, recheck_at: verdict.recheck_at.map(Timestamp) }
}

/// Why a verdict cannot be followed. One that asks to be asked again at once would be evaluated without end.
fn nonsense(verdict: &Verdict, now: Timestamp) -> Option<String> {
    let size = canonical(verdict).len();
    if size > VERDICT_MAX {
        return Some(format!("its verdict has {size} bytes; the limit is {VERDICT_MAX}"));
    }
    if let Some(at) = verdict.recheck_at.filter(|at| *at <= now) {
        return Some(format!("it asks to be asked again at {at}, and it is that late already"));
    }
    let PolicyDecision::Need(needs) = &verdict.decision else { return None };
    let empty = needs.iter().find(|need| need.count == 0)?;
    Some(format!("its requirement `{}` needs nobody", empty.description))
}
