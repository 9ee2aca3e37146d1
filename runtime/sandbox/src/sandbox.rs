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
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::admission::{self, Refusal};
use crate::bindings::WorkflowPre;
use crate::cache::Cache;
use crate::component::{self, Component};
use crate::description::ComponentDescription;
use crate::host::{self, Host, TABLE_ELEMENTS};
use crate::instance::drive;
use crate::ticker::{Running, Ticker};

/// The stack of compiled code.
const WASM_STACK_BYTES: usize = 512 * 1024;
/// The stack of a fiber: the code's and the host calls' on top of it.
const FIBER_STACK_BYTES: usize = 1024 * 1024;
/// Instances beyond the limit on live ones: descriptions, queries of closed runs.
const SPARE_INSTANCES: u32 = 64;
/// Core modules, memories and tables in one component: the code, and what the
/// builder adds to it.
const CORE_PER_COMPONENT: u32 = 4;
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
    ticker: Ticker,
    limits: Limits,
}

impl Shared {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn run(&self) -> Running<'_> {
        self.ticker.run()
    }

    pub(crate) fn event_cpu(&self) -> Duration {
        self.limits.event_cpu
    }

    pub(crate) fn run_memory_bytes(&self) -> usize {
        self.limits.run_memory_bytes
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
        let ticker = Ticker::start(engine.clone())
            .map_err(|error| SandboxError::Engine(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                shared: Arc::new(Shared {
                    engine,
                    ticker,
                    limits,
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
        let limit = limits.compile_time;
        let inner = self.inner.clone();
        let permit = self.inner.compiling.clone().acquire_owned().await;
        // A compilation cannot be stopped: the caller is answered at the limit, and
        // the next one waits until this one has come to its end.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            inner.prepare(digest, &bytes)
        });
        let (component, compile_time) = match tokio::time::timeout(limit, work).await {
            Ok(Ok(prepared)) => prepared?,
            Ok(Err(panicked)) => return Err(Refusal::Unable(panicked.to_string())),
            Err(_) => return Err(Refusal::CompileTime { limit }),
        };
        self.inner.loaded.write().insert(digest, component.clone());
        Ok(Admitted {
            digest,
            description: component.description().clone(),
            component,
            compile_time,
        })
    }
}

impl Inner {
    fn prepare(
        &self,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<(Component, Option<Duration>), Refusal> {
        let engine = self.shared.engine();
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| cache.load(engine, digest));
        let (code, compile_time) = match cached {
            Some(code) => (code, None),
            None => {
                let began = Instant::now();
                let code = wasmtime::component::Component::from_binary(engine, bytes)
                    .map_err(|error| Refusal::Invalid(format!("{error:#}")))?;
                if let Some(cache) = &self.cache {
                    cache.store(digest, &code);
                }
                (code, Some(began.elapsed()))
            }
        };
        admission::check_imports(engine, &code)?;
        let pre = self
            .linker
            .instantiate_pre(&code)
            .map_err(|error| Refusal::Invalid(format!("{error:#}")))?;
        let pre = WorkflowPre::new(pre).map_err(|error| Refusal::Exports(format!("{error:#}")))?;
        let description = self.describe(&pre)?;
        admission::check_description(&description, self.shared.limits.id_bytes)?;
        let component = Component::new(digest, description, pre, self.shared.clone());
        Ok((component, compile_time))
    }

    fn describe(&self, pre: &WorkflowPre<Host>) -> Result<ComponentDescription, Refusal> {
        let host = Host::of_description(self.shared.run_memory_bytes());
        let (mut store, world) = component::instantiate(pre, &self.shared, host)
            .map_err(|error| Refusal::DescribeFailed(error.to_string()))?;
        let _running = self.shared.run();
        let limit = self.shared.event_cpu();
        match drive(world.call_describe(&mut store), limit) {
            Some(Ok(description)) => Ok(ComponentDescription::from_wit(description)),
            Some(Err(error)) => Err(Refusal::DescribeFailed(format!("{error:#}"))),
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
        .max_memories_per_component(1)
        .max_tables_per_component(2)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.run_memory_bytes)
        .max_unused_warm_slots(100);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // What code computes must be the same on every machine and in every replay.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_component_model(true)
        .concurrency_support(false);
    config
}
