//! What one activation of a stage holds on the host's side, and the one way out of it to the host.

use std::sync::Arc;

use relhost_engine::replay::random;
use relhost_model::call::{Answer, CallError, HostCall};
use relhost_model::config::Allow;
use relhost_model::digest::canonical;
use relhost_model::release::RunContext;
use relhost_model::time::Timestamp;
use wasmtime::component::ResourceTable;

use crate::console::Console;
use crate::fault::Stopped;
use crate::grant::{Interface, check_call, check_use};
use crate::limits::{Exceeded, Limiter, Limits, RESULT_MAX, STAGE_TRANSFER};
use crate::wasi::HasConsole;

pub mod exchange;
pub mod meter;

use exchange::Exchange;
use meter::{Meter, Stopwatch};

/// The run's random bytes, the same in a replay.
#[derive(Debug)]
pub struct Random {
    seed: String,
    counter: u64,
}

impl Random {
    /// A stream at its beginning.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        Self { seed: seed.into(), counter: 0 }
    }

    /// The next bytes. What is left of the last block is thrown away.
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        random(&self.seed, &mut self.counter, len)
    }
}

/// One activation of a stage.
#[derive(Debug)]
pub struct StageState {
    /// Builders that the guest holds.
    pub table: ResourceTable,
    /// What the context's getters answer from.
    pub context: Arc<RunContext>,
    /// What the guest says.
    pub console: Console,
    /// Its memory.
    pub limiter: Limiter,
    /// Its time and its calls.
    pub meter: Meter,
    /// Its random bytes.
    pub random: Random,
    /// The time of the last thing it was told.
    pub now: Timestamp,
    allow: Arc<Allow>,
    effects: u32,
    effects_max: u32,
    held: usize,
    exchange: Exchange,
}

/// What an activation starts from.
#[derive(Debug)]
pub struct Start<'a> {
    /// What the context's getters answer from.
    pub context: &'a RunContext,
    /// Seed of the random bytes.
    pub seed: &'a str,
    /// The time of the last thing the run was told.
    pub now: Timestamp,
    /// What is granted.
    pub allow: Arc<Allow>,
}

impl StageState {
    /// A fresh state whose calls and log lines go to `exchange`, and whose time `stopwatch` has.
    #[must_use]
    pub fn new(start: Start<'_>, limits: &Limits, (exchange, stopwatch): (&Exchange, &Stopwatch)) -> Self {
        let lines = exchange.clone();
        let sink = Box::new(move |line| lines.log(line));
        Self {
            table: ResourceTable::new(),
            context: Arc::new(start.context.clone()),
            console: Console::new(limits, sink),
            limiter: Limiter::new(limits.memory),
            meter: Meter::new(limits, stopwatch),
            random: Random::new(start.seed),
            now: start.now,
            allow: start.allow,
            effects: 0,
            effects_max: limits.effects,
            held: 0,
            exchange: exchange.clone(),
        }
    }

    /// Checks that an interface is granted, before anything is said about the arguments: a builder makes no
    /// effect yet, and a call with invalid arguments never gets to one.
    ///
    /// # Errors
    /// Ends the activation if it is not.
    pub fn check_use(&self, interface: Interface) -> wasmtime::Result<()> {
        Ok(check_use(interface, &self.allow)?)
    }

    /// Counts bytes that a builder keeps on the host's side, because the guest's own memory does not.
    ///
    /// # Errors
    /// Ends the activation if all its builders together hold too much.
    pub fn hold(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.held = self.held.saturating_add(bytes);
        if self.held <= STAGE_TRANSFER {
            return Ok(());
        }
        Err(wasmtime::Error::new(Exceeded {
            budget: "transfer",
            observed: format!("its requests hold {} bytes", self.held),
            limit: format!("{STAGE_TRANSFER} bytes"),
        }))
    }

    /// Forgets bytes that a builder kept.
    pub fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Makes a call that takes an ordinal. A refusal is a value; whatever the guest must not see ends the
    /// activation. The only way from a guest to an effect, and the only place that checks its parameters.
    ///
    /// # Errors
    /// Ends the activation if the run waits, is quarantined or interrupted, or calls too often.
    pub async fn perform(&mut self, call: HostCall) -> wasmtime::Result<Result<Answer, CallError>> {
        if let Err(denied) = check_call(&call, &self.allow) {
            return Ok(Err(denied));
        }
        self.effects += 1;
        if self.effects > self.effects_max {
            return Err(wasmtime::Error::new(Exceeded {
                budget: "effects",
                observed: "it made too many calls that are journaled".into(),
                limit: format!("{} calls per activation", self.effects_max),
            }));
        }
        let (answer, now) = self.exchange.call(call).await.ok_or_else(|| wasmtime::Error::new(Stopped))?;
        self.now = now;
        Ok(sized(answer))
    }
}

/// An answer that would not fit into the guest's memory is a refusal, and the same one in a replay.
fn sized(answer: Answer) -> Result<Answer, CallError> {
    if let Answer::Refused(error) = answer {
        return Err(error);
    }
    let size = canonical(&answer).len();
    if size > RESULT_MAX {
        let message = format!("the answer has {size} bytes; the limit is {RESULT_MAX}");
        return Err(CallError::permanent("answer-too-large", message));
    }
    Ok(answer)
}

impl HasConsole for StageState {
    fn console(&mut self) -> &mut Console {
        &mut self.console
    }
}

#[cfg(test)]
mod tests;
