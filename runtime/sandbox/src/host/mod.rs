//! The host's functions: each call of the contract, handed to the session.

mod activities;
mod children;
mod context;
mod continuation;
mod events;
mod info;
mod properties;
mod updates;
pub(crate) mod wasi;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mainspring_engine::session::{GuestFault, Session};
use parking_lot::{Mutex, MutexGuard};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::mainspring::workflow as wit;
use crate::pace::Pauses;
use crate::sandbox::Shared;

/// What stands behind one instance's calls.
pub(crate) struct Host {
    /// `None` while `describe` runs: only the log is open then.
    session: Option<Arc<Mutex<Session>>>,
    /// The code waits in `next` or `wait` and there is nothing to hear.
    waiting: Arc<AtomicBool>,
    memory: MemoryLimit,
    /// The last thing that the code logged as an error: a panic's message, mostly.
    last_error: Option<String>,
    log: LogBudget,
    pauses: Pauses,
    wasi: wasi::Wasi,
}

/// The cap on linear memory: a `memory.grow` past it traps, since code that could
/// see it fail would behave otherwise under another limit.
struct MemoryLimit {
    cap_bytes: usize,
    used_bytes: usize,
}

/// What the code may still log before it waits again.
struct LogBudget {
    limit_bytes: usize,
    left_bytes: usize,
    /// It has been said that the rest is dropped.
    exhausted: bool,
}

impl Host {
    pub(crate) fn of_run(
        session: Arc<Mutex<Session>>,
        waiting: Arc<AtomicBool>,
        shared: &Shared,
    ) -> Self {
        let run_id = session.lock().facts().run_id;
        Self {
            session: Some(session),
            waiting,
            pauses: Pauses::of_run(shared.pace(), run_id),
            ..Self::of_description(shared)
        }
    }

    pub(crate) fn of_description(shared: &Shared) -> Self {
        let limits = shared.limits();
        Self {
            session: None,
            waiting: Arc::default(),
            memory: MemoryLimit {
                cap_bytes: limits.run_memory_bytes,
                used_bytes: 0,
            },
            last_error: None,
            log: LogBudget {
                limit_bytes: limits.task_log_bytes,
                left_bytes: limits.task_log_bytes,
                exhausted: false,
            },
            pauses: Pauses::none(),
            wasi: wasi::Wasi::default(),
        }
    }

    fn session(&self) -> wasmtime::Result<MutexGuard<'_, Session>> {
        match &self.session {
            Some(session) => Ok(session.lock()),
            None => Err(misuse(
                "`describe` called the host; it may call nothing but `log`".to_owned(),
            )),
        }
    }

    fn set_waiting(&self) {
        self.waiting.store(true, Ordering::Release);
    }

    /// The code goes on: what it said does not belong to what comes.
    fn begin_to_wait(&mut self) {
        self.finish_output();
        self.last_error = None;
        self.log.left_bytes = self.log.limit_bytes;
        self.log.exhausted = false;
    }

    /// What the code said before it trapped.
    pub(crate) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    pub(crate) fn limiter(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.memory
    }
}

impl wasmtime::ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grows_to = self
            .used_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        if grows_to > self.cap_bytes {
            return Err(misuse(format!(
                "the workflow needs {grows_to} bytes of memory; {} are allowed \
                 (limit run-memory-bytes)",
                self.cap_bytes
            )));
        }
        self.used_bytes = grows_to;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(misuse(format!(
            "the workflow's memory cannot grow: {error}"
        )))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(misuse(format!(
                "the workflow needs a table of {desired} elements; {TABLE_ELEMENTS} are allowed"
            )));
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(misuse(format!("the workflow's table cannot grow: {error}")))
    }
}

/// Elements of one table: function pointers, one each.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;

/// A fault of the code that has no cause of its own in the history's vocabulary.
pub(crate) fn misuse(message: String) -> wasmtime::Error {
    fault(GuestFault {
        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        message,
    })
}

/// A fault as the trap that ends the activation.
fn fault(fault: GuestFault) -> wasmtime::Error {
    wasmtime::Error::from(fault)
}

/// What this server stands behind; a component that imports anything else is
/// refused at upload.
pub(crate) const SERVED: [&str; 15] = [
    "types",
    "description",
    "activities",
    "timers",
    "cancellation",
    "children",
    "external",
    "properties",
    "queries",
    "updates",
    "continuation",
    "events",
    "clock",
    "random",
    "info",
];

/// The one that `describe` may call too.
pub(crate) const SERVED_LOGGING: &str = "logging";

/// Adds everything that this server stands behind.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    fn itself(host: &mut Host) -> &mut Host {
        host
    }
    wit::types::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::description::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::activities::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::timers::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::cancellation::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::children::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::external::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::properties::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::queries::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::updates::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::continuation::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::events::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::clock::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::random::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::info::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit::logging::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wasi::add_to_linker(linker)
}

impl wit::types::Host for Host {}
impl wit::description::Host for Host {}
