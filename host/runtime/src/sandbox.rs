//! The sandbox: two engines, the cache, and the plugins that were registered.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use relhost_engine::port::HostCalls;
use relhost_model::approval::{PolicyInput, Verdict};
use relhost_model::call::CallError;
use relhost_model::config::{self, Allow};
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::release::{PluginKind, RunContext};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bindings::policy::PolicyPluginPre;
use crate::bindings::stage::StagePluginPre;
use crate::cache::{self, Cache, Found};
use crate::engine::compile::Compiler;
use crate::engine::{self, EngineError, Ticker};
use crate::fault::Who;
use crate::grant::requests;
use crate::limits::{COMPILE_SMALL, Limits, PLUGINS_MAX};
use crate::plugin::shape::Shape;
use crate::plugin::{self, Inner, Inspection, Linked, Plugin, PluginError};
use crate::policy;
use crate::policy::describe::{Description, describe};
use crate::stage::{self, Activation, Stage};

/// How a sandbox is set up.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where compiled components are kept; nowhere if `None`.
    pub cache_dir: Option<PathBuf>,
    /// The key of the cache's checksums. It never leaves this host.
    pub cache_key: [u8; 32],
    /// The operator's changes to the limits.
    pub limits: config::Limits,
    /// Who compiles.
    pub compiler: Arc<dyn Compiler>,
}

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// An engine could not be built.
    #[error("set up the sandbox")]
    Engine(#[from] EngineError),
    /// The cache could not be opened.
    #[error("open the cache of compiled components in {folder}")]
    Cache {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

struct Shared {
    stage_engine: Engine,
    policy_engine: Engine,
    stage_limits: Limits,
    policy_limits: Limits,
    cache: Option<Cache>,
    /// Oldest first.
    plugins: Mutex<Vec<Plugin>>,
    compiler: Arc<dyn Compiler>,
    /// Held while compiling: one at a time, because each uses every processor.
    compiling: Mutex<()>,
    /// The same for large components, so that a small one never waits for them.
    compiling_large: Mutex<()>,
}

/// Runs plugins. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("stage", &self.0.stage_limits).finish_non_exhaustive()
    }
}

struct Compiled {
    component: Component,
    warnings: Vec<String>,
}

impl Sandbox {
    /// Sets up both engines. The ticker must be run on a thread of its own: without it an endless loop of a
    /// stage is never cut.
    ///
    /// # Errors
    /// If this machine cannot run WebAssembly, or the cache's folder cannot be made.
    pub fn new(options: SandboxOptions) -> Result<(Self, Ticker), SandboxError> {
        let (stage_limits, policy_limits) = (Limits::stage(&options.limits), Limits::policy());
        let cache = options.cache_dir.map(|folder| {
            Cache::open(folder.clone(), options.cache_key)
                .map_err(|source| SandboxError::Cache { folder, source })
        });
        let shared = Shared {
            stage_engine: engine::stage(&stage_limits)?,
            policy_engine: engine::policy(&policy_limits)?,
            stage_limits,
            policy_limits,
            cache: cache.transpose()?,
            plugins: Mutex::default(),
            compiler: options.compiler,
            compiling: Mutex::default(),
            compiling_large: Mutex::default(),
        };
        if let Some(cache) = &shared.cache {
            cache.sweep([&shared.stage_engine, &shared.policy_engine]);
        }
        let ticker = Ticker::new(&shared.stage_engine);
        Ok((Self(Arc::new(shared)), ticker))
    }

    /// Says what a component is and asks for. Runs nothing of it but its `describe`, without any grant.
    ///
    /// # Errors
    /// If it is no plugin.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, PluginError> {
        let (shape, kind) = plugin::read(bytes)?;
        let digest = Digest::of(bytes);
        let mut warnings = Vec::new();
        if let Err(problem) = shape.check_contract() {
            warnings.push(problem.to_string());
        }
        let describe = if shape.describes() {
            let described = self.describe(&shape, bytes, digest);
            described.map_err(|problem| warnings.push(problem)).ok()
        } else {
            None
        };
        let requests = requests(&shape.imports);
        let (imports, exports) = (shape.imports, shape.exports);
        Ok(Inspection { digest, size: bytes.len(), kind, imports, exports, requests, describe, warnings })
    }

    /// It is called as a policy is, whatever it is: a pure function in little memory.
    fn describe(&self, shape: &Shape, bytes: &[u8], digest: Digest) -> Result<Description, String> {
        let limits = &self.0.policy_limits;
        let compiled = shape
            .check_memory(limits.memory, PluginKind::Policy)
            .and_then(|()| self.compile(PluginKind::Policy, bytes, &digest))
            .map_err(|problem| format!("it cannot be asked to describe itself: {problem}"))?;
        let name = PluginName::new(digest.short()).expect("hexadecimal digits are a name");
        let described = describe(&compiled.component, &Who { name, digest }, limits);
        described.map_err(|problem| problem.message)
    }

    /// Checks a component against what is wanted and granted, compiles it or takes it from the cache, and
    /// links it with what it was granted. The same request again is answered from memory. Compiling takes
    /// tenths of a second and blocks.
    ///
    /// # Errors
    /// If the component is not that plugin, or may not be.
    pub fn register(
        &self,
        name: &PluginName,
        bytes: &[u8],
        kind: PluginKind,
        allow: &Allow,
    ) -> Result<Plugin, PluginError> {
        let who = Who { name: name.clone(), digest: Digest::of(bytes) };
        if let Some(known) = self.registered(name, who.digest, kind, allow) {
            return Ok(known);
        }
        let shape = plugin::check(name, bytes, kind, allow)?;
        let (linked, warnings) = match kind {
            PluginKind::Stage => {
                shape.check_memory(self.0.stage_limits.memory, kind)?;
                self.link_stage(bytes, &who.digest, allow)?
            }
            PluginKind::Policy => {
                shape.check_memory(self.0.policy_limits.memory, kind)?;
                self.link_policy(bytes, &who.digest)?
            }
        };
        let allow = Arc::new(allow.clone());
        let plugin = Plugin(Arc::new(Inner { who, allow, imports: shape.imports, linked, warnings }));
        self.remember(plugin.clone());
        Ok(plugin)
    }

    /// What [`Self::register`] returned for the same request, while it is in memory: nobody needs the bytes
    /// of a component again that runs already.
    #[must_use]
    pub fn registered(
        &self,
        name: &PluginName,
        digest: Digest,
        kind: PluginKind,
        allow: &Allow,
    ) -> Option<Plugin> {
        let plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |plugin: &&Plugin| {
            plugin.digest() == digest
                && plugin.name() == name
                && plugin.kind() == kind
                && *plugin.0.allow == *allow
        };
        plugins.iter().find(same).cloned()
    }

    /// Activates a stage from its beginning in a fresh store. Calls are answered by `calls`, from a journal
    /// or for real.
    pub async fn run_stage(
        &self,
        plugin: &Plugin,
        context: &RunContext,
        seed: &str,
        calls: &mut dyn HostCalls,
    ) -> Activation {
        let Inner { who, allow, linked, .. } = &*plugin.0;
        let Linked::Stage(pre) = linked else {
            return Activation::Interrupted(format!("{who} is a policy and cannot run a stage"));
        };
        Stage { pre, who, limits: &self.0.stage_limits, allow }.run(context, seed, calls).await
    }

    /// Evaluates a policy in a fresh store. Returns its verdict and the fuel it used. Blocks for a few
    /// milliseconds at most.
    ///
    /// # Errors
    /// Code `policy-error`: it returned an error, trapped, ran out of fuel or returned nonsense. The gate
    /// stays closed.
    pub fn evaluate(&self, plugin: &Plugin, input: &PolicyInput) -> Result<(Verdict, u64), CallError> {
        let Inner { who, linked, .. } = &*plugin.0;
        let Linked::Policy(pre) = linked else {
            let message = format!("{who} is a stage and cannot decide an approval");
            return Err(CallError::permanent("policy-error", message));
        };
        policy::evaluate(pre, who, &self.0.policy_limits, input)
    }

    fn link_stage(
        &self,
        bytes: &[u8],
        digest: &Digest,
        allow: &Allow,
    ) -> Result<(Linked, Vec<String>), PluginError> {
        let compiled = self.compile(PluginKind::Stage, bytes, digest)?;
        let linker = stage::link(&self.0.stage_engine, allow).map_err(|error| PluginError::unfit(&error))?;
        let pre = linker.instantiate_pre(&compiled.component).and_then(StagePluginPre::new);
        Ok((Linked::Stage(pre.map_err(|error| PluginError::unfit(&error))?), compiled.warnings))
    }

    fn link_policy(&self, bytes: &[u8], digest: &Digest) -> Result<(Linked, Vec<String>), PluginError> {
        let compiled = self.compile(PluginKind::Policy, bytes, digest)?;
        let linker = policy::link(&self.0.policy_engine).map_err(|error| PluginError::unfit(&error))?;
        let pre = linker.instantiate_pre(&compiled.component).and_then(PolicyPluginPre::new);
        Ok((Linked::Policy(pre.map_err(|error| PluginError::unfit(&error))?), compiled.warnings))
    }

    fn compile(&self, kind: PluginKind, bytes: &[u8], digest: &Digest) -> Result<Compiled, PluginError> {
        let (engine, lane) = (self.engine(kind), self.lane(bytes.len()));
        // Before the lock: what is cached does not wait for what is compiled.
        if let Found::Component(component) = self.cached(engine, digest) {
            return Ok(Compiled { component, warnings: Vec::new() });
        }
        let _one_at_a_time = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match self.cached(engine, digest) {
            Found::Component(component) => return Ok(Compiled { component, warnings: Vec::new() }),
            Found::Nothing => None,
            Found::Unreadable(what) => Some(what),
            Found::Tampered(what) => Some(format!("the cache was tampered with: {what}")),
        };
        let mut warnings = Vec::new();
        if let Some(why) = why {
            tracing::warn!(%digest, why, "a compiled component was not used");
            warnings.push(format!("compiled {} again: {why}", digest.short()));
        }
        let compiled = self.0.compiler.compile(kind, bytes)?;
        // It was compiled for this engine, so what is left to be refused by is the pool.
        let component = cache::load(engine, &compiled)
            .map_err(|error| PluginError::Oversized { reason: format!("{error:#}") })?;
        if let Some(Err(error)) = self.0.cache.as_ref().map(|cache| cache.keep(digest, engine, &compiled)) {
            warnings.push(format!("the compiled component could not be kept: {error}"));
        }
        Ok(Compiled { component, warnings })
    }

    fn engine(&self, kind: PluginKind) -> &Engine {
        match kind {
            PluginKind::Stage => &self.0.stage_engine,
            PluginKind::Policy => &self.0.policy_engine,
        }
    }

    fn lane(&self, size: usize) -> &Mutex<()> {
        if size <= COMPILE_SMALL { &self.0.compiling } else { &self.0.compiling_large }
    }

    fn cached(&self, engine: &Engine, digest: &Digest) -> Found {
        self.0.cache.as_ref().map_or(Found::Nothing, |cache| cache.load(digest, engine))
    }

    fn remember(&self, plugin: Plugin) {
        let mut plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        if plugins.len() >= PLUGINS_MAX {
            plugins.remove(0);
        }
        plugins.push(plugin);
    }
}
