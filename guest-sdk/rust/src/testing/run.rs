//! One run of a test: drives the workflow through virtual time.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::bindings::mainspring::workflow::events::{
    Event, Query, Resolution, Signal, StartNotice, StartOutcome,
};
use crate::bindings::mainspring::workflow::info::RunInfo;
use crate::bindings::mainspring::workflow::types::Outcome as OperationOutcome;
use crate::failure::{ApplicationFailure, Failure, FailureKind, RetryState, TimeoutType};
use crate::host::Handle;
use crate::info::find;
use crate::instance::{self, Instance, Outcome};
use crate::payload::{self, FromPayloads, IntoPayloads, Payload, PayloadConversionError};
use crate::properties::{SearchAttribute, SearchAttributeValue};
use crate::testing::activity::{self, AttemptResult, Mocks, Next};
use crate::testing::command::Command;
use crate::testing::host::{Due, LogLine, Open, TestHost};
use crate::testing::replay::{self, Activation, ReplayDifference};
use crate::workflow::Workflow;
use crate::{activity::RetryPolicy, duration};

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TestRunError {
    /// It failed.
    #[error("the workflow failed: {0}")]
    Failed(Failure),
    /// It honoured a cancel request.
    #[error("the workflow was cancelled")]
    Cancelled {
        /// What it said about it.
        details: Vec<Payload>,
    },
    /// It goes on as another run; [`TestRun::successor`] gives that.
    #[error("the workflow continued as new; take its successor")]
    ContinuedAsNew,
    /// It waits for something that this test never sends.
    #[error(
        "the workflow waits and nothing is due; send the signal or the cancel that it waits for"
    )]
    Blocked,
    /// Its result is not of the declared type.
    #[error(transparent)]
    Conversion(#[from] PayloadConversionError),
}

/// A run, started by
/// [`TestWorkflowEnvironment::start`](crate::testing::TestWorkflowEnvironment::start).
///
/// Time passes only where a method says so, and never for real.
pub struct TestRun<W: Workflow> {
    pub(crate) host: Rc<TestHost>,
    /// What the run knew of itself at its start.
    started: RunInfo,
    pub(super) mocks: Rc<RefCell<Mocks>>,
    instance: Box<dyn Instance>,
    input: Vec<Payload>,
    trace: Vec<Activation>,
    pub(super) outcome: Option<Outcome>,
    workflow: PhantomData<fn() -> W>,
}

impl<W: Workflow> TestRun<W> {
    pub(crate) fn start(info: RunInfo, mocks: Rc<RefCell<Mocks>>, input: Vec<Payload>) -> Self {
        let started = info.clone();
        let host = TestHost::new(info, false);
        let instance = {
            let _installed = host.install();
            host.begin_task(0);
            instance::create::<W>(&input)
        };
        let (trace, outcome, workflow) = (Vec::new(), None, PhantomData);
        Self {
            host,
            started,
            mocks,
            instance,
            input,
            trace,
            outcome,
            workflow,
        }
    }

    /// Sends a signal now.
    ///
    /// Panics if the value cannot be encoded.
    pub fn signal(&mut self, name: &str, input: impl IntoPayloads) {
        self.signal_after(Duration::ZERO, name, input);
    }

    /// Sends a signal when this much virtual time has passed from now.
    ///
    /// Panics if the value cannot be encoded.
    pub fn signal_after(&mut self, delay: Duration, name: &str, input: impl IntoPayloads) {
        let input = match input.to_payloads() {
            Ok(input) => payload::to_wire(input),
            Err(error) => panic!("the input of signal {name:?} cannot be encoded: {error}"),
        };
        let signal = Signal {
            name: name.to_owned(),
            input,
            headers: Vec::new(),
            identity: "test".to_owned(),
            event_id: 0,
        };
        self.host
            .agree(duration::to_ns(delay), Due::Message(Event::Signal(signal)));
    }

    /// Asks the run to cancel, now.
    pub fn request_cancel(&mut self, reason: &str) {
        self.request_cancel_after(Duration::ZERO, reason);
    }

    /// Asks the run to cancel when this much virtual time has passed from now.
    pub fn request_cancel_after(&mut self, delay: Duration, reason: &str) {
        let event = Event::CancelRequested(reason.to_owned());
        self.host.agree(duration::to_ns(delay), Due::Message(event));
    }

    /// Asks a query after everything that is due now; works on a closed run too.
    /// `arguments` is `()` if there are none.
    pub fn query<T: FromPayloads>(
        &mut self,
        name: &str,
        arguments: impl IntoPayloads,
    ) -> Result<T, Failure> {
        let refused = |error: PayloadConversionError| Failure::from(ApplicationFailure::new(error));
        let arguments = arguments.to_payloads().map_err(refused)?;
        self.settle();
        let query = Query {
            id: "test".to_owned(),
            name: name.to_owned(),
            arguments: payload::to_wire(arguments),
            headers: Vec::new(),
        };
        let _installed = self.host.install();
        let answer = self
            .host
            .read(|| self.instance.deliver(Event::Query(query)));
        match answer.expect("an instance answers every query while it is delivered") {
            Ok(payload) => T::from_payloads(&[payload.into()]).map_err(refused),
            Err(failure) => Err(crate::failure::from_wire(failure)),
        }
    }

    /// Lets everything happen that is due now.
    pub fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    /// Lets virtual time pass, and what is due happen.
    pub fn advance(&mut self, time: Duration) {
        let until = self.elapsed_ns().saturating_add(duration::to_ns(time));
        while self.step(Some(until)) {}
        self.host.state.borrow_mut().elapsed = until;
    }

    /// Skips time until the run ends, and gives its result.
    pub fn result(&mut self) -> Result<W::Output, TestRunError>
    where
        W::Output: FromPayloads,
    {
        while self.outcome.is_none() && self.step(None) {}
        match self.outcome.clone() {
            None => Err(TestRunError::Blocked),
            Some(Outcome::Completed(result)) => Ok(W::Output::from_payloads(&result)?),
            Some(Outcome::Failed(failure)) => Err(TestRunError::Failed(failure)),
            Some(Outcome::Cancelled(details)) => Err(TestRunError::Cancelled { details }),
            Some(Outcome::ContinuedAsNew) => Err(TestRunError::ContinuedAsNew),
        }
    }

    /// What the run has of a search attribute.
    pub fn search_attribute<T: SearchAttributeValue>(
        &self,
        attribute: &SearchAttribute<T>,
    ) -> Option<T> {
        let state = self.host.state.borrow();
        attribute.read(&find(&state.info.search_attributes, attribute.name())?)
    }

    /// What the run has of a memo field.
    pub fn memo<T: DeserializeOwned + 'static>(
        &self,
        key: &str,
    ) -> Option<Result<T, PayloadConversionError>> {
        let state = self.host.state.borrow();
        find(&state.info.memo, key).map(|payload| payload.decode())
    }

    /// Whether the run has ended.
    pub fn is_closed(&self) -> bool {
        self.outcome.is_some()
    }

    /// The virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        duration::from_ns(self.elapsed_ns())
    }

    /// What the workflow asked for so far, in order.
    pub fn commands(&self) -> Vec<Command> {
        self.host.state.borrow().commands.clone()
    }

    /// The types of the activities scheduled so far, in order.
    pub fn scheduled_activities(&self) -> Vec<String> {
        let state = self.host.state.borrow();
        let types = state.commands.iter().filter_map(Command::activity_type);
        types.map(ToOwned::to_owned).collect()
    }

    /// The workflow's log so far.
    pub fn logs(&self) -> Vec<LogLine> {
        self.host.state.borrow().logs.clone()
    }

    /// Runs the workflow again from the start with the recorded answers, as the
    /// server does, and compares the commands of each workflow task. A difference
    /// means that the code depends on something that is not recorded.
    pub fn check_replay(&self) -> Result<(), ReplayDifference> {
        let info = self.started.clone();
        replay::check::<W>(info, &self.input, &self.trace)
    }

    fn elapsed_ns(&self) -> u64 {
        self.host.state.borrow().elapsed
    }

    fn suggests_continue_as_new(&self) -> bool {
        self.host.state.borrow().suggests_continue_as_new
    }

    /// Does the next thing; false if nothing is due.
    pub(crate) fn step(&mut self, until: Option<u64>) -> bool {
        if self.outcome.is_some() {
            return false;
        }
        if self.trace.is_empty() {
            let early = self.host.take_early();
            let suggests = self.suggests_continue_as_new();
            self.trace.push(Activation {
                early: early.len(),
                ..Activation::at(self.elapsed_ns(), suggests)
            });
            early.into_iter().for_each(|event| self.deliver(event));
            if self.host.take_rejected()
                && let Some(activation) = self.trace.last_mut()
            {
                // It was the last, and has left no trace.
                activation.events.pop();
                activation.early -= 1;
            }
            let host = self.host.clone();
            let _installed = host.install();
            self.instance.start_main();
            self.after_delivery();
            return true;
        }
        let Some(due) = self.host.take_due(until) else {
            return false;
        };
        if let Some(event) = self.happen(due) {
            let elapsed = self.elapsed_ns();
            self.host.begin_task(elapsed);
            let suggests = self.suggests_continue_as_new();
            self.trace.push(Activation::at(elapsed, suggests));
            self.deliver(event);
            self.after_delivery();
            if self.host.take_rejected() {
                self.trace.pop();
                self.host.forget_task();
            }
        }
        true
    }

    fn deliver(&mut self, event: Event) {
        if let Some(activation) = self.trace.last_mut() {
            activation.events.push(event.clone());
        }
        let host = self.host.clone();
        let _installed = host.install();
        if self.instance.outcome().is_none() {
            if let Event::Update(update) = &event {
                self.host.begin_update(&update.id);
            }
            self.instance.deliver(event);
        }
    }

    /// Hands out what is known at once, then notes what the task asked for.
    fn after_delivery(&mut self) {
        loop {
            let event = self.host.state.borrow_mut().local.pop_front();
            match event {
                Some(event) if self.instance.outcome().is_none() => self.deliver(event),
                _ => break,
            }
        }
        self.outcome = self.instance.outcome();
        let mut state = self.host.state.borrow_mut();
        if let Some(outcome) = &self.outcome {
            let end = Command::of_end(outcome, state.continuation.as_ref());
            state.commands.push(end);
        }
        let before: usize = self
            .trace
            .iter()
            .map(|activation| activation.commands.len())
            .sum();
        if let Some(activation) = self.trace.last_mut() {
            activation.commands = state.commands.iter().skip(before).cloned().collect();
        }
    }

    /// What the workflow hears of it, if anything.
    fn happen(&mut self, due: Due) -> Option<Event> {
        match due {
            Due::Message(event) => Some(event),
            Due::TimerFires(handle) => self.close(handle, OperationOutcome::Success(Vec::new())),
            Due::AttemptStarts(handle) => {
                self.begin_attempt(handle);
                None
            }
            Due::AttemptEnds(handle, result) => self.end_attempt(handle, result),
            Due::ChildStarts(handle) => self.start_child(handle),
            Due::ChildEnds(handle, outcome) => self.close(handle, outcome),
            Due::MessageArrives(handle, workflow_id) => {
                let outcome = self.mocks.borrow().others.reach(workflow_id.as_deref());
                self.close(handle, outcome)
            }
            Due::ScheduleToClose(handle) => {
                let kind = FailureKind::Timeout {
                    timeout_type: TimeoutType::ScheduleToClose,
                    last_heartbeat_details: Vec::new(),
                };
                let cause = Failure::new("activity ScheduleToClose timeout", kind);
                let failure = self.activity_failure(handle, RetryState::Timeout, cause)?;
                self.close(handle, OperationOutcome::TimedOut(failure.into()))
            }
        }
    }

    /// A child starts, and when it ends is known from its mock.
    fn start_child(&mut self, handle: Handle) -> Option<Event> {
        let run_id = format!("test-child-{handle}");
        let (end, takes) = {
            let mut state = self.host.state.borrow_mut();
            let Some(Open::Child(child)) = state.open.get_mut(&handle) else {
                return None;
            };
            self.mocks.borrow_mut().others.start(child, &run_id)
        };
        let due = Due::ChildEnds(handle, end);
        self.host.agree(duration::to_ns(takes), due);
        Some(Event::Started(StartNotice {
            handle,
            outcome: StartOutcome::Child(run_id),
        }))
    }

    fn begin_attempt(&mut self, handle: Handle) {
        let options = {
            let mut state = self.host.state.borrow_mut();
            let Some(Open::Activity(activity)) = state.open.get_mut(&handle) else {
                return;
            };
            activity.running = true;
            let mocks = self.mocks.borrow();
            activity.stops_on_cancel = mocks.stops_on_cancel(&activity.options.activity_type);
            activity.options.clone()
        };
        let (time, result) = self.mocks.borrow_mut().attempt(&options);
        self.host
            .agree(duration::to_ns(time), Due::AttemptEnds(handle, result));
    }

    fn end_attempt(&mut self, handle: Handle, result: AttemptResult) -> Option<Event> {
        let cause = match result {
            Ok(result) => {
                return self.close(handle, OperationOutcome::Success(payload::to_wire(result)));
            }
            Err(cause) => cause,
        };
        let next = {
            let mut state = self.host.state.borrow_mut();
            let elapsed = state.elapsed;
            let Some(Open::Activity(activity)) = state.open.get_mut(&handle) else {
                return None;
            };
            activity.running = false;
            let policy = activity
                .options
                .retry_policy
                .as_ref()
                .map(RetryPolicy::from);
            let since = duration::from_ns(elapsed - activity.scheduled_at);
            let limit = activity
                .options
                .schedule_to_close_timeout
                .map(duration::from_ns);
            let decided = activity::after_failure(
                &policy.unwrap_or_default(),
                activity.attempt,
                &cause,
                since,
                limit,
            );
            activity.attempt += 1;
            match decided {
                Next::Retry(_) if activity.cancel_requested => {
                    Next::Close(RetryState::CancelRequested)
                }
                decided => decided,
            }
        };
        match next {
            Next::Retry(delay) => {
                self.host
                    .agree(duration::to_ns(delay), Due::AttemptStarts(handle));
                None
            }
            Next::Close(retry_state) => {
                let timed_out = matches!(cause.kind, FailureKind::Timeout { .. });
                let failure = self.activity_failure(handle, retry_state, cause)?.into();
                self.close(
                    handle,
                    if timed_out {
                        OperationOutcome::TimedOut(failure)
                    } else {
                        OperationOutcome::Failed(failure)
                    },
                )
            }
        }
    }

    fn activity_failure(
        &self,
        handle: Handle,
        retry_state: RetryState,
        cause: Failure,
    ) -> Option<Failure> {
        match self.host.state.borrow().open.get(&handle)? {
            Open::Activity(activity) => {
                Some(activity.failure(handle, retry_state).caused_by(cause))
            }
            Open::Timer | Open::Child(_) | Open::Message => None,
        }
    }

    /// Answers an operation, unless it was answered before.
    fn close(&mut self, handle: Handle, outcome: OperationOutcome) -> Option<Event> {
        self.host.state.borrow_mut().open.remove(&handle)?;
        Some(Event::Resolved(Resolution { handle, outcome }))
    }
}
