//! The WASI interfaces that Rust's standard library needs even if nothing uses them, as a deterministic
//! stub: no time, no files, no environment, output captured as log lines. Linked by name, so a guest that
//! imports anything else is refused when it is registered.

use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::console::{Console, Stream};

/// The version that is offered. Any guest of the 0.2 line fits.
pub const VERSION: &str = "0.2.6";

/// Every interface of the stub.
pub const INTERFACES: [&str; 14] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:random/insecure-seed",
];

/// The seed of hash maps. Constant, so that the order of iteration is the same in a replay.
const HASH_SEED: (u64, u64) = (0x7265_6c68_6f73_7421, 0x6465_7465_726d_696e);

/// How much a guest may write at once.
const WRITE_MAX: u64 = 1 << 16;

/// The data of a store whose guest may write.
pub trait HasConsole: 'static {
    /// Where it writes.
    fn console(&mut self) -> &mut Console;
}

/// The guest called `exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plugin called exit with {}", if *.success { "success" } else { "failure" })]
pub struct GuestExit {
    /// Whether it said that all is well.
    pub success: bool,
}

struct IoError;
struct Pollable;
struct InputStream;
struct OutputStream;
struct TerminalInput;
struct TerminalOutput;

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Written = Result<(std::result::Result<(), StreamError>,)>;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Adds the stub to a linker.
///
/// # Errors
/// If one of the names is taken, which is a defect.
pub fn add_to_linker<T: HasConsole + Send>(linker: &mut Linker<T>) -> Result<()> {
    add_io(linker)?;
    add_cli(linker)?;
    add_terminal(linker)?;
    let mut seed = instance(linker, "wasi:random/insecure-seed")?;
    seed.func_wrap("insecure-seed", |_: StoreContextMut<'_, T>, (): ()| Ok((HASH_SEED,)))
}

fn instance<'a, T: 'static>(linker: &'a mut Linker<T>, name: &str) -> Result<LinkerInstance<'a, T>> {
    linker.instance(&format!("{name}@{VERSION}"))
}

fn resource<T: 'static, R: 'static>(instance: &mut LinkerInstance<'_, T>, name: &str) -> Result<()> {
    instance.resource(name, ResourceType::host::<R>(), |_, _| Ok(()))
}

fn add_io<T: HasConsole + Send>(linker: &mut Linker<T>) -> Result<()> {
    let mut error = instance(linker, "wasi:io/error")?;
    resource::<T, IoError>(&mut error, "error")?;
    error.func_wrap(
        "[method]error.to-debug-string",
        |_: StoreContextMut<'_, T>, (_,): (Resource<IoError>,)| Ok((String::new(),)),
    )?;
    let mut poll = instance(linker, "wasi:io/poll")?;
    resource::<T, Pollable>(&mut poll, "pollable")?;
    poll.func_wrap("[method]pollable.ready", |_: StoreContextMut<'_, T>, (_,): (Resource<Pollable>,)| {
        Ok((true,))
    })?;
    poll.func_wrap(
        "[method]pollable.block",
        |_: StoreContextMut<'_, T>, (_,): (Resource<Pollable>,)| Ok(()),
    )?;
    poll.func_wrap("poll", |_: StoreContextMut<'_, T>, (list,): (Vec<Resource<Pollable>>,)| {
        Ok(((0u32..).take(list.len()).collect::<Vec<u32>>(),))
    })?;
    add_streams(&mut instance(linker, "wasi:io/streams")?)
}

fn add_streams<T: HasConsole + Send>(streams: &mut LinkerInstance<'_, T>) -> Result<()> {
    resource::<T, InputStream>(streams, "input-stream")?;
    resource::<T, OutputStream>(streams, "output-stream")?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(name, |_: StoreContextMut<'_, T>, (_, _): (Resource<InputStream>, u64)| {
            Ok((Err::<Vec<u8>, StreamError>(StreamError::Closed),))
        })?;
    }
    streams.func_wrap(
        "[method]input-stream.subscribe",
        |_: StoreContextMut<'_, T>, (_,): (Resource<InputStream>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )?;
    streams.func_wrap(
        "[method]output-stream.subscribe",
        |_: StoreContextMut<'_, T>, (_,): (Resource<OutputStream>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )?;
    streams.func_wrap(
        "[method]output-stream.check-write",
        |_: StoreContextMut<'_, T>, (_,): (Resource<OutputStream>,)| Ok((Ok::<u64, StreamError>(WRITE_MAX),)),
    )?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams.func_wrap(name, write::<T>)?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.func_wrap(name, |_: StoreContextMut<'_, T>, (_,): (Resource<OutputStream>,)| -> Written {
            Ok((Ok(()),))
        })?;
    }
    Ok(())
}

fn write<T: HasConsole>(
    mut store: StoreContextMut<'_, T>,
    (stream, bytes): (Resource<OutputStream>, Vec<u8>),
) -> Written {
    let stream = if stream.rep() == STDERR { Stream::Stderr } else { Stream::Stdout };
    store.data_mut().console().write(stream, &bytes);
    Ok((Ok(()),))
}

fn add_cli<T: HasConsole + Send>(linker: &mut Linker<T>) -> Result<()> {
    let mut environment = instance(linker, "wasi:cli/environment")?;
    environment.func_wrap("get-environment", |_: StoreContextMut<'_, T>, (): ()| {
        Ok((Vec::<(String, String)>::new(),))
    })?;
    environment
        .func_wrap("get-arguments", |_: StoreContextMut<'_, T>, (): ()| Ok((Vec::<String>::new(),)))?;
    environment
        .func_wrap("initial-cwd", |_: StoreContextMut<'_, T>, (): ()| Ok((Option::<String>::None,)))?;
    instance(linker, "wasi:cli/exit")?.func_wrap(
        "exit",
        |_: StoreContextMut<'_, T>, (status,): (std::result::Result<(), ()>,)| -> Result<()> {
            Err(wasmtime::Error::new(GuestExit { success: status.is_ok() }))
        },
    )?;
    instance(linker, "wasi:cli/stdin")?.func_wrap("get-stdin", |_: StoreContextMut<'_, T>, (): ()| {
        Ok((Resource::<InputStream>::new_own(0),))
    })?;
    instance(linker, "wasi:cli/stdout")?.func_wrap("get-stdout", |_: StoreContextMut<'_, T>, (): ()| {
        Ok((Resource::<OutputStream>::new_own(STDOUT),))
    })?;
    instance(linker, "wasi:cli/stderr")?.func_wrap("get-stderr", |_: StoreContextMut<'_, T>, (): ()| {
        Ok((Resource::<OutputStream>::new_own(STDERR),))
    })
}

fn add_terminal<T: HasConsole + Send>(linker: &mut Linker<T>) -> Result<()> {
    resource::<T, TerminalInput>(&mut instance(linker, "wasi:cli/terminal-input")?, "terminal-input")?;
    resource::<T, TerminalOutput>(&mut instance(linker, "wasi:cli/terminal-output")?, "terminal-output")?;
    instance(linker, "wasi:cli/terminal-stdin")?
        .func_wrap("get-terminal-stdin", |_: StoreContextMut<'_, T>, (): ()| {
            Ok((Option::<Resource<TerminalInput>>::None,))
        })?;
    for (name, function) in [
        ("wasi:cli/terminal-stdout", "get-terminal-stdout"),
        ("wasi:cli/terminal-stderr", "get-terminal-stderr"),
    ] {
        instance(linker, name)?.func_wrap(function, |_: StoreContextMut<'_, T>, (): ()| {
            Ok((Option::<Resource<TerminalOutput>>::None,))
        })?;
    }
    Ok(())
}
