//! One activation of a stage: a fresh store, the guest on one side, the host's calls on the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::{CallStop, HostCalls};
use relhost_model::call::{CallError, HostCall};
use relhost_model::config::Allow;
use relhost_model::release::{RunContext, StageOutcome, Status};
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::bindings::stage::exports::relhost::stage::stage as wit;
use crate::bindings::stage::relhost::{approval, context, deploy, log, notify, secrets, types};
use crate::bindings::stage::{StagePlugin, StagePluginPre};
use crate::console::{clean, clean_line, cut};
use crate::fault::{Ended, Who, classify};
use crate::grant::Interface;
use crate::limits::{
    CALL_CAP, CODE_MAX, DEPLOY_CAP, DETAILS_MAX, Limits, OUTPUT_NAME_MAX, OUTPUT_VALUE_MAX, RESULT_MAX,
    SENTENCE_MAX, WAIT_SLACK,
};
use crate::request::CONTEXT_REP;
use crate::state::exchange::{Exchange, Reply, Turn};
use crate::state::meter::Stopwatch;
use crate::state::{StageState, Start};
use crate::wasi;

/// How an activation ended.
#[derive(Debug)]
pub enum Activation {
    /// The stage returned.
    Returned(StageOutcome),
    /// The stage returned an error, trapped, or ran into a limit.
    Failed(CallError),
    /// The run waits. Its instance is gone.
    Suspended,
    /// The run cannot go on without a person.
    Quarantined(CallError),
    /// The host could not go on; nothing is recorded and the run may be tried again.
    Interrupted(String),
}

/// What a stage is linked with: what is free, and what it was granted. Nothing else is there to be called.
///
/// # Errors
/// If a name is taken, which is a defect.
pub fn link(engine: &Engine, allow: &Allow) -> wasmtime::Result<Linker<StageState>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    types::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    context::run_context::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    for interface in Interface::ALL.into_iter().filter(|interface| interface.granted(allow)) {
        let linker = &mut linker;
        match interface {
            Interface::Deploy => deploy::deploy::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?,
            Interface::CreateSecret => {
                secrets::create_secret::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
            }
            Interface::AwaitApproval => {
                approval::await_approval::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
            }
            Interface::Notify => notify::notify::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?,
        }
    }
    Ok(linker)
}

/// A stage that is ready to be activated.
pub struct Stage<'a> {
    /// The linked component.
    pub pre: &'a StagePluginPre<StageState>,
    /// For messages.
    pub who: &'a Who,
    /// What it runs under.
    pub limits: &'a Limits,
    /// What it may do.
    pub allow: &'a Arc<Allow>,
}

impl Stage<'_> {
    /// Runs it from the beginning. Calls are answered by `calls`, from a journal or for real; nobody here
    /// knows which.
    pub async fn run(&self, context: &RunContext, seed: &str, calls: &mut dyn HostCalls) -> Activation {
        let start = Start { context, seed, now: calls.now(), allow: Arc::clone(self.allow) };
        let (exchange, stopwatch) = (Exchange::default(), Stopwatch::new(self.limits.cpu));
        let state = StageState::new(start, self.limits, (&exchange, &stopwatch));
        let mut guest = Box::pin(stopwatch.timed(self.activate(state)));
        let mut stop = None;
        loop {
            match exchange.turn(guest.as_mut(), calls).await {
                Turn::Called(call) => exchange.answer(serve(call, calls, &mut stop).await),
                Turn::Ended(end) => return finish(end, stop),
            }
        }
    }

    async fn activate(&self, state: StageState) -> Result<Result<StageOutcome, CallError>, Ended> {
        let mut store = self.store(state);
        let returned = async {
            let stage: StagePlugin = self.pre.instantiate_async(&mut store).await?;
            stage.relhost_stage_stage().call_run(&mut store, Resource::new_borrow(CONTEXT_REP)).await
        };
        let returned = returned.await;
        let console = &mut store.data_mut().console;
        console.finish();
        match returned {
            Ok(Ok(outcome)) => Ok(checked(outcome)),
            Ok(Err(error)) => Ok(Err(failure(error))),
            Err(error) => Err(classify(&error, self.who, self.limits, console)),
        }
    }

    fn store(&self, state: StageState) -> Store<StageState> {
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(self.limits.transfer);
        store.set_max_component_handles(self.limits.handles);
        store.call_hook(|mut store, hook| Ok(store.data_mut().meter.pass(hook)?));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().meter.check()?;
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }
}

async fn serve(call: HostCall, calls: &mut dyn HostCalls, stop: &mut Option<CallStop>) -> Reply {
    let (operation, cap) = (call.operation(), cap(&call));
    match tokio::time::timeout(cap, calls.call(call)).await {
        Ok(Ok(answer)) => return Some((answer, calls.now())),
        Ok(Err(stopped)) => *stop = Some(stopped),
        Err(_) => {
            let seconds = cap.as_secs();
            *stop = Some(CallStop::Interrupted(format!("`{operation}` did not return within {seconds} s")));
        }
    }
    None
}

fn finish(end: Result<Result<StageOutcome, CallError>, Ended>, stop: Option<CallStop>) -> Activation {
    match (stop, end) {
        (Some(CallStop::Suspended), _) => Activation::Suspended,
        (Some(CallStop::Quarantined(problem)), _) => Activation::Quarantined(problem),
        (Some(CallStop::Interrupted(reason)), _) => Activation::Interrupted(reason),
        (None, Ok(Ok(outcome))) => Activation::Returned(outcome),
        (None, Ok(Err(error)) | Err(Ended::Guest(error))) => Activation::Failed(error),
        (None, Err(Ended::Host(reason))) => Activation::Interrupted(reason),
        (None, Err(Ended::Stopped)) => Activation::Interrupted("the activation was ended".into()),
    }
}

/// The wall time after which a call counts as hanging. Deadlines of effects are shorter and lie in the server.
#[must_use]
pub fn cap(call: &HostCall) -> Duration {
    match call {
        HostCall::Deploy(_) => DEPLOY_CAP,
        HostCall::Wait(call) => call.timeout().to_std() + WAIT_SLACK,
        HostCall::DockerRegistrySecret(_)
        | HostCall::GenericSecret(_)
        | HostCall::AwaitApproval(_)
        | HostCall::Notify(_) => CALL_CAP,
    }
}

/// Checks what the stage returned against the contract.
fn checked(outcome: wit::Outcome) -> Result<StageOutcome, CallError> {
    let invalid = |problem: String| CallError::permanent("invalid-outcome", problem);
    let mut outputs = BTreeMap::new();
    let mut size = 0;
    for wit::Output { name, value } in outcome.outputs {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > OUTPUT_NAME_MAX || !name.chars().all(fits) {
            let name = clean_line(&name, OUTPUT_NAME_MAX);
            return Err(invalid(format!("the plugin returned an output with the invalid name `{name}`")));
        }
        if value.len() > OUTPUT_VALUE_MAX {
            let len = value.len();
            return Err(invalid(format!("output `{name}` has {len} bytes; the limit is {OUTPUT_VALUE_MAX}")));
        }
        size += name.len() + value.len();
        if outputs.insert(name.clone(), clean(&value)).is_some() {
            return Err(invalid(format!("the plugin returned the output `{name}` twice")));
        }
    }
    if size > RESULT_MAX {
        return Err(invalid(format!("the outputs have {size} bytes; the limit is {RESULT_MAX}")));
    }
    let status = match outcome.status {
        wit::Status::Succeeded => Status::Succeeded,
        wit::Status::PartiallySucceeded => Status::PartiallySucceeded,
        wit::Status::Rejected => Status::Rejected,
        wit::Status::Expired => Status::Expired,
    };
    Ok(StageOutcome { status, summary: clean_line(&outcome.summary, SENTENCE_MAX), outputs })
}

/// The error that the stage returned, cleaned and cut.
fn failure(error: types::types::Error) -> CallError {
    let code = clean_line(&error.code, CODE_MAX);
    let details = error.details.iter().take(DETAILS_MAX);
    CallError {
        code: if code.is_empty() { "failed".into() } else { code },
        message: cut(clean(&error.message), SENTENCE_MAX),
        retryable: error.retryable,
        details: details
            .map(|(name, value)| (clean_line(name, CODE_MAX), cut(clean(value), SENTENCE_MAX)))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
