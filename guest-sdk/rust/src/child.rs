//! Child workflows: workflows that a workflow starts, hears of twice (that they
//! have started, how they ended), and is responsible for (WF-10..12).
//!
//! A child is named with its types, `ChildWorkflow<Input, Output>`, as an activity
//! is; its code may be in the same component or in another one, in any language.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::FusedFuture;

use crate::activity::{Priority, RetryPolicy};
use crate::answer::{self, operation_error};
use crate::bindings::mainspring::workflow::children as wire;
use crate::bindings::mainspring::workflow::external::SignalTarget;
use crate::bindings::mainspring::workflow::types;
use crate::cancellation::WorkflowCancellationToken;
use crate::continuation::VersioningIntent;
use crate::definition::definition;
use crate::external::MessageFuture;
use crate::failure::{Failure, FailureKind};
use crate::operations::Operation;
use crate::payload::{self, FromPayloads, IntoPayloads, Payload};
use crate::runtime::Runtime;
use crate::timer::metadata;
use crate::{duration, host};

pub use types::WorkflowIdReusePolicy;
pub use wire::ParentClosePolicy;

definition! {
    /// A workflow that another one can start: its type name, its arguments and its
    /// result.
    trait ChildWorkflowDefinition;
    /// The workflow type.
    fn name;
    /// Declares a child workflow by name and types.
    ///
    /// ```
    /// use mainspring_workflow::ChildWorkflow;
    ///
    /// /// Ships one parcel and returns its tracking number.
    /// const SHIP_PARCEL: ChildWorkflow<String, String> = ChildWorkflow::new("ShipParcel");
    /// # let _ = SHIP_PARCEL;
    /// ```
    struct ChildWorkflow;
    /// The workflow that components export under this type name.
    fn new;
}

/// What a workflow sees when it cancels a child (WF-11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildCancellationType {
    /// Resolve at once as cancelled and tell nobody.
    Abandon,
    /// Resolve at once as cancelled and ask the child to cancel itself.
    TryCancel,
    /// Ask the child and resolve when it has closed.
    #[default]
    WaitCancellationCompleted,
    /// Ask the child and resolve when the request has reached it.
    WaitCancellationRequested,
}

impl From<ChildCancellationType> for wire::ChildCancellationType {
    fn from(cancellation_type: ChildCancellationType) -> Self {
        match cancellation_type {
            ChildCancellationType::Abandon => Self::Abandon,
            ChildCancellationType::TryCancel => Self::TryCancel,
            ChildCancellationType::WaitCancellationCompleted => Self::WaitCancellationCompleted,
            ChildCancellationType::WaitCancellationRequested => Self::WaitCancellationRequested,
        }
    }
}

/// How a child is started. Everything has a default.
///
/// ```
/// use mainspring_workflow::{ChildWorkflowOptions, ParentClosePolicy};
///
/// let options = ChildWorkflowOptions::new()
///     .workflow_id("parcel-7")
///     .parent_close_policy(ParentClosePolicy::Abandon);
/// assert_eq!(options.workflow_id.as_deref(), Some("parcel-7"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildWorkflowOptions {
    /// Absent: made from the run and the number of the operation.
    pub workflow_id: Option<String>,
    /// Absent: the task queue of the run.
    pub task_queue: Option<String>,
    /// All runs of the child's chain together (LIF-06).
    pub execution_timeout: Option<Duration>,
    /// One run of the child (LIF-07).
    pub run_timeout: Option<Duration>,
    /// Recorded with the child (LIF-08).
    pub task_timeout: Option<Duration>,
    /// What happens to the child when this run closes; terminated by default.
    pub parent_close_policy: ParentClosePolicy,
    /// Where the ID was used before (LIF-02).
    pub workflow_id_reuse_policy: WorkflowIdReusePolicy,
    /// What a cancel does.
    pub cancellation_type: ChildCancellationType,
    /// The child's own retries.
    pub retry_policy: Option<RetryPolicy>,
    /// The child's own schedule; empty: none.
    pub cron_schedule: String,
    /// What is shown beside the child in lists.
    pub memo: Vec<(String, Payload)>,
    /// What the child is found by in lists.
    pub search_attributes: Vec<(String, Payload)>,
    /// Out-of-band values that travel beside the arguments (WF-24).
    pub headers: Vec<(String, Payload)>,
    /// Which version of the code the child starts on: this run's by default.
    pub versioning_intent: VersioningIntent,
    /// This version label of the run's component.
    pub version: Option<String>,
    /// Its place in a backlog; absent is that of the run.
    pub priority: Option<Priority>,
    /// What a person reads about it.
    pub summary: Option<String>,
    /// The scope it hangs on; absent is the context's.
    pub cancellation_token: Option<WorkflowCancellationToken>,
}

impl Default for ChildWorkflowOptions {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! setters {
    ($($field:ident: $type:ty => $wrap:expr),+ $(,)?) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](ChildWorkflowOptions#structfield.", stringify!($field), ").")]
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            self.$field = $wrap(value.into());
            self
        }
    )+};
}

impl ChildWorkflowOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            workflow_id: None,
            task_queue: None,
            execution_timeout: None,
            run_timeout: None,
            task_timeout: None,
            parent_close_policy: ParentClosePolicy::Unspecified,
            workflow_id_reuse_policy: WorkflowIdReusePolicy::Unspecified,
            cancellation_type: ChildCancellationType::default(),
            retry_policy: None,
            cron_schedule: String::new(),
            memo: Vec::new(),
            search_attributes: Vec::new(),
            headers: Vec::new(),
            versioning_intent: VersioningIntent::Unspecified,
            version: None,
            priority: None,
            summary: None,
            cancellation_token: None,
        }
    }

    setters! {
        workflow_id: String => Some,
        task_queue: String => Some,
        execution_timeout: Duration => Some,
        run_timeout: Duration => Some,
        task_timeout: Duration => Some,
        parent_close_policy: ParentClosePolicy => std::convert::identity,
        workflow_id_reuse_policy: WorkflowIdReusePolicy => std::convert::identity,
        cancellation_type: ChildCancellationType => std::convert::identity,
        retry_policy: RetryPolicy => Some,
        cron_schedule: String => std::convert::identity,
        memo: Vec<(String, Payload)> => std::convert::identity,
        search_attributes: Vec<(String, Payload)> => std::convert::identity,
        headers: Vec<(String, Payload)> => std::convert::identity,
        versioning_intent: VersioningIntent => std::convert::identity,
        version: String => Some,
        priority: Priority => Some,
        summary: String => Some,
        cancellation_token: WorkflowCancellationToken => Some,
    }

    fn into_wire(self, workflow_type: String, input: Vec<Payload>) -> wire::ChildOptions {
        let fields = |fields: Vec<(String, Payload)>| {
            let fields = fields.into_iter();
            fields
                .map(|(name, payload)| (name, payload.into()))
                .collect()
        };
        wire::ChildOptions {
            namespace: None,
            workflow_id: self.workflow_id,
            workflow_type,
            task_queue: self.task_queue,
            input: payload::to_wire(input),
            headers: Vec::new(),
            workflow_execution_timeout: self.execution_timeout.map(duration::to_ns),
            workflow_run_timeout: self.run_timeout.map(duration::to_ns),
            workflow_task_timeout: self.task_timeout.map(duration::to_ns),
            parent_close_policy: self.parent_close_policy,
            workflow_id_reuse_policy: self.workflow_id_reuse_policy,
            cancellation_type: self.cancellation_type.into(),
            retry_policy: self.retry_policy.map(Into::into),
            cron_schedule: self.cron_schedule,
            memo: fields(self.memo),
            search_attributes: fields(self.search_attributes),
            versioning_intent: self.versioning_intent.into(),
            version: self.version,
            priority: self.priority.map(Into::into),
            metadata: metadata(self.summary.as_deref()),
        }
    }
}

/// One set of options serves many children, as long as it names no ID.
impl From<&ChildWorkflowOptions> for ChildWorkflowOptions {
    fn from(options: &ChildWorkflowOptions) -> Self {
        options.clone()
    }
}

operation_error! {
    /// How a child ended if not with a result, or why it did not start.
    enum ChildWorkflowExecutionError;
    /// It failed, timed out, was terminated, or could not start. The tree starts
    /// with what the server knows about the child; its cause says why.
    Failed;
    /// It was cancelled, or its scope was before it could start.
    Cancelled;
    /// The arguments or the result did not convert.
    Serialization;
    /// Why, under the server's account of the child.
    fn cause;
}

impl ChildWorkflowExecutionError {
    /// Whether it did not start because its workflow ID is taken.
    pub fn is_already_started(&self) -> bool {
        let taken = |failure: &Failure| {
            matches!(
                &failure.kind,
                FailureKind::Application { error_type, .. }
                    if error_type == "WorkflowExecutionAlreadyStarted"
            )
        };
        self.cause().is_some_and(taken)
    }

    /// Whether it was terminated.
    pub fn is_terminated(&self) -> bool {
        let terminated = |failure: &Failure| matches!(failure.kind, FailureKind::Terminated { .. });
        self.cause().is_some_and(terminated)
    }
}

enum Progress {
    /// It was never asked for: the arguments did not convert or the scope was
    /// cancelled.
    Refused(ChildWorkflowExecutionError),
    Asked(Operation),
}

/// A child workflow. Dropped, the child runs on and its answer is thrown away.
pub struct ChildWorkflowHandle<O> {
    runtime: Rc<Runtime>,
    scope: WorkflowCancellationToken,
    progress: Rc<Progress>,
    workflow_id: String,
    output: PhantomData<fn() -> O>,
}

impl<O: FromPayloads> ChildWorkflowHandle<O> {
    #[track_caller]
    pub(crate) fn start<I: IntoPayloads>(
        runtime: &Rc<Runtime>,
        scope: &WorkflowCancellationToken,
        name: &str,
        input: &I,
        options: ChildWorkflowOptions,
    ) -> Self {
        let given = options.workflow_id.clone();
        let progress = match input.to_payloads() {
            Ok(input) => Self::ask(runtime, scope, name, input, options),
            Err(error) => Progress::Refused(error.into()),
        };
        let assigned = match &progress {
            // The rule of the contract for a child without an ID.
            Progress::Asked(operation) => {
                format!("{}_{}", runtime.info().original_run_id, operation.handle())
            }
            Progress::Refused(_) => String::new(),
        };
        Self {
            runtime: runtime.clone(),
            scope: scope.clone(),
            progress: Rc::new(progress),
            workflow_id: given.unwrap_or(assigned),
            output: PhantomData,
        }
    }

    #[track_caller]
    fn ask(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        name: &str,
        input: Vec<Payload>,
        options: ChildWorkflowOptions,
    ) -> Progress {
        let token = options.cancellation_token.as_ref().unwrap_or(scope).clone();
        if token.is_cancelled() {
            let message =
                format!("child workflow {name:?} was not started: its scope is cancelled");
            let failure = Failure::cancelled(message, Vec::new());
            return Progress::Refused(ChildWorkflowExecutionError::Cancelled(failure));
        }
        let headers = runtime.headers(options.headers.clone());
        let asked = wire::ChildOptions {
            headers,
            ..options.into_wire(name.to_owned(), input)
        };
        let handle = host::start_child_workflow(asked);
        let what = format!("child workflow {name:?}");
        Progress::Asked(runtime.operations.add(handle, &token, what))
    }

    /// The child's workflow ID.
    pub fn workflow_id(&self) -> &str {
        &self.workflow_id
    }

    /// Resolves when the child has started, with its run ID; or with the reason why
    /// it has not.
    pub fn started(
        &self,
    ) -> impl FusedFuture<Output = Result<String, ChildWorkflowExecutionError>> + Unpin + use<O>
    {
        let progress = self.progress.clone();
        poll_fn(move |context| match &*progress {
            Progress::Refused(error) => Poll::Ready(Err(error.clone())),
            Progress::Asked(operation) => operation.poll_started(context).map(|started| {
                started.map_err(|outcome| match answer::read::<(), _>(outcome) {
                    Err(error) => error,
                    // A child that succeeded has started.
                    Ok(()) => unreachable!("a child ends before it starts only by failing"),
                })
            }),
        })
        .fuse()
    }

    /// Resolves when the child has closed for good: not before the last run of its
    /// chain. May be asked more than once.
    pub fn result(
        &self,
    ) -> impl FusedFuture<Output = Result<O, ChildWorkflowExecutionError>> + Unpin + use<O> {
        let progress = self.progress.clone();
        poll_fn(move |context| match &*progress {
            Progress::Refused(error) => Poll::Ready(Err(error.clone())),
            Progress::Asked(operation) => operation.poll_shared(context).map(answer::read),
        })
        .fuse()
    }

    /// Sends a signal to the child, by the call itself; it is held until the child
    /// has started. The future resolves when it was delivered.
    #[track_caller]
    pub fn signal(&self, name: &str, input: impl IntoPayloads) -> MessageFuture {
        match &*self.progress {
            Progress::Refused(_) => {
                let message = format!("signal {name:?} was not sent: the child was not started");
                MessageFuture::not_sent(message)
            }
            Progress::Asked(operation) => {
                let target = SignalTarget::Child(operation.handle());
                MessageFuture::signal(&self.runtime, &self.scope, target, name, &input)
            }
        }
    }

    /// Asks the child to cancel itself. What this run then sees follows from
    /// [`ChildCancellationType`].
    pub fn cancel(&self, reason: &str) {
        if let Progress::Asked(operation) = &*self.progress {
            operation.cancel(reason);
        }
    }
}
