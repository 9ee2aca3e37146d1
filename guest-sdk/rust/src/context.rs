//! Contexts: what workflow code can see and do.
//!
//! | context | who gets it | may |
//! |---|---|---|
//! | [`WorkflowContext`] | `run`, async signal and update handlers | everything, and reach the state through `state` and `state_mut` |
//! | [`SyncWorkflowContext`] | sync signal and update handlers, which have `&mut self` | everything but wait |
//! | [`WorkflowContextView`](crate::WorkflowContextView) | `init`, queries, update validators | look |
//!
//! The first two share their methods through [`BaseWorkflowContext`]. A context
//! is a cheap handle; each carries a scope, the cancellation token on which
//! whatever is started through it hangs.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;
use std::task::Poll;
use std::time::SystemTime;

use futures::FutureExt;
use futures::future::FusedFuture;

use crate::activity::{ActivityDefinition, ActivityFuture, ActivityOptions};
use crate::cancellation::{WorkflowCancellationError, WorkflowCancellationToken};
use crate::child::{ChildWorkflowDefinition, ChildWorkflowHandle, ChildWorkflowOptions};
use crate::continuation::{self, ContinueAsNewOptions};
use crate::external::ExternalWorkflowHandle;
use crate::info::WorkflowContextView;
use crate::payload::{FromPayloads, IntoPayloads};
use crate::random::{self, WorkflowRandomValue};
use crate::runtime::Runtime;
use crate::signals::SignalChannel;
use crate::termination::WorkflowTermination;
use crate::timer::{TimerFuture, TimerOptions};
use crate::workflow::Workflow;
use crate::{duration, host};

/// What every context of a running workflow can do.
#[derive(Clone)]
pub struct BaseWorkflowContext {
    pub(crate) runtime: Rc<Runtime>,
    scope: WorkflowCancellationToken,
}

impl BaseWorkflowContext {
    /// Starts an activity and gives the future of its result. The activity is
    /// scheduled by the call itself, not by the first poll.
    #[track_caller]
    pub fn execute_activity<A: ActivityDefinition>(
        &self,
        activity: A,
        input: impl Into<A::Input>,
        options: impl Into<ActivityOptions>,
    ) -> ActivityFuture<A::Output> {
        let input = input.into();
        ActivityFuture::start(
            &self.runtime,
            &self.scope,
            activity.name(),
            &input,
            options.into(),
        )
    }

    /// Another name of [`execute_activity`](Self::execute_activity).
    #[track_caller]
    pub fn start_activity<A: ActivityDefinition>(
        &self,
        activity: A,
        input: impl Into<A::Input>,
        options: impl Into<ActivityOptions>,
    ) -> ActivityFuture<A::Output> {
        self.execute_activity(activity, input, options)
    }

    /// Starts a child workflow, by the call itself, and gives its handle (WF-10).
    #[track_caller]
    pub fn child_workflow<C: ChildWorkflowDefinition>(
        &self,
        child: C,
        input: impl Into<C::Input>,
        options: impl Into<ChildWorkflowOptions>,
    ) -> ChildWorkflowHandle<C::Output> {
        let (input, options) = (input.into(), options.into());
        ChildWorkflowHandle::start(&self.runtime, &self.scope, child.name(), &input, options)
    }

    /// Another workflow of this namespace, to signal or cancel it (WF-16).
    pub fn external_workflow(&self, workflow_id: impl Into<String>) -> ExternalWorkflowHandle {
        ExternalWorkflowHandle::new(self.runtime.clone(), self.scope.clone(), workflow_id.into())
    }

    /// Starts a durable timer, by the call itself (TIM-01).
    #[track_caller]
    pub fn timer(&self, options: impl Into<TimerOptions>) -> TimerFuture {
        TimerFuture::start(&self.runtime, &self.scope, options.into())
    }

    /// The signals of this name that no handler takes, in arrival order.
    pub fn signal_channel<T: FromPayloads>(&self, name: impl Into<String>) -> SignalChannel<T> {
        SignalChannel::new(self.runtime.clone(), self.scope.clone(), name.into())
    }

    /// The scope of this context; that of the run unless you derived it.
    pub fn cancellation_token(&self) -> WorkflowCancellationToken {
        self.scope.clone()
    }

    /// Resolves when the scope is cancelled, with the reason if there was one.
    pub fn cancelled(&self) -> impl FusedFuture<Output = Option<String>> + Unpin + use<> {
        let token = self.scope.clone();
        self.scope.cancelled().map(move |()| token.reason())
    }

    /// The time of the current workflow task: constant inside a task, equal in
    /// replay, never going back (WF-04).
    pub fn workflow_time(&self) -> SystemTime {
        duration::time_from_ns(host::now())
    }

    /// A random value, equal in replay (WF-05). Not for cryptography.
    pub fn random<T: WorkflowRandomValue>(&self) -> T {
        T::draw()
    }

    /// Random bytes, equal in replay. Not for cryptography.
    pub fn random_bytes(&self, length: usize) -> Vec<u8> {
        random::bytes(length)
    }

    /// A UUID of version 4, equal in replay: fit for a business key.
    pub fn uuid4(&self) -> String {
        random::uuid4()
    }

    /// Has headers of this run travel on: every activity that is started from now on
    /// carries those of these names (WF-24). A successor keeps all headers anyhow.
    pub fn propagate_headers<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let info = self.info();
        let mut propagated = self.runtime.propagated.borrow_mut();
        for name in names {
            if let Some(value) = info.header(name) {
                propagated.insert(name.to_owned(), value);
            }
        }
    }

    /// What the run knows about itself (WF-15).
    pub fn info(&self) -> WorkflowContextView {
        WorkflowContextView::new(self.runtime.clone())
    }

    /// True while recorded history is handed out again. For metrics only: code
    /// that decides by it diverges. Logs are silent in replay by themselves.
    pub fn is_replaying(&self) -> bool {
        host::is_replaying()
    }

    /// Whether every async signal and update handler that began has returned: a
    /// condition to wait for before `run` returns (MSG-07).
    pub fn all_handlers_finished(&self) -> bool {
        self.runtime.running.is_empty()
    }

    /// Says in a few words how things stand, for whoever asks for the workflow's
    /// metadata (WF-28). Not recorded: it is said again in replay.
    pub fn set_current_details(&self, details: impl Into<String>) {
        *self.runtime.current_details.borrow_mut() = details.into();
    }

    /// What was said last.
    pub fn current_details(&self) -> String {
        self.runtime.current_details.borrow().clone()
    }
}

/// The context of code that may wait: `run` and async signal handlers.
pub struct WorkflowContext<W> {
    base: BaseWorkflowContext,
    state: Rc<RefCell<W>>,
}

impl<W> Clone for WorkflowContext<W> {
    fn clone(&self) -> Self {
        Self {
            base: self.base.clone(),
            state: self.state.clone(),
        }
    }
}

impl<W> Deref for WorkflowContext<W> {
    type Target = BaseWorkflowContext;

    fn deref(&self) -> &BaseWorkflowContext {
        &self.base
    }
}

impl<W> WorkflowContext<W> {
    pub(crate) fn new(runtime: Rc<Runtime>, state: Rc<RefCell<W>>) -> Self {
        let scope = runtime.root.clone();
        Self {
            base: BaseWorkflowContext { runtime, scope },
            state,
        }
    }

    /// Reads the workflow's state. The borrow ends with the closure, so it can't
    /// be held while waiting. Panics inside a `state_mut` closure.
    pub fn state<R>(&self, read: impl FnOnce(&W) -> R) -> R {
        read(&self.state.borrow())
    }

    /// Changes the workflow's state. Conditions are asked again afterwards.
    /// Panics inside a closure of `state` or `state_mut`.
    pub fn state_mut<R>(&self, change: impl FnOnce(&mut W) -> R) -> R {
        change(&mut self.state.borrow_mut())
    }

    /// Waits until the condition holds; a cancel of the scope ends the wait. It
    /// is asked at once, and again whenever anything in the run has moved, so it
    /// must be cheap and change nothing (WF-07).
    #[track_caller]
    pub fn wait_condition<'a>(
        &'a self,
        mut condition: impl FnMut(&W) -> bool + Unpin + 'a,
    ) -> impl FusedFuture<Output = Result<(), WorkflowCancellationError>> + Unpin + 'a {
        let mut waited = false;
        let place = Location::caller();
        poll_fn(move |context| {
            if self.state(&mut condition) {
                if waited {
                    self.base.runtime.conditions.note_met();
                }
                return Poll::Ready(Ok(()));
            }
            if self.base.scope.is_cancelled() {
                return Poll::Ready(Err(WorkflowCancellationError::of(&self.base.scope)));
            }
            waited = true;
            self.base.scope.wake_on_cancel(context.waker());
            self.base.runtime.conditions.wait(context.waker(), place);
            Poll::Pending
        })
        .fuse()
    }

    /// Ends this run by starting its successor: same workflow ID, a history of its
    /// own, this input (WF-13). Return what it gives, as `?` does:
    ///
    /// ```
    /// # use mainspring_workflow::*;
    /// # #[workflow]
    /// # #[derive(Default)]
    /// # struct Subscription;
    /// # #[workflow_methods]
    /// # impl Subscription {
    /// #[run]
    /// async fn run(ctx: &mut WorkflowContext<Self>, month: u32) -> WorkflowResult<u32> {
    ///     if ctx.info().continue_as_new_suggested() {
    ///         ctx.continue_as_new(month + 1, ContinueAsNewOptions::default())?;
    ///     }
    ///     Ok(month)
    /// }
    /// # }
    /// ```
    ///
    /// Messages that the run has not seen yet are heard first: the task is then done
    /// again with them.
    pub fn continue_as_new(
        &self,
        input: W::Input,
        options: ContinueAsNewOptions,
    ) -> Result<Infallible, WorkflowTermination>
    where
        W: Workflow,
        W::Input: IntoPayloads,
    {
        continuation::continue_as_new(&input, options)
    }

    /// The same, as a workflow of another type.
    pub fn continue_as<V>(
        &self,
        input: V::Input,
        options: ContinueAsNewOptions,
    ) -> Result<Infallible, WorkflowTermination>
    where
        V: Workflow,
        V::Input: IntoPayloads,
    {
        let workflow_type = Some(V::NAME.to_owned());
        let options = ContinueAsNewOptions {
            workflow_type,
            ..options
        };
        continuation::continue_as_new(&input, options)
    }

    /// The same context with another scope: what is started or awaited through
    /// it hangs on this token.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mainspring_workflow::*;
    /// # const SEARCH: Activity<String, String> = Activity::new("Search");
    /// # async fn part<W>(ctx: &WorkflowContext<W>, options: &ActivityOptions) {
    /// let scope = ctx.cancellation_token().child_token();
    /// let scoped = ctx.with_cancellation_token(scope.clone());
    /// let first = scoped.execute_activity(SEARCH, "one", options);
    /// let second = scoped.execute_activity(SEARCH, "two", options);
    /// if ctx.timer(Duration::from_secs(5)).await == TimerResult::Fired {
    ///     scope.cancel_with_reason("five seconds are enough");
    /// }
    /// let results = join_all([first, second]).await;
    /// # let _ = results;
    /// # }
    /// ```
    pub fn with_cancellation_token(&self, token: WorkflowCancellationToken) -> Self {
        let mut scoped = self.clone();
        scoped.base.scope = token;
        scoped
    }

    /// The same context out of reach of every cancel: for cleanup, which could
    /// start nothing in the cancelled scope (WF-09).
    pub fn shielded(&self) -> Self {
        self.with_cancellation_token(WorkflowCancellationToken::new())
    }

    #[doc(hidden)]
    pub fn __sync(&self) -> SyncWorkflowContext<W> {
        SyncWorkflowContext {
            base: self.base.clone(),
            workflow: std::marker::PhantomData,
        }
    }
}

/// The context of a sync signal handler, which has the state as `&mut self`.
pub struct SyncWorkflowContext<W> {
    base: BaseWorkflowContext,
    workflow: std::marker::PhantomData<fn() -> W>,
}

impl<W> Deref for SyncWorkflowContext<W> {
    type Target = BaseWorkflowContext;

    fn deref(&self) -> &BaseWorkflowContext {
        &self.base
    }
}
