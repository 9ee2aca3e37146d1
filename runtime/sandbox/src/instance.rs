//! One run's code in memory, and how it is driven.
//!
//! The code's `run` is called once and lives as one future that owns its store.
//! [`Instance::advance`] polls it: it comes back pending when the code waits and
//! there is nothing to hear (idle), or when a tick interrupted it (then its CPU
//! time is looked at). Nothing here is async: the driver decides who runs when.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mainspring_engine::guest::TaskFailure;
use mainspring_engine::limits::Limits;
use mainspring_engine::session::{GuestFault, RunEnd, Session};
use parking_lot::{Mutex, MutexGuard};
use rustix::time::{ClockId, clock_gettime};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use wasmtime::Store;

use crate::bindings::RunOutcome;
use crate::convert::event::end_of;
use crate::convert::payload::payloads_to_wit;
use crate::description::World;
use crate::host::{Host, misuse};
use crate::sandbox::Shared;

/// The code cannot go on: the workflow task fails, the instance is dead.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The cause and what happened.
    pub failure: TaskFailure,
    /// It used up its CPU time. The machine may have been busy: a first overrun is
    /// retried silently.
    pub is_overrun: bool,
}

/// What an activation led to.
#[derive(Debug)]
pub enum Progress {
    /// The code waits and has nothing left to hear.
    Idle,
    /// Its `run` returned; it can still answer queries.
    Ended(RunEnd),
    /// The slice is used up: call `advance` again.
    OutOfSlice,
    /// It trapped, or broke a rule or a limit.
    Fault(Box<Fault>),
}

type Finished<T> = (Store<Host>, World, wasmtime::Result<T>);

/// A call under way. Only ever reached through `&mut`; the lock is there so that
/// an instance can be shared between threads as a value.
struct Running<T>(Mutex<Pin<Box<dyn Future<Output = Finished<T>> + Send>>>);

impl<T> Running<T> {
    fn new(future: impl Future<Output = Finished<T>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(future)))
    }

    fn poll_once(&mut self) -> Poll<Finished<T>> {
        poll_once(self.0.get_mut().as_mut())
    }
}

enum State {
    /// Instantiated; `run` was not called yet.
    Fresh(Box<(Store<Host>, World)>),
    /// In `run`.
    Running(Running<RunOutcome>),
    /// `run` has returned.
    Ended(Box<(Store<Host>, World)>),
    /// In `answer-queries`.
    Answering(Running<()>),
    /// Its start failed: nothing will ever run.
    Stillborn(Box<Fault>),
    /// Trapped.
    Dead,
}

/// One run's code in memory.
pub struct Instance {
    shared: Arc<Shared>,
    session: Arc<Mutex<Session>>,
    waiting: Arc<AtomicBool>,
    state: State,
    /// CPU time since the code last heard an event.
    event_cpu: Duration,
    heard: u64,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

impl Instance {
    pub(crate) fn new(
        shared: Arc<Shared>,
        store: Store<Host>,
        world: World,
        session: Arc<Mutex<Session>>,
        waiting: Arc<AtomicBool>,
    ) -> Self {
        Self {
            shared,
            session,
            waiting,
            state: State::Fresh(Box::new((store, world))),
            event_cpu: Duration::ZERO,
            heard: 0,
        }
    }

    /// Code whose start failed: the first `advance` says why.
    pub(crate) fn dead(
        shared: Arc<Shared>,
        fault: Fault,
        session: Arc<Mutex<Session>>,
        waiting: Arc<AtomicBool>,
    ) -> Self {
        Self {
            shared,
            session,
            waiting,
            state: State::Stillborn(Box::new(fault)),
            event_cpu: Duration::ZERO,
            heard: 0,
        }
    }

    /// The conversation behind it.
    pub fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock()
    }

    /// Whether `run` has returned.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended(_) | State::Answering(_))
    }

    /// Lets the code run until it waits with nothing left to hear, ends, breaks a
    /// rule, or has used `slice` of this thread's CPU time.
    pub fn advance(&mut self, slice: Duration) -> Progress {
        let shared = self.shared.clone();
        let _running = shared.run();
        self.wake();
        let began = thread_cpu();
        let mut counted = began;
        loop {
            self.waiting.store(false, Ordering::Release);
            if let Some(progress) = self.poll() {
                return progress;
            }
            if self.waiting.load(Ordering::Acquire) {
                self.event_cpu = Duration::ZERO;
                return Progress::Idle;
            }
            // A tick interrupted it.
            let now = thread_cpu();
            if let Some(fault) = self.count_cpu(now.saturating_sub(counted)) {
                self.state = State::Dead;
                return Progress::Fault(Box::new(fault));
            }
            counted = now;
            if now.saturating_sub(began) >= slice {
                return Progress::OutOfSlice;
            }
        }
    }

    /// Calls the export that is next, if none is under way.
    fn wake(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Dead) {
            State::Fresh(parts) => State::Running(self.call_run(*parts)),
            State::Ended(parts) => {
                let (mut store, world) = *parts;
                State::Answering(Running::new(async move {
                    let answered = world.call_answer_queries(&mut store).await;
                    store.data_mut().finish_output();
                    (store, world, answered)
                }))
            }
            other => other,
        };
    }

    fn call_run(&self, (mut store, world): (Store<Host>, World)) -> Running<RunOutcome> {
        let facts = self.session.lock().facts().clone();
        let workflow_type = facts.started.workflow_type.clone().unwrap_or_default().name;
        let input = payloads_to_wit(facts.started.input.clone());
        Running::new(async move {
            store.data_mut().begin_run();
            let outcome = world.call_run(&mut store, &workflow_type, &input).await;
            store.data_mut().finish_output();
            (store, world, outcome)
        })
    }

    /// Polls once; `None` while it is pending.
    fn poll(&mut self) -> Option<Progress> {
        match std::mem::replace(&mut self.state, State::Dead) {
            State::Running(mut future) => match future.poll_once() {
                Poll::Pending => {
                    self.state = State::Running(future);
                    None
                }
                Poll::Ready((store, world, Ok(outcome))) => match self.checked_end(outcome) {
                    Ok(end) => {
                        self.state = State::Ended(Box::new((store, world)));
                        self.event_cpu = Duration::ZERO;
                        Some(Progress::Ended(end))
                    }
                    Err(error) => self.fault(&error, None),
                },
                Poll::Ready((store, _, Err(error))) => {
                    self.fault(&error, store.data().last_error())
                }
            },
            State::Answering(mut future) => match future.poll_once() {
                Poll::Pending if self.waiting.load(Ordering::Acquire) => self.fault(
                    &misuse(
                        "`answer-queries` waited for an event; it may only take queries and answer"
                            .to_owned(),
                    ),
                    None,
                ),
                Poll::Pending => {
                    self.state = State::Answering(future);
                    None
                }
                Poll::Ready((store, world, Ok(()))) => {
                    self.state = State::Ended(Box::new((store, world)));
                    self.event_cpu = Duration::ZERO;
                    Some(Progress::Idle)
                }
                Poll::Ready((store, _, Err(error))) => {
                    self.fault(&error, store.data().last_error())
                }
            },
            State::Stillborn(fault) => Some(Progress::Fault(fault)),
            State::Fresh(_) | State::Ended(_) | State::Dead => self.fault(
                &misuse("the instance is dead; it must be rebuilt from its history".to_owned()),
                None,
            ),
        }
    }

    fn fault(&self, error: &wasmtime::Error, said: Option<&str>) -> Option<Progress> {
        let fault = fault_of(error, said, &self.shared);
        Some(Progress::Fault(Box::new(fault)))
    }

    /// How `run` ended, if it may end so.
    fn checked_end(&self, outcome: RunOutcome) -> wasmtime::Result<RunEnd> {
        let mut session = self.session.lock();
        let end = match end_of(outcome) {
            Some(end) => end,
            None => session.take_continuation()?,
        };
        session.check_end(&end)?;
        Ok(end)
    }

    /// Adds CPU time; a fault where the code has had too much for one event.
    fn count_cpu(&mut self, used: Duration) -> Option<Fault> {
        let heard = self.session.lock().delivered();
        if heard != self.heard {
            self.heard = heard;
            self.event_cpu = Duration::ZERO;
        }
        self.event_cpu += used;
        let limit = self.shared.event_cpu();
        (self.event_cpu > limit).then(|| overrun(limit))
    }
}

/// The code has had its CPU time.
pub(crate) fn overrun(limit: Duration) -> Fault {
    Fault {
        failure: TaskFailure {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            message: format!(
                "the workflow's code ran for more than {limit:?} of CPU time without \
                 waiting for anything (limit event-cpu); move long work into an activity"
            ),
            details: String::new(),
        },
        is_overrun: true,
    }
}

/// What a trap means. `said`: the last error that the code logged before it.
pub(crate) fn fault_of(error: &wasmtime::Error, said: Option<&str>, shared: &Shared) -> Fault {
    let failure = match error.downcast_ref::<GuestFault>() {
        Some(fault) => TaskFailure {
            cause: fault.cause,
            message: fault.message.clone(),
            details: format!("{error:?}"),
        },
        None => TaskFailure {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            message: trap_message(error, said, shared.limits()),
            details: format!("{error:?}"),
        },
    };
    Fault {
        failure,
        is_overrun: false,
    }
}

/// The name of the module that the builder puts in the place of imports that no server
/// has. Its functions are named after what they say when they are called.
pub const STUB_MODULE: &str = "mainspring stubs";

/// What a stub says, if one was called.
fn stub_sentence(error: &wasmtime::Error) -> Option<String> {
    let trace = error.downcast_ref::<wasmtime::WasmBacktrace>()?;
    let (stub, callers) = trace.frames().split_first()?;
    if stub.module().name() != Some(STUB_MODULE) {
        return None;
    }
    let sentence = stub.func_name()?;
    let mut callers = callers.iter().filter_map(wasmtime::FrameInfo::func_name);
    match callers.next() {
        Some(caller) => Some(format!("{sentence} (called by {caller})")),
        None => Some(sentence.to_owned()),
    }
}

/// Traps that are limits of ours are told as such.
fn trap_message(error: &wasmtime::Error, said: Option<&str>, limits: &Limits) -> String {
    if let Some(sentence) = stub_sentence(error) {
        return sentence;
    }
    if let Some(wasmtime::Trap::StackOverflow) = error.downcast_ref() {
        return format!(
            "the workflow's code called itself too deep for a stack of {} bytes \
             (limit run-stack-bytes)",
            limits.run_stack_bytes
        );
    }
    let cause = error.root_cause().to_string();
    // The type of this error is private to wasmtime; a test holds its words.
    if cause.contains("fuel allocated for hostcalls") {
        return format!(
            "the workflow's code handed over more than {} bytes in one call (limit call-bytes); \
             pass a reference instead",
            limits.call_bytes
        );
    }
    match said {
        Some(said) => format!("the workflow's code trapped after it said: {said}"),
        None => format!("the workflow's code trapped: {cause}"),
    }
}

/// Drives a future that waits for nothing but ticks; `None` if it takes more CPU
/// time than `limit`.
pub(crate) fn drive<T>(future: impl Future<Output = T>, limit: Duration) -> Option<T> {
    let mut future = pin!(future);
    let began = thread_cpu();
    loop {
        match poll_once(future.as_mut()) {
            Poll::Ready(done) => return Some(done),
            Poll::Pending if thread_cpu().saturating_sub(began) > limit => return None,
            Poll::Pending => {}
        }
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// CPU time of this thread: other work on the machine does not count against a
/// workflow.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
