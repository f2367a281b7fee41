//! Compiles components in a process of its own: what a component costs to compile is not known before, and
//! whoever wrote it may want it to be much. The process has a budget that the system holds it to, and nothing of
//! this one: no environment, no file of the state folder, no secret.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use relhost_model::release::PluginKind;
use relhost_runtime::engine::compile::Here;
use relhost_runtime::limits::{CACHED_MAX, CompileBudget, STAGE_COMPONENT_MAX};
use relhost_runtime::{CompileError, Compiler};
use rustix::process::{Resource, Rlimit, Signal};

/// The hidden command of the process that compiles.
pub const COMMAND: &str = "compile-component";

/// Its exit code if the component is to blame. A panic has another one.
const INVALID: u8 = 2;
/// What it may say about what is wrong, in characters: a pipe takes all of it, so that it never waits for a reader
/// who waits for its end.
const SAID_MAX: usize = 4096;
/// What the standard library says of an allocation that failed, before it ends the process.
const NO_MEMORY: &str = "memory allocation of";

/// Compiles in a child of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChildProcess;

impl Compiler for ChildProcess {
    fn compile(&self, kind: PluginKind, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let broken = |error: std::io::Error| CompileError::Broken(format!("start the compiler: {error}"));
        let budget = CompileBudget::of(component.len());
        let mut child = command(kind, &budget).and_then(|mut command| command.spawn()).map_err(broken)?;
        let heard = converse(&mut child, component);
        // Without its pipes it ends, whatever it was doing.
        let status = child.wait().map_err(broken)?;
        let (compiled, said) =
            heard.map_err(|error| CompileError::Broken(format!("ask the compiler: {error}")))?;
        if status.success() { Ok(compiled) } else { Err(cause(status, said.trim(), &budget)) }
    }
}

/// This very program, even if its file was replaced meanwhile.
fn command(kind: PluginKind, budget: &CompileBudget) -> std::io::Result<Command> {
    let program =
        if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
    let mut command = Command::new(program);
    command.arg(COMMAND).arg(kind.to_string());
    command.env_clear().env("RAYON_NUM_THREADS", budget.threads.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// It reads everything before it writes anything.
fn converse(child: &mut Child, component: &[u8]) -> std::io::Result<(Vec<u8>, String)> {
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // One that has ended says why in another way.
    let _unread = stdin.write_all(component);
    drop(stdin);
    let mut compiled = Vec::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    stdout.take(CACHED_MAX).read_to_end(&mut compiled)?;
    let mut said = Vec::new();
    child.stderr.take().expect("stderr is piped").read_to_end(&mut said)?;
    Ok((compiled, String::from_utf8_lossy(&said).into_owned()))
}

fn cause(status: ExitStatus, said: &str, budget: &CompileBudget) -> CompileError {
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) {
        return CompileError::Budget(format!("{} s of CPU time", budget.cpu.as_secs()));
    }
    if signal == Some(Signal::ABORT.as_raw()) && said.contains(NO_MEMORY) {
        return CompileError::Budget(format!("{} MiB of memory", budget.memory >> 20));
    }
    if status.code() == Some(i32::from(INVALID)) {
        return CompileError::Invalid(said.to_owned());
    }
    let last = said.lines().last().unwrap_or("it said nothing");
    CompileError::Broken(format!("{status}: {last}"))
}

/// Reads the word for a kind.
///
/// # Errors
/// If it is none.
pub fn kind(word: &str) -> Result<PluginKind, String> {
    let kinds = [PluginKind::Stage, PluginKind::Policy];
    kinds.into_iter().find(|kind| kind.to_string() == word).ok_or_else(|| "neither stage nor policy".into())
}

/// The process that compiles: standard input to standard output.
#[must_use]
pub fn run(kind: PluginKind) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| say(&panic.to_string())));
    match bounded_input().and_then(|component| Here.compile(kind, &component)) {
        Ok(compiled) if std::io::stdout().write_all(&compiled).is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&error.to_string());
            let blamed = matches!(error, CompileError::Invalid(_));
            if blamed { ExitCode::from(INVALID) } else { ExitCode::FAILURE }
        }
    }
}

fn say(what: &str) {
    // Nobody is left to be told that nobody listens.
    let _unheard = write!(std::io::stderr(), "{what:.SAID_MAX$}");
}

/// Reads the component, and binds this process to what compiling it may take.
fn bounded_input() -> Result<Vec<u8>, CompileError> {
    let broken = |error: std::io::Error| CompileError::Broken(error.to_string());
    yield_to_others();
    let mut component = Vec::new();
    let most = u64::try_from(STAGE_COMPONENT_MAX).expect("the limit is a small constant");
    std::io::stdin().take(most).read_to_end(&mut component).map_err(broken)?;
    let budget = CompileBudget::of(component.len());
    let seconds = budget.cpu.as_secs();
    // The second limit is for one that does not listen to the first.
    limit(Resource::Cpu, seconds, seconds + 1).map_err(broken)?;
    let memory = u64::try_from(budget.memory).expect("the limit is a small number");
    limit(Resource::Data, memory, memory).map_err(broken)?;
    Ok(component)
}

fn limit(resource: Resource, current: u64, maximum: u64) -> std::io::Result<()> {
    let before = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(current.min(before)), maximum: Some(maximum.min(before)) };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

/// It does not outlive whoever waits for it, and where memory is short it is the first to go.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        let _lives_longer = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        let _goes_later = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
}
