//! What passes between a workflow's code and the engine, free of wasm: the
//! commands that code issues and the events that it hears. The sandbox turns
//! them into calls of the contract, the engine turns them into history.

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{
    Header, Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::{
    ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTaskFailedCause,
};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;
use temporalio_protos::temporal::api::update::v1::Request;

use crate::ids::{Digest, TaskQueue, WorkflowType};

/// Names one operation of one run, from 1 on, in the order of the calls.
pub type Handle = u64;

/// How an answered operation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The result; `None` for a timer.
    Success(Option<Payloads>),
    /// Failed for good; the failure is the one that the language throws.
    Failed(Failure),
    /// Cancelled.
    Cancelled(Failure),
    /// Timed out for good.
    TimedOut(Failure),
}

/// What a workflow hears from `next` or `take`.
#[derive(Clone, Debug, PartialEq)]
pub enum GuestEvent {
    /// An operation has its answer.
    Resolved {
        /// The operation.
        handle: Handle,
        /// How it ended.
        outcome: Outcome,
    },
    /// A child has started; its answer comes later.
    Started {
        /// The operation.
        handle: Handle,
        /// The child's run.
        run_id: String,
    },
    /// A signal, in the order of recording (MSG-01).
    Signal {
        /// The signal's name.
        name: String,
        /// Its arguments.
        input: Option<Payloads>,
        /// Its headers.
        header: Option<Header>,
        /// Who sent it.
        identity: String,
        /// Its event in the history.
        event_id: i64,
    },
    /// A query; the only event of its read phase.
    Query {
        /// Names the query within the read phase.
        id: String,
        /// The query type.
        name: String,
        /// Its arguments.
        arguments: Option<Payloads>,
        /// Its headers.
        header: Option<Header>,
    },
    /// An update: a read phase until the code accepts or rejects it (MSG-11).
    Update {
        /// Its ID.
        id: String,
        /// The handler's name.
        name: String,
        /// Its arguments.
        input: Option<Payloads>,
        /// Its headers.
        header: Option<Header>,
        /// Who sent it.
        identity: String,
        /// False where it was accepted before (MSG-14).
        run_validator: bool,
    },
    /// Somebody asked the run to cancel itself (LIF-11).
    CancelRequested {
        /// Why.
        reason: String,
    },
}

/// What a workflow sees when it cancels an activity (ACT-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityCancellation {
    /// Resolve at once, ask the worker to stop.
    TryCancel,
    /// Ask the worker to stop, resolve when it reports.
    WaitCompleted,
    /// Resolve at once, tell nobody.
    Abandon,
}

/// The attributes of `start-activity`, as the guest gave them: nothing is
/// defaulted yet but handle and ID, which the session fills in.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleActivity {
    /// The operation; the session fills it in.
    pub handle: Handle,
    /// The activity type.
    pub activity_type: String,
    /// Unique among the open activities of the run; the session makes it from the
    /// handle where it is empty.
    pub activity_id: String,
    /// `None`: the run's task queue.
    pub task_queue: Option<TaskQueue>,
    /// Arguments.
    pub input: Option<Payloads>,
    /// Headers.
    pub header: Option<Header>,
    /// All attempts together (ACT-03).
    pub schedule_to_close_timeout: Option<Duration>,
    /// One task's wait in the queue (ACT-05).
    pub schedule_to_start_timeout: Option<Duration>,
    /// One attempt (ACT-04).
    pub start_to_close_timeout: Option<Duration>,
    /// Between two heartbeats (ACT-06).
    pub heartbeat_timeout: Option<Duration>,
    /// `None`: the defaults of ACT-08.
    pub retry_policy: Option<RetryPolicy>,
    /// What cancelling it means.
    pub cancellation: ActivityCancellation,
    /// Dispatch priority.
    pub priority: Option<Priority>,
    /// Summary and details for people.
    pub metadata: Option<UserMetadata>,
}

/// The attributes of `start-timer`.
#[derive(Clone, Debug, PartialEq)]
pub struct StartTimer {
    /// The operation.
    pub handle: Handle,
    /// Unique among the open timers of the run; made from the handle.
    pub timer_id: String,
    /// How long.
    pub duration: Duration,
    /// Summary and details for people.
    pub metadata: Option<UserMetadata>,
}

/// Which version a successor or a child starts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersioningIntent {
    /// As the workflow type's versioning policy has it.
    #[default]
    Unspecified,
    /// The component of this run.
    Inherit,
    /// What is current when the new run starts.
    Current,
}

/// A component, as a run names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentRef {
    /// Its bytes.
    pub digest: Digest,
    /// Its name.
    pub name: String,
    /// Its version label.
    pub version: String,
}

/// How a run continues (WF-13). The session has filled in what the code left out
/// and a run's first event knows.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinueAsNew {
    /// What the successor runs.
    pub workflow_type: WorkflowType,
    /// The default queue of its activities.
    pub task_queue: TaskQueue,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
    /// LIF-07.
    pub run_timeout: Option<Duration>,
    /// LIF-08.
    pub task_timeout: Option<Duration>,
    /// LIF-09.
    pub retry_policy: Option<RetryPolicy>,
    /// `None`: the memo of this run.
    pub memo: Option<Memo>,
    /// `None`: the search attributes of this run.
    pub search_attributes: Option<SearchAttributes>,
    /// Which version it starts on.
    pub versioning: VersioningIntent,
    /// How long its first task is held back.
    pub backoff: Option<Duration>,
    /// The code that it gets; the driver decides. `None`: that of this run.
    pub component: Option<ComponentRef>,
}

/// What a workflow sees when it cancels a child (WF-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildCancellation {
    /// Resolve at once, tell nobody.
    Abandon,
    /// Resolve at once, ask the child to cancel itself.
    TryCancel,
    /// Ask the child, resolve when it has closed.
    WaitCompleted,
    /// Ask the child, resolve when the request has reached it.
    WaitRequested,
}

/// The attributes of `start-child-workflow`, as the guest gave them, but for handle
/// and ID, which the session fills in.
#[derive(Clone, Debug, PartialEq)]
pub struct StartChild {
    /// The operation; the session fills it in.
    pub handle: Handle,
    /// The namespace; empty: the run's own.
    pub namespace: String,
    /// The child's workflow ID; the session makes it from the run and the handle where
    /// it is empty.
    pub workflow_id: String,
    /// Its type.
    pub workflow_type: String,
    /// `None`: the run's task queue.
    pub task_queue: Option<TaskQueue>,
    /// Arguments.
    pub input: Option<Payloads>,
    /// Headers.
    pub header: Option<Header>,
    /// All runs of its chain together (LIF-06).
    pub execution_timeout: Option<Duration>,
    /// One run (LIF-07).
    pub run_timeout: Option<Duration>,
    /// LIF-08.
    pub task_timeout: Option<Duration>,
    /// WF-12.
    pub parent_close_policy: ParentClosePolicy,
    /// LIF-02.
    pub reuse_policy: WorkflowIdReusePolicy,
    /// WF-11.
    pub cancellation: ChildCancellation,
    /// The child's own retries.
    pub retry_policy: Option<RetryPolicy>,
    /// The child's own schedule; empty: none.
    pub cron_schedule: String,
    /// Memo.
    pub memo: Option<Memo>,
    /// Custom search attributes.
    pub search_attributes: Option<SearchAttributes>,
    /// It starts on the version that is current, not on the run's own.
    pub current_version: bool,
    /// It starts on this version of the run's component; empty: not.
    pub version: String,
    /// Dispatch priority; `None`: the run's.
    pub priority: Option<Priority>,
    /// Summary and details for people.
    pub metadata: Option<UserMetadata>,
}

/// Which run a signal or a cancel request is for.
#[derive(Clone, Debug, PartialEq)]
pub enum ExternalTarget {
    /// Any.
    Execution {
        /// The namespace; empty: the run's own.
        namespace: String,
        /// The workflow ID.
        workflow_id: String,
        /// Empty: the latest run.
        run_id: String,
    },
    /// A child of the run.
    Child {
        /// The child's workflow ID.
        workflow_id: String,
        /// Its StartChildWorkflowExecutionInitiated event; `None` if this very task
        /// asked for it.
        initiated_event_id: Option<i64>,
    },
}

/// The attributes of `signal-workflow`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalExternal {
    /// The operation.
    pub handle: Handle,
    /// Who gets it.
    pub target: ExternalTarget,
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
}

/// What a workflow task asked for, in the order of the calls. Each one becomes
/// one event (a cancel of something not yet started may add a second).
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Schedule an activity.
    ScheduleActivity(ScheduleActivity),
    /// Ask an activity to stop; `handle` and ID of the one that is meant.
    RequestCancelActivity {
        /// The activity's handle.
        handle: Handle,
        /// Its ID.
        activity_id: String,
        /// Its ActivityTaskScheduled event; `None` if this very task scheduled it.
        scheduled_event_id: Option<i64>,
    },
    /// Start a timer.
    StartTimer(StartTimer),
    /// Cancel a timer that has not fired.
    CancelTimer {
        /// The timer's handle.
        handle: Handle,
        /// Its ID.
        timer_id: String,
        /// Its TimerStarted event; `None` if this very task started it.
        started_event_id: Option<i64>,
    },
    /// Accept the update in hand.
    AcceptUpdate {
        /// Its ID.
        update_id: String,
        /// The handler's name.
        name: String,
    },
    /// Complete an update that was accepted.
    CompleteUpdate {
        /// Its ID.
        update_id: String,
        /// Its result, or the failure that its caller hears.
        outcome: UpdateOutcome,
    },
    /// Start a child workflow.
    StartChild(Box<StartChild>),
    /// Signal another run.
    SignalExternal(SignalExternal),
    /// Ask another run to cancel itself.
    CancelExternal {
        /// The operation; of a child: the child's.
        handle: Handle,
        /// Who is asked.
        target: ExternalTarget,
        /// Why.
        reason: String,
    },
    /// Set or remove search attributes (WF-27).
    UpsertSearchAttributes {
        /// What changes; a null payload removes.
        changed: SearchAttributes,
        /// All that the run has then.
        whole: SearchAttributes,
    },
    /// Set or remove fields of the memo (WF-27).
    UpsertMemo {
        /// What changes; a null payload removes.
        changed: Memo,
        /// All that the run has then.
        whole: Memo,
    },
    /// Close the run as completed.
    CompleteWorkflow {
        /// What `run` returned.
        result: Option<Payloads>,
    },
    /// Close the run as failed.
    FailWorkflow {
        /// What `run` returned.
        failure: Failure,
    },
    /// Close the run as cancelled.
    CancelWorkflow {
        /// What `run` returned.
        details: Option<Payloads>,
    },
    /// Close the run and start its successor, in one commit (WF-13).
    ContinueAsNew(Box<ContinueAsNew>),
}

/// Why a workflow task failed: the run is blocked, shown as such and retried; it
/// never fails for it (WF-03).
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFailure {
    /// The cause, as the history names it.
    pub cause: WorkflowTaskFailedCause,
    /// What happened, in words for the author of the workflow.
    pub message: String,
    /// A backtrace of the guest or a diff, where there is one.
    pub details: String,
}

/// An update that a workflow task hands to the code.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateDelivery {
    /// What its caller sent.
    pub request: Request,
    /// Whether the code may still refuse it: false in replay (MSG-14).
    pub run_validator: bool,
}

/// The outcome of an update.
pub type UpdateOutcome = Result<Option<Payloads>, Failure>;

/// The answer of a query handler.
pub type QueryAnswer = Result<Option<Payload>, Failure>;
