//! The sandbox as a whole: the engine, its settings, and the code it has loaded.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mainspring_engine::ids::Digest;
use mainspring_engine::limits::Limits;
use parking_lot::RwLock;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::admission::{self, Refusal};
use crate::bindings::WorkflowPre;
use crate::cache::Cache;
use crate::component::{self, Component, NotStarted};
use crate::description::ComponentDescription;
use crate::host::{self, Host, TABLE_ELEMENTS};
use crate::instance::{Fault, drive, fault_of};
use crate::pace::Pace;
use crate::ticker::{Running, Ticker};

/// What host calls may need of a fiber's stack, on top of the code's.
const HOST_STACK_BYTES: usize = 512 * 1024;
/// Instances beyond the limit on live ones: descriptions, queries of closed runs.
const SPARE_INSTANCES: u32 = 64;
/// Core modules in one component: the code, and what builders add to it. Toolchains of
/// scripting languages link a dozen small ones; each costs a count and nothing else.
const CORE_PER_COMPONENT: u32 = 64;
/// Memories in one component: the code's, and those of stubs that a toolchain adds.
const MEMORIES_PER_COMPONENT: u32 = 3;
/// What a slot of the pool keeps of its last instance's memory, for the next one.
const KEPT_MEMORY_BYTES: usize = 128 * 1024;
/// What it keeps of its tables.
const KEPT_TABLE_BYTES: usize = 16 * 1024;
/// Components compiled at once: the rest of the machine serves meanwhile.
const COMPILE_AT_ONCE: usize = 1;

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The limits in force.
    pub limits: Limits,
    /// Where compiled code is kept; `None`: in memory only.
    pub cache_dir: Option<PathBuf>,
}

/// The sandbox cannot do it; not the component's fault.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine could not be set up.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
    /// The folder for compiled code cannot be used.
    #[error("the folder {path} for compiled code cannot be used: {reason}")]
    CacheDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Stored bytes are not those that were uploaded.
    #[error("its stored bytes are damaged: their digest is {found}; restore them from a backup")]
    Damaged {
        /// The digest of what was uploaded.
        digest: Digest,
        /// The digest of what is stored.
        found: Digest,
    },
    /// Stored bytes are not admitted any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A component that was let in.
#[derive(Debug)]
pub struct Admitted {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it exports.
    pub description: ComponentDescription,
    /// The compiled code.
    pub component: Component,
    /// How long compilation took; `None` if the code was at hand.
    pub compile_time: Option<Duration>,
}

/// What every instance shares.
pub(crate) struct Shared {
    engine: Engine,
    /// `None`: code gives way by itself.
    ticker: Option<Ticker>,
    limits: Limits,
    pace: Pace,
}

impl Shared {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn run(&self) -> Option<Running<'_>> {
        self.ticker.as_ref().map(Ticker::run)
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    pub(crate) fn event_cpu(&self) -> Duration {
        self.limits.event_cpu
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Where workflow code runs. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    linker: Linker<Host>,
    cache: Option<Cache>,
    loaded: RwLock<HashMap<Digest, Component>>,
    compiling: Arc<Semaphore>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Sets the engine up.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        Self::with_pace(config, Pace::Ticks)
    }

    /// The same for code that gives way at this pace.
    pub fn with_pace(config: SandboxConfig, pace: Pace) -> Result<Self, SandboxError> {
        let SandboxConfig { limits, cache_dir } = config;
        let engine = pooled_engine(&limits)?;
        let unable = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(unable)?;
        let cache = match cache_dir {
            None => None,
            Some(path) => {
                Some(
                    Cache::open(&path, &engine).map_err(|error| SandboxError::CacheDir {
                        path,
                        reason: error.to_string(),
                    })?,
                )
            }
        };
        let ticker = match pace {
            Pace::Drawn => None,
            Pace::Ticks => Some(
                Ticker::start(engine.clone())
                    .map_err(|error| SandboxError::Engine(error.to_string()))?,
            ),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                shared: Arc::new(Shared {
                    engine,
                    ticker,
                    limits,
                    pace,
                }),
                linker,
                cache,
                loaded: RwLock::default(),
                compiling: Arc::new(Semaphore::new(COMPILE_AT_ONCE)),
            }),
        })
    }

    /// Code that is in memory already.
    pub fn loaded(&self, digest: Digest) -> Option<Component> {
        self.inner.loaded.read().get(&digest).cloned()
    }

    /// Code that was admitted before: from memory, from the cache, or compiled
    /// again from its bytes.
    pub async fn load(&self, digest: Digest, bytes: Vec<u8>) -> Result<Component, SandboxError> {
        if let Some(component) = self.loaded(digest) {
            return Ok(component);
        }
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(SandboxError::Damaged { digest, found });
        }
        Ok(self.admit(bytes.into()).await?.component)
    }

    /// Checks and compiles a file; everything that an upload can be refused for is
    /// found here.
    pub async fn admit(&self, bytes: Arc<[u8]>) -> Result<Admitted, Refusal> {
        let limits = &self.inner.shared.limits;
        admission::check_bytes(&bytes, limits.component_bytes)?;
        let digest = Digest::of(&bytes);
        if let Some(component) = self.loaded(digest) {
            return Ok(Admitted {
                digest,
                description: component.description().clone(),
                component,
                compile_time: None,
            });
        }
        let prepared = match self.cached(digest).await? {
            Some(component) => (component, None),
            None => self.compile(digest, bytes).await?,
        };
        let (component, compile_time) = prepared;
        self.inner.loaded.write().insert(digest, component.clone());
        Ok(Admitted {
            digest,
            description: component.description().clone(),
            component,
            compile_time,
        })
    }

    /// Code that was compiled before does not wait for a compilation under way.
    async fn cached(&self, digest: Digest) -> Result<Option<Component>, Refusal> {
        let inner = self.inner.clone();
        let work = tokio::task::spawn_blocking(move || {
            let cache = inner.cache.as_ref()?;
            let code = cache.load(inner.shared.engine(), digest)?;
            Some(inner.prepare(digest, &code))
        });
        match work.await {
            Ok(prepared) => prepared.transpose(),
            Err(panicked) => Err(Refusal::Unable(panicked.to_string())),
        }
    }

    /// Compiles. That cannot be stopped: the caller is answered at the limit, and
    /// the next one waits for as long before it is told to come back.
    async fn compile(
        &self,
        digest: Digest,
        bytes: Arc<[u8]>,
    ) -> Result<(Component, Option<Duration>), Refusal> {
        let limit = self.inner.shared.limits.compile_time;
        let turn = self.inner.compiling.clone().acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(limit, turn).await else {
            return Err(Refusal::Busy);
        };
        let inner = self.inner.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let engine = inner.shared.engine();
            let began = Instant::now();
            let code = wasmtime::component::Component::from_binary(engine, &bytes)
                .map_err(|error| admission::not_compiled(&error, &inner.shared.limits))?;
            let took = began.elapsed();
            if took > limit {
                return Err(Refusal::CompileTime { limit });
            }
            let component = inner.prepare(digest, &code)?;
            if let Some(cache) = &inner.cache {
                cache.store(digest, &code);
            }
            Ok((component, Some(took)))
        });
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(panicked)) => Err(Refusal::Unable(panicked.to_string())),
            Err(_) => Err(Refusal::CompileTime { limit }),
        }
    }
}

impl Inner {
    /// Checks what the code asks for and says of itself.
    fn prepare(
        &self,
        digest: Digest,
        code: &wasmtime::component::Component,
    ) -> Result<Component, Refusal> {
        admission::check_imports(self.shared.engine(), code)?;
        let pre = self
            .linker
            .instantiate_pre(code)
            .map_err(|error| admission::unknown_function(&error))?;
        let pre = WorkflowPre::new(pre).map_err(|error| Refusal::Exports(format!("{error:#}")))?;
        let description = self.describe(&pre)?;
        admission::check_description(&description, &self.shared.limits)?;
        Ok(Component::new(
            digest,
            description,
            pre,
            self.shared.clone(),
        ))
    }

    fn describe(&self, pre: &WorkflowPre<Host>) -> Result<ComponentDescription, Refusal> {
        let host = Host::of_description(&self.shared);
        let failed = |fault: Fault| Refusal::DescribeFailed(fault.failure.message);
        let (mut store, world) =
            component::instantiate(pre, &self.shared, host).map_err(|error| match error {
                NotStarted::Crowded(why) => Refusal::Unable(why),
                NotStarted::Failed(fault) => failed(fault),
            })?;
        let _running = self.shared.run();
        let limit = self.shared.event_cpu();
        match drive(world.call_describe(&mut store), limit) {
            Some(Ok(description)) => Ok(ComponentDescription::from_wit(description)),
            Some(Err(error)) => {
                let said = store.data().last_error();
                Err(failed(fault_of(&error, said, &self.shared)))
            }
            None => Err(Refusal::DescribeFailed(format!(
                "it ran for more than {limit:?} of CPU time (limit event-cpu)"
            ))),
        }
    }
}

/// The engine with a pool for all live instances. Where the machine has no room
/// for so large a pool, a smaller one is made and said so.
fn pooled_engine(limits: &Limits) -> Result<Engine, SandboxError> {
    let mut instances = u32::try_from(limits.live_instances)
        .unwrap_or(u32::MAX)
        .saturating_add(SPARE_INSTANCES);
    loop {
        match Engine::new(&config(limits, instances)) {
            Ok(engine) => return Ok(engine),
            Err(error) if instances > SPARE_INSTANCES => {
                tracing::warn!(
                    instances,
                    error = format!("{error:#}"),
                    "no room for a pool of this size; halving it"
                );
                instances = (instances / 2).max(SPARE_INSTANCES);
            }
            Err(error) => return Err(SandboxError::Engine(format!("{error:#}"))),
        }
    }
}

fn config(limits: &Limits, instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_PER_COMPONENT))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(4)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.run_memory_bytes)
        .max_unused_warm_slots(100)
        // What code touched is wiped by hand up to this size, and only the pages
        // that are dirty: giving them back to the system stops every processor.
        .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
        .table_keep_resident(KEPT_TABLE_BYTES)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.run_stack_bytes)
        .async_stack_size(limits.run_stack_bytes.saturating_add(HOST_STACK_BYTES))
        // What code computes must be the same on every machine and in every replay.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_component_model(true)
        .concurrency_support(false);
    config
}
