//! Every limit of the sandbox, each with its reason, and the limiter that a store asks before it grows.

use std::time::Duration;

use relhost_model::config;
use relhost_model::release::PluginKind;
use relhost_model::time::Millis;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The largest stage component. Real ones are 15 to 100 KiB; compiling 16 MiB already takes many seconds.
pub const STAGE_COMPONENT_MAX: usize = 16 * MIB;
/// The largest policy component: a policy is smaller than a stage.
pub const POLICY_COMPONENT_MAX: usize = 4 * MIB;

/// Linear memory of one activation of a stage. A guest starts with about 1 MiB.
pub const STAGE_MEMORY: usize = 128 * MIB;
/// Linear memory of one evaluation of a policy: its whole input is a few KiB.
pub const POLICY_MEMORY: usize = 32 * MIB;
/// The most that an operator may give a stage, in MiB: the address space of the pool is reserved for it.
pub const STAGE_MEMORY_MIB_MAX: u32 = 2048;

/// Linear memories in one activation: a composed component has several.
pub const MEMORIES_MAX: usize = 4;
/// Tables in one activation.
pub const TABLES_MAX: usize = 16;
/// Elements of one table: each costs the host a pointer.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances in one activation: the adapters of a composed component count too.
pub const INSTANCES_MAX: usize = 64;

/// Stack of the guest's own calls.
pub const WASM_STACK: usize = 512 * KIB;
/// Stack of the fibre that a stage runs on; the rest over the guest's part is for host functions.
pub const FIBRE_STACK: usize = 2 * MIB;

/// Frames of a backtrace that are kept: enough to see who called, and to tell a recursion from a fault.
pub const FRAMES_MAX: usize = 20;

/// CPU time of one activation of a stage. A replay of 10,000 records needs about 10 ms.
pub const STAGE_CPU: Duration = Duration::from_secs(5);
/// How often an endless loop is looked at. Smaller costs more, larger overshoots the CPU budget by more.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// How soon a policy may be asked again at the earliest: one that always wants to be asked in a moment would
/// otherwise keep the host busy for as long as its approval is open.
pub const RECHECK_MIN: Millis = Millis::from_secs(1);
/// Fuel of one evaluation of a policy: 3 to 5 ms of a loop, and the shipped policies use less than 1 %.
pub const POLICY_FUEL: u64 = 50_000_000;

/// Calls of a stage that take an ordinal, replayed ones included, in one activation: a loop guard. It rises
/// with the operator's limit for the journal, which is the stricter of the two.
pub const EFFECTS_MAX: u32 = 10_000;
/// Every other call of a stage into the host in one activation: what the operating system does for a call is
/// not all billed.
pub const STAGE_CALLS_MAX: u32 = 1_000_000;
/// The same for a policy, which has a log to call and nothing else.
pub const POLICY_CALLS_MAX: u32 = 10_000;

/// What a stage may hand to the host in one call: manifests are paths and messages are short.
pub const STAGE_TRANSFER: usize = 4 * MIB;
/// What a policy may hand to the host in one call.
pub const POLICY_TRANSFER: usize = MIB;
/// Live handles of a stage.
pub const STAGE_HANDLES_MAX: usize = 4096;
/// Live handles of a policy: streams of its standard output, nothing else.
pub const POLICY_HANDLES_MAX: usize = 256;

/// Log of one activation of a stage, in bytes.
pub const STAGE_LOG_BYTES: usize = MIB;
/// Log of one activation of a stage, in lines.
pub const STAGE_LOG_LINES: usize = 10_000;
/// Log of one evaluation of a policy, in bytes. It is evaluated on every vote.
pub const POLICY_LOG_BYTES: usize = 64 * KIB;
/// Log of one evaluation of a policy, in lines.
pub const POLICY_LOG_LINES: usize = 256;
/// One log line; what is longer is cut. Readers show lines whole.
pub const LOG_LINE_MAX: usize = 4 * KIB;
/// Fields of one log line.
pub const LOG_FIELDS_MAX: usize = 32;

/// What a stage returns, and what one host call hands back to it, in bytes of JSON. Both are journaled.
pub const RESULT_MAX: usize = MIB;
/// What a policy returns, in bytes of JSON. It is stored with every evaluation that changes something.
pub const VERDICT_MAX: usize = 256 * KIB;
/// The name of one output of a stage (the contract says so): a Kubernetes object's name fits.
pub const OUTPUT_NAME_MAX: usize = 253;
/// One output of a stage (the contract says so).
pub const OUTPUT_VALUE_MAX: usize = 32 * KIB;
/// The summary of a stage and the message of an error, in bytes: one sentence; what is longer is cut.
pub const SENTENCE_MAX: usize = 4 * KIB;
/// The code of an error: a word.
pub const CODE_MAX: usize = 100;
/// Details of one error: what is more is cut.
pub const DETAILS_MAX: usize = 64;
/// Subject of a message, in characters (the contract says so).
pub const SUBJECT_MAX: usize = 200;
/// Body of a message (the contract says so).
pub const BODY_MAX: usize = 64 * KIB;
/// Random bytes of one call (the contract says so).
pub const RANDOM_MAX: u32 = 1024;

/// Wall time of `wait` beyond the request's own timeout: the server ends the wait itself, this is for a
/// call that hangs.
pub const WAIT_SLACK: Duration = Duration::from_secs(60);
/// Wall time of `deploy` (the contract says ten minutes), with the same slack.
pub const DEPLOY_CAP: Duration = Duration::from_secs(660);
/// Wall time of every other host call: a database commit and at most one request to a cluster, which the
/// server itself gives up after half of it, with the cause. This is for a call that hangs.
pub const CALL_CAP: Duration = Duration::from_secs(60);

/// Instances that a pool holds at the same time. A release host is not a web server.
pub const POOL_INSTANCES: u32 = 64;
/// Linear memories in a pool.
pub const POOL_MEMORIES: u32 = 128;
/// What a slot of a pool keeps of a dropped memory, so that the next start needs fewer page faults.
pub const POOL_KEEP_RESIDENT: usize = MIB;
/// Metadata of one component instance and of one core instance in a pool.
pub const POOL_INSTANCE_SIZE: usize = MIB;

/// CPU time, of all threads together, that compiling any component may take, besides what its size allows. A
/// plugin of 100 KiB takes 0.1 to 0.3 s.
pub const COMPILE_CPU: Duration = Duration::from_secs(5);
/// The same for each MiB that it has: plain code takes 1 to 2 s.
pub const COMPILE_CPU_PER_MIB: Duration = Duration::from_secs(3);
/// Memory that compiling any component may take, besides what its size allows. A plugin of 100 KiB takes
/// 30 MiB.
pub const COMPILE_MEMORY: usize = 256 * MIB;
/// The same for each MiB that it has.
pub const COMPILE_MEMORY_PER_MIB: usize = 64 * MIB;
/// Threads that compile one component: more of them need more memory, and others want to go on too.
pub const COMPILE_THREADS: usize = 4;
/// A component up to this size never waits for a larger one to be compiled: every real plugin in a compiled
/// language is below.
pub const COMPILE_SMALL: usize = MIB;

/// Registered plugins that are kept in memory. The oldest is dropped first and comes back from the cache.
pub const PLUGINS_MAX: usize = 128;
/// The largest compiled component that is read from the cache: about ten times the component.
pub const CACHED_MAX: u64 = 256 * MIB as u64;

/// The limits that one kind of plugin runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory in bytes.
    pub memory: usize,
    /// CPU time of one activation. A policy is limited by fuel instead.
    pub cpu: Duration,
    /// Calls that take an ordinal.
    pub effects: u32,
    /// Every other call into the host.
    pub calls: u32,
    /// Bytes that one call may hand to the host.
    pub transfer: usize,
    /// Live handles.
    pub handles: usize,
    /// Log in bytes.
    pub log_bytes: usize,
    /// Log in lines.
    pub log_lines: usize,
    /// Bytes of the component.
    pub component: usize,
}

impl Limits {
    /// The limits of a stage, with the operator's changes.
    #[must_use]
    pub fn stage(config: &config::Limits) -> Self {
        let memory_mib = config.stage_memory_mib.map(|mib| mib.clamp(2, STAGE_MEMORY_MIB_MAX) as usize);
        Self {
            memory: memory_mib.map_or(STAGE_MEMORY, |mib| mib * MIB),
            cpu: config.stage_cpu.map_or(STAGE_CPU, |cpu| cpu.to_std()),
            effects: EFFECTS_MAX.max(config.journal_records.unwrap_or_default()),
            calls: STAGE_CALLS_MAX,
            transfer: STAGE_TRANSFER,
            handles: STAGE_HANDLES_MAX,
            log_bytes: STAGE_LOG_BYTES,
            log_lines: STAGE_LOG_LINES,
            component: STAGE_COMPONENT_MAX,
        }
    }

    /// The limits of a policy. They are the same everywhere, so that a verdict is.
    #[must_use]
    pub fn policy() -> Self {
        Self {
            memory: POLICY_MEMORY,
            cpu: Duration::MAX,
            effects: 0,
            calls: POLICY_CALLS_MAX,
            transfer: POLICY_TRANSFER,
            handles: POLICY_HANDLES_MAX,
            log_bytes: POLICY_LOG_BYTES,
            log_lines: POLICY_LOG_LINES,
            component: POLICY_COMPONENT_MAX,
        }
    }
}

/// What compiling one component may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileBudget {
    /// CPU time of all threads together.
    pub cpu: Duration,
    /// Memory in bytes.
    pub memory: usize,
    /// Threads.
    pub threads: usize,
}

impl CompileBudget {
    /// For a component of so many bytes.
    #[must_use]
    pub fn of(size: usize) -> Self {
        let mib = size.div_ceil(MIB);
        Self {
            cpu: COMPILE_CPU + COMPILE_CPU_PER_MIB * u32::try_from(mib).unwrap_or(u32::MAX),
            memory: COMPILE_MEMORY + COMPILE_MEMORY_PER_MIB * mib,
            threads: COMPILE_THREADS,
        }
    }
}

/// The largest component of a kind, in bytes.
#[must_use]
pub fn component_max(kind: PluginKind) -> usize {
    match kind {
        PluginKind::Stage => STAGE_COMPONENT_MAX,
        PluginKind::Policy => POLICY_COMPONENT_MAX,
    }
}

/// A limit that a guest ran into. The activation ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{observed}; the limit is {limit}")]
pub struct Exceeded {
    /// Which one: `cpu`, `memory`, `table`, `calls`, `effects`, `transfer`, `handles`, `stack`, `fuel`, `random`.
    pub budget: &'static str,
    /// What the guest did, for example `it asked for 129 MiB of memory`.
    pub observed: String,
    /// The limit with its unit.
    pub limit: String,
}

/// Answers the store before a memory or a table grows. A refusal ends the activation: a guest that sees it
/// aborts anyway, and with a worse message.
#[derive(Debug)]
pub struct Limiter {
    memory_max: usize,
    memory: usize,
}

impl Limiter {
    /// A limiter for so many bytes of linear memory in all.
    #[must_use]
    pub fn new(memory_max: usize) -> Self {
        Self { memory_max, memory: 0 }
    }

    /// Bytes of linear memory in use.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.memory_max {
            let (asked, limit) = (total.div_ceil(MIB), self.memory_max / MIB);
            return Err(wasmtime::Error::new(Exceeded {
                budget: "memory",
                observed: format!("it asked for {asked} MiB of memory"),
                limit: format!("{limit} MiB"),
            }));
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            return Err(wasmtime::Error::new(Exceeded {
                budget: "table",
                observed: format!("it asked for a table of {desired} elements"),
                limit: format!("{TABLE_ELEMENTS_MAX} elements"),
            }));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}
