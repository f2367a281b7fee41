//! Why a guest ended without returning: whose fault it is and which limit, in words for a person.

use std::collections::BTreeSet;

use relhost_model::call::CallError;
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use wasmtime::{Trap, WasmBacktrace};

use crate::console::{Console, cut};
use crate::grant::Denied;
use crate::limits::{Exceeded, FRAMES_MAX, Limits, POLICY_FUEL, SENTENCE_MAX, WASM_STACK};
use crate::wasi::GuestExit;

/// Whose guest it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The plugin's name.
    pub name: PluginName,
    /// The component.
    pub digest: Digest,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "plugin `{}` ({})", self.name, self.digest.short())
    }
}

/// Ends an activation from inside a host call. Private to this crate: no guest and no adapter makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the activation was ended")]
pub struct Stopped;

/// The host did something that it must not. It never ends a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host failed: {0}")]
pub struct HostFault(pub String);

/// How a guest ended that did not return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// A host call ended it, and knows why.
    Stopped,
    /// The guest is to blame.
    Guest(CallError),
    /// The host is to blame.
    Host(String),
}

/// Sorts an error of the engine.
#[must_use]
pub fn classify(error: &wasmtime::Error, who: &Who, limits: &Limits, console: &Console) -> Ended {
    if error.is::<Stopped>() {
        return Ended::Stopped;
    }
    if let Some(HostFault(reason)) = error.downcast_ref() {
        return Ended::Host(reason.clone());
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Ended::Host(format!("every instance of the pool is in use: {}", error.root_cause()));
    }
    let told = limit(error, limits).map(|exceeded| over(who, &exceeded)).or_else(|| refusal(error, who));
    let fault = told.unwrap_or_else(|| guest(error, who, console));
    let words = console.last_words().filter(|_| fault.code != "guest-panic");
    let fault = fault.with("plugin", who.name.as_str()).with("component", who.digest.to_string());
    let fault = words.into_iter().fold(fault, |fault, words| fault.with("last-words", words));
    let frames = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
    Ended::Guest(if frames.is_empty() { fault } else { fault.with("backtrace", frames) })
}

fn limit(error: &wasmtime::Error, limits: &Limits) -> Option<Exceeded> {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return Some(exceeded.clone());
    }
    let exceeded =
        |budget, observed: &str, limit: String| Some(Exceeded { budget, observed: observed.into(), limit });
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            return exceeded(
                "stack",
                "its calls are nested too deeply",
                format!("{} KiB of stack", WASM_STACK / 1024),
            );
        }
        Some(Trap::MemoryOutOfBounds) if below_its_stack(error) => {
            let limit = "the stack that it was linked with, 1 MiB unless its author asked for more";
            return exceeded("stack", "its calls are nested too deeply and its stack is full", limit.into());
        }
        Some(Trap::OutOfFuel) => {
            return exceeded("fuel", "it used up its fuel", format!("{POLICY_FUEL} units"));
        }
        _ => {}
    }
    // These two have no public type; the tests of the sandbox hold the texts.
    let text = error.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls") {
        let limit = format!("{} bytes per call", limits.transfer);
        return exceeded("transfer", "it handed too much to one host call", limit);
    }
    if text.contains("handle") && text.contains("limit") {
        return exceeded("handles", "it holds too many handles", format!("{} handles", limits.handles));
    }
    None
}

/// A compiled language keeps what a call needs in memory on a stack that begins at some address and grows down to
/// zero. Below it lies nothing, so the engine calls a full stack an access out of bounds, and a person would look
/// for a wild pointer. It is one if the address is not below zero, or if the calls are not a recursion.
fn below_its_stack(error: &wasmtime::Error) -> bool {
    let mut addresses = error.chain().filter_map(|reason| address(&reason.to_string()));
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let functions: BTreeSet<u32> = frames.iter().map(|frame| frame.func_index()).collect();
    let recursion = frames.len() >= FRAMES_MAX && functions.len() <= FRAMES_MAX / 2;
    recursion && addresses.all(|address| i32::try_from(address).is_err())
}

/// The address of a memory fault, where the engine knows it.
fn address(reason: &str) -> Option<u64> {
    let (_, rest) = reason.split_once("memory fault at wasm address 0x")?;
    u64::from_str_radix(rest.split(' ').next()?, 16).ok()
}

fn over(who: &Who, exceeded: &Exceeded) -> CallError {
    CallError::permanent("budget-exceeded", format!("{who} was stopped: {exceeded}"))
        .with("budget", exceeded.budget)
        .with("observed", exceeded.observed.as_str())
        .with("limit", exceeded.limit.as_str())
}

fn refusal(error: &wasmtime::Error, who: &Who) -> Option<CallError> {
    if let Some(denied) = error.downcast_ref::<Denied>() {
        return Some(CallError::permanent("denied", format!("{who} was stopped: {denied}")));
    }
    let exit = error.downcast_ref::<GuestExit>()?;
    let message = format!("{who} ended itself: {exit}; a plugin returns its result instead");
    Some(CallError::permanent("guest-exit", message))
}

fn guest(error: &wasmtime::Error, who: &Who, console: &Console) -> CallError {
    let cause = cut(crate::console::clean_line(&error.root_cause().to_string(), SENTENCE_MAX), SENTENCE_MAX);
    if error.downcast_ref::<Trap>() == Some(&Trap::UnreachableCodeReached) {
        return match console.last_words() {
            Some(words) => {
                let line = crate::console::clean_line(&words, SENTENCE_MAX / 2);
                CallError::permanent("guest-panic", format!("{who} panicked: {line}")).with("panic", words)
            }
            None => CallError::permanent("guest-panic", format!("{who} aborted without saying why")),
        };
    }
    CallError::permanent("guest-fault", format!("{who} broke a rule of the sandbox: {cause}"))
}

fn backtrace(backtrace: &WasmBacktrace) -> String {
    let frames = backtrace.frames().iter().take(FRAMES_MAX).map(|frame| {
        let name =
            frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), str::to_owned);
        match frame.func_offset() {
            Some(offset) => format!("{name} +{offset:#x}"),
            None => name,
        }
    });
    frames.collect::<Vec<String>>().join("\n")
}
