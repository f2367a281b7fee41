//! What one activation of a stage holds on the host's side, and the one way out of it to the host.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relhost_engine::replay::random;
use relhost_model::call::{Answer, CallError, HostCall};
use relhost_model::config::Allow;
use relhost_model::digest::canonical;
use relhost_model::release::RunContext;
use relhost_model::time::Timestamp;
use wasmtime::CallHook;
use wasmtime::component::ResourceTable;

use crate::console::Console;
use crate::fault::Stopped;
use crate::grant::{Interface, check_call, check_use};
use crate::limits::{Exceeded, Limiter, Limits, RESULT_MAX, STAGE_TRANSFER};
use crate::wasi::HasConsole;

pub mod exchange;

use exchange::Exchange;

/// Measures the time of an activation and counts its calls. What the host does for the guest is the guest's
/// time too, or a loop over a getter would be free; waiting for the answer to a call is not.
#[derive(Debug)]
pub struct Meter {
    cpu_max: Duration,
    calls_max: u32,
    used: Duration,
    resumed: Option<Instant>,
    calls: u32,
}

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { cpu_max: limits.cpu, calls_max: limits.calls, used: Duration::ZERO, resumed: None, calls: 0 }
    }

    /// Bills as control passes between guest and host, and counts the calls.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn pass(&mut self, hook: CallHook) -> Result<(), Exceeded> {
        self.pause();
        if !matches!(hook, CallHook::ReturningFromWasm) {
            self.resume();
        }
        if matches!(hook, CallHook::CallingHost) {
            self.calls += 1;
            if self.calls > self.calls_max {
                return Err(Exceeded {
                    budget: "calls",
                    observed: "it called the host too often".into(),
                    limit: format!("{} calls per activation", self.calls_max),
                });
            }
        }
        Ok(())
    }

    /// Bills the time up to here and nothing from here on.
    pub fn pause(&mut self) {
        self.used += self.resumed.take().map(|resumed| resumed.elapsed()).unwrap_or_default();
    }

    /// Bills again.
    pub fn resume(&mut self) {
        self.resumed = Some(Instant::now());
    }

    /// Checks the time billed so far.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn check(&self) -> Result<(), Exceeded> {
        if self.used <= self.cpu_max {
            return Ok(());
        }
        Err(Exceeded {
            budget: "cpu",
            observed: format!("it used {} ms of CPU time", self.used.as_micros().div_ceil(1000)),
            limit: format!("{} ms", self.cpu_max.as_millis()),
        })
    }
}

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
    /// A fresh state whose calls and log lines go to `exchange`.
    #[must_use]
    pub fn new(start: Start<'_>, limits: &Limits, exchange: &Exchange) -> Self {
        let lines = exchange.clone();
        let sink = Box::new(move |line| lines.log(line));
        Self {
            table: ResourceTable::new(),
            context: Arc::new(start.context.clone()),
            console: Console::new(limits, sink),
            limiter: Limiter::new(limits.memory),
            meter: Meter::new(limits),
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
        self.meter.pause();
        let answered = self.exchange.call(call).await;
        self.meter.resume();
        let (answer, now) = answered.ok_or_else(|| wasmtime::Error::new(Stopped))?;
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
