//! One run: takes events, runs what they wake, says how the run ended.
//!
//! The same instance is driven by the component's `run` (which blocks for each
//! event) and by the test environment (which makes the events). The rules:
//!
//! 1. The workflow is constructed; then early messages are delivered, and their
//!    handlers run, before the main function is first polled (MSG-01, WF-18).
//! 2. All events of a batch are heard before the code goes on, so that a run which
//!    ends has heard every message that it was sent (MSG-01, WF-13). Then everything
//!    that can run does, conditions included.
//! 3. A query is answered at once and wakes nothing: it leaves no trace (MSG-08).

use std::cell::RefCell;
use std::rc::Rc;

use futures::FutureExt;

use crate::bindings::mainspring::workflow::events::{Event, StartOutcome};
use crate::bindings::mainspring::workflow::types;
use crate::context::WorkflowContext;
use crate::executor::Executor;
use crate::failure::{ApplicationFailure, Failure};
use crate::info::WorkflowContextView;
use crate::payload::{self, Payload};
use crate::running::Kind;
use crate::runtime::Runtime;
use crate::signals::log_dropped;
use crate::termination::{WorkflowResult, WorkflowTermination};
use crate::updates::names;
use crate::workflow::{MainFuture, QueryDispatch, SignalDispatch, Workflow};
use crate::{builtin, host, logging};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Completed(Vec<Payload>),
    Failed(Failure),
    Cancelled(Vec<Payload>),
    ContinuedAsNew,
}

/// A run whose workflow type is erased.
pub(crate) trait Instance {
    /// Delivers one event and runs whatever it sets in motion.
    fn deliver(&mut self, event: Event);
    /// Delivers a batch, whose first event is in hand; then the code goes on.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    fn deliver_batch(&mut self, first: Event, more: fn() -> Option<Event>);
    /// Lets the main function run; once, after the early messages.
    fn start_main(&mut self);
    /// How the run ended, if it did.
    fn outcome(&self) -> Option<Outcome>;
}

/// The end of the run, set by the main function or by a failing handler.
type End = Rc<RefCell<Option<WorkflowResult<Vec<Payload>>>>>;

pub(crate) struct TypedInstance<W: Workflow> {
    pub(crate) ctx: WorkflowContext<W>,
    pub(crate) runtime: Rc<Runtime>,
    pub(crate) executor: Executor,
    /// A batch is being heard: nothing runs yet.
    hears: bool,
    main: Option<MainFuture>,
    end: End,
}

/// Constructs the workflow. Panics, which fails the workflow task and leaves the
/// run open, if the input is not what the workflow takes: a corrected version
/// can read it.
pub(crate) fn create<W: Workflow>(input: &[Payload]) -> Box<dyn Instance> {
    let runtime = Rc::new(Runtime::default());
    let view = WorkflowContextView::new(runtime.clone());
    let created = W::__create(&view, input).and_then(|workflow| {
        let state = Rc::new(RefCell::new(workflow));
        let ctx = WorkflowContext::new(runtime.clone(), state);
        Ok((W::__main(ctx.clone(), input)?, ctx))
    });
    match created {
        Ok((main, ctx)) => Box::new(TypedInstance {
            ctx,
            runtime,
            executor: Executor::default(),
            hears: false,
            main: Some(main),
            end: End::default(),
        }),
        Err(error) => panic!("workflow {} cannot read its input: {error}", W::NAME),
    }
}

impl<W: Workflow> Instance for TypedInstance<W> {
    fn deliver(&mut self, event: Event) {
        match event {
            Event::Query(query) => {
                let arguments = payload::from_wire(query.arguments);
                let answer = self.answer(&query.name, &arguments);
                host::answer_query(&query.id, answer);
                return;
            }
            Event::Resolved(resolution) => {
                let known = self
                    .runtime
                    .operations
                    .resolve(resolution.handle, resolution.outcome);
                assert!(
                    known,
                    "the host resolved operation {}, which is not open",
                    resolution.handle
                );
            }
            Event::Signal(signal) => self.signal(&signal.name, payload::from_wire(signal.input)),
            Event::CancelRequested(reason) => self.runtime.root.cancel_with_reason(reason),
            // The host keeps the random stream; this SDK has none of its own.
            Event::RandomSeedChanged(_) => {}
            Event::Update(update) => {
                if !self.update(update) {
                    return;
                }
            }
            Event::Started(notice) => {
                let (StartOutcome::Child(id) | StartOutcome::Nexus(id)) = notice.outcome;
                let known = self.runtime.operations.start(notice.handle, id);
                assert!(
                    known,
                    "the host started operation {}, which is not open",
                    notice.handle
                );
            }
        }
        self.settle();
    }

    fn deliver_batch(&mut self, first: Event, more: fn() -> Option<Event>) {
        if matches!(first, Event::Query(_)) {
            return self.deliver(first);
        }
        self.hears = true;
        self.deliver(first);
        while let Some(event) = more() {
            self.deliver(event);
        }
        self.hears = false;
        self.settle();
    }

    fn start_main(&mut self) {
        if let Some(main) = self.main.take() {
            let end = self.end.clone();
            self.executor
                .spawn(main.map(move |result| finish(&end, result)).boxed_local());
            self.settle();
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        let end = self.end.borrow();
        let outcome = match end.as_ref()? {
            Ok(result) => Outcome::Completed(result.clone()),
            Err(WorkflowTermination::Failed(failure)) => Outcome::Failed(failure.clone()),
            Err(WorkflowTermination::Cancelled { details }) if self.runtime.root.is_cancelled() => {
                Outcome::Cancelled(details.clone())
            }
            Err(WorkflowTermination::Cancelled { details }) => Outcome::Failed(Failure::cancelled(
                "the workflow cancelled itself",
                details.clone(),
            )),
            Err(WorkflowTermination::ContinuedAsNew(_)) => Outcome::ContinuedAsNew,
            Err(WorkflowTermination::TaskFailed(error)) => {
                panic!("workflow {} cannot go on: {error}", W::NAME)
            }
        };
        Some(outcome)
    }
}

/// The first end holds.
fn finish(end: &End, result: WorkflowResult<Vec<Payload>>) {
    end.borrow_mut().get_or_insert(result);
}

impl<W: Workflow> TypedInstance<W> {
    /// Runs to quiescence. Conditions are closures that nobody can announce, so
    /// after the queue has run dry all of them are asked, for as long as that
    /// makes one of them true.
    fn settle(&mut self) {
        if self.hears {
            return;
        }
        let end = self.end.clone();
        let stop = move || end.borrow().is_some();
        self.executor.run(&stop);
        loop {
            let met = self.runtime.conditions.met();
            if stop() || !self.runtime.conditions.wake_all() {
                break;
            }
            self.executor.run(&stop);
            if self.runtime.conditions.met() == met {
                break;
            }
        }
        if stop()
            && let Some(warning) = self.runtime.running.warning()
        {
            logging::warn(warning);
        }
    }

    fn signal(&mut self, name: &str, input: Vec<Payload>) {
        match W::__signal(&self.ctx, name, &input) {
            SignalDispatch::Unhandled => self.runtime.signals.push(name, input),
            SignalDispatch::Refused(error) => log_dropped(name, &error),
            SignalDispatch::Done(Ok(())) => {}
            SignalDispatch::Done(Err(termination)) => finish(&self.end, Err(termination)),
            SignalDispatch::Task(handler) => {
                let (end, runtime) = (self.end.clone(), self.runtime.clone());
                let warns = W::SIGNALS
                    .iter()
                    .find(|known| known.name == name)
                    .or_else(|| W::SIGNALS.iter().find(|known| known.name.is_empty()))
                    .is_none_or(|known| known.warns_if_unfinished);
                let number = runtime.running.begin(Kind::Signal, name, "", warns);
                let task = handler.map(move |result| {
                    runtime.running.end(number);
                    if let Err(termination) = result {
                        finish(&end, Err(termination));
                    }
                });
                self.executor.spawn(task.boxed_local());
            }
        }
    }

    fn answer(&self, name: &str, arguments: &[Payload]) -> Result<types::Payload, types::Failure> {
        let view = WorkflowContextView::new(self.runtime.clone());
        let refused =
            |reason: String| Err(Failure::from(ApplicationFailure::non_retryable(reason)).into());
        if let Some(answer) = builtin::answer::<W>(&self.runtime, name) {
            return match answer {
                Ok(payload) => Ok(payload.into()),
                Err(error) => refused(format!("query {name:?}: {error}")),
            };
        }
        match self
            .ctx
            .state(|state| state.__query(&view, name, arguments))
        {
            QueryDispatch::Answered(payload) => Ok(payload.into()),
            QueryDispatch::Failed(failure) => Err(failure.into()),
            QueryDispatch::Refused(error) => {
                refused(format!("query {name:?}: {error}; {}", known_queries::<W>()))
            }
            QueryDispatch::Unhandled => {
                refused(format!("unknown query {name:?}; {}", known_queries::<W>()))
            }
        }
    }
}

fn known_queries<W: Workflow>() -> String {
    format!("workflow {} answers [{}]", W::NAME, names(W::QUERIES))
}
