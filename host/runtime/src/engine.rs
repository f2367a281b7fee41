//! The two engines, each built in one place, so that what is compiled and what runs always agree.

pub mod compile;

use std::hash::{Hash as _, Hasher};
use std::num::NonZeroUsize;

use relhost_model::release::PluginKind;
use sha2::Digest as _;
use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use crate::limits::{
    EPOCH_TICK, FIBRE_STACK, FRAMES_MAX, INSTANCES_MAX, Limits, MEMORIES_MAX, POOL_INSTANCE_SIZE,
    POOL_INSTANCES, POOL_KEEP_RESIDENT, POOL_MEMORIES, TABLE_ELEMENTS_MAX, TABLES_MAX, WASM_STACK,
};

/// An engine could not be built.
#[derive(Debug, thiserror::Error)]
#[error("build the {which} engine: {reason}")]
pub struct EngineError {
    /// `stage`, `policy` or `compiling`.
    pub which: &'static str,
    /// What the runtime said.
    pub reason: String,
}

/// Runs stages: host functions may wait, and loops are cut by time.
///
/// # Errors
/// If this machine cannot run WebAssembly at all.
pub fn stage(limits: &Limits) -> Result<Engine, EngineError> {
    build("stage", config(PluginKind::Stage), limits, POOL_INSTANCES)
}

/// Runs policies: nothing waits, and loops are cut by fuel, which is the same on every machine.
///
/// # Errors
/// If this machine cannot run WebAssembly at all.
pub fn policy(limits: &Limits) -> Result<Engine, EngineError> {
    build("policy", config(PluginKind::Policy), limits, 0)
}

/// Compiles for the engine of a kind, and runs nothing: it has no pool, whose address space it would not use.
///
/// # Errors
/// If this machine cannot run WebAssembly at all.
pub fn compiler(kind: PluginKind) -> Result<Engine, EngineError> {
    Engine::new(&config(kind))
        .map_err(|error| EngineError { which: "compiling", reason: format!("{error:#}") })
}

/// A compiled component fits engines with the same hash only: version, flags and processor are in it.
#[must_use]
pub fn compatibility(engine: &Engine) -> String {
    let mut hasher = Sha256Hasher(sha2::Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex::encode(&hasher.0.finalize()[..16])
}

/// Everything that compiled code depends on.
fn config(kind: PluginKind) -> Config {
    let mut config = Config::new();
    match kind {
        PluginKind::Stage => {
            config.epoch_interruption(true);
            config.async_stack_size(FIBRE_STACK);
        }
        PluginKind::Policy => {
            config.consume_fuel(true);
        }
    }
    config.strategy(Strategy::Cranelift);
    config.max_wasm_stack(WASM_STACK);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX));
    // A replay must see the same bits, whatever the processor makes of 0/0.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.shared_memory(false);
    config.wasm_memory64(false);
    // Read from the environment otherwise, and a message must not depend on it.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// Pooled if the address space for it is there, which is not so in every container and on every processor.
fn build(
    which: &'static str,
    mut config: Config,
    limits: &Limits,
    stacks: u32,
) -> Result<Engine, EngineError> {
    let mut on_demand = config.clone();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, stacks)));
    let pooled = Engine::new(&config);
    pooled
        .or_else(|reason| {
            tracing::info!(which, %reason, "no pool of instances: they are made on demand");
            on_demand.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&on_demand)
        })
        .map_err(|error| EngineError { which, reason: format!("{error:#}") })
}

fn pool(limits: &Limits, stacks: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    let (memories, tables) = (u32_of(MEMORIES_MAX), u32_of(TABLES_MAX));
    pool.total_component_instances(POOL_INSTANCES);
    pool.total_core_instances(POOL_INSTANCES * 4);
    pool.max_core_instances_per_component(u32_of(INSTANCES_MAX));
    pool.total_memories(POOL_MEMORIES);
    pool.max_memories_per_component(memories);
    pool.max_memories_per_module(memories);
    pool.max_memory_size(limits.memory);
    pool.linear_memory_keep_resident(POOL_KEEP_RESIDENT);
    pool.total_tables(POOL_MEMORIES);
    pool.max_tables_per_component(tables);
    pool.max_tables_per_module(tables);
    pool.table_elements(TABLE_ELEMENTS_MAX);
    pool.max_component_instance_size(POOL_INSTANCE_SIZE);
    pool.max_core_instance_size(POOL_INSTANCE_SIZE);
    pool.table_keep_resident(POOL_KEEP_RESIDENT);
    // Where the kernel says which pages were written, only those are put back: a third of the time of an activation.
    pool.pagemap_scan(wasmtime::Enabled::Auto);
    // Each has a guard page, which is a system call when the pool is made.
    pool.total_stacks(stacks);
    pool
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("the limits of a pool are small constants")
}

struct Sha256Hasher(sha2::Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_be_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// Moves the clock by which endless loops are cut. A thread of its own, because a guest that never yields
/// could hold the very thread that drives timers.
pub struct Ticker {
    engine: EngineWeak,
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

impl Ticker {
    /// A ticker for an engine with epochs. It does not keep the engine alive.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.weak() }
    }

    /// Ticks until the engine is gone. Blocks: the caller gives it a thread.
    pub fn run(self) {
        while let Some(engine) = self.engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH_TICK);
        }
    }
}
