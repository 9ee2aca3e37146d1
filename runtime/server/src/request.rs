//! Requests and answers of the server, parsed and checked once at the edge.
//! Payloads and failures stay in their wire form: they are carried, not read.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::{
    Digest, Namespace, RunId, TaskQueue, WorkflowId, WorkflowKey, WorkflowType,
};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::EventBatch;
use mainspring_sandbox::ComponentDescription;
use temporalio_protos::temporal::api::common::v1::{
    Header, Memo, Payloads, Priority, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::{
    QueryRejectCondition, WorkflowExecutionStatus, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

/// Which run a request means.
#[derive(Clone, Debug)]
pub struct Target {
    /// The workflow ID in its namespace.
    pub key: WorkflowKey,
    /// `None`: the latest run (LIF-05).
    pub run_id: Option<RunId>,
    /// If set, the run must belong to the chain that this run began.
    pub first_run_id: Option<RunId>,
}

/// A start.
#[derive(Clone, Debug)]
pub struct StartWorkflow {
    /// The workflow ID in its namespace.
    pub key: WorkflowKey,
    /// What to run.
    pub workflow_type: WorkflowType,
    /// The default queue of its activities.
    pub task_queue: TaskQueue,
    /// Arguments.
    pub input: Option<Payloads>,
    /// Headers.
    pub header: Option<Header>,
    /// Memo.
    pub memo: Option<Memo>,
    /// Custom search attributes.
    pub search_attributes: Option<SearchAttributes>,
    /// Who starts it.
    pub identity: String,
    /// For deduplication (LIF-04).
    pub request_id: String,
    /// LIF-06.
    pub workflow_execution_timeout: Option<Duration>,
    /// LIF-07.
    pub workflow_run_timeout: Option<Duration>,
    /// LIF-08.
    pub workflow_task_timeout: Option<Duration>,
    /// LIF-02.
    pub reuse_policy: WorkflowIdReusePolicy,
    /// LIF-03.
    pub conflict_policy: WorkflowIdConflictPolicy,
    /// LIF-09.
    pub retry_policy: Option<RetryPolicy>,
    /// TIM-03; empty: none.
    pub cron_schedule: String,
    /// TIM-02.
    pub start_delay: Option<Duration>,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
    /// Dispatch priority, inherited by activities.
    pub priority: Option<Priority>,
}

/// The answer to a start.
#[derive(Clone, Debug)]
pub struct StartedWorkflow {
    /// The run.
    pub run_id: RunId,
    /// The first run of its chain.
    pub first_run_id: RunId,
    /// False where a policy answered with a run that was there already.
    pub started: bool,
    /// Its status now.
    pub status: WorkflowExecutionStatus,
}

/// A signal.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
    /// Who sends it.
    pub identity: String,
    /// For deduplication (MSG-02); empty: none.
    pub request_id: String,
}

/// A request to cancel or to terminate.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Why.
    pub reason: String,
    /// Details of a termination.
    pub details: Option<Payloads>,
    /// Who asks.
    pub identity: String,
}

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    /// The query type.
    pub name: String,
    /// Its arguments.
    pub arguments: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
    /// MSG-09.
    pub reject_condition: QueryRejectCondition,
}

/// The answer to a query.
#[derive(Clone, Debug)]
pub enum QueryReply {
    /// What the handler returned.
    Answer(Option<Payloads>),
    /// The reject condition held; carries the run's status.
    Rejected(WorkflowExecutionStatus),
}

/// How far a history has come.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryState {
    /// The run.
    pub run_id: RunId,
    /// The last event.
    pub last_event_id: i64,
    /// Whether the last event closed the run.
    pub closed: bool,
    /// The last events, where they have been written just now: whoever waits for them
    /// need not read them.
    pub(crate) latest: Option<Arc<EventBatch>>,
}

/// A poll for an activity task.
#[derive(Clone, Debug)]
pub struct PollActivity {
    /// The namespace.
    pub namespace: Namespace,
    /// The queue.
    pub task_queue: TaskQueue,
    /// Who polls.
    pub identity: String,
    /// Names the worker process, for ShutdownWorker; may be empty.
    pub worker_instance_key: String,
}

/// Which activity a worker or client speaks of.
#[derive(Clone, Debug)]
pub enum ActivityTarget {
    /// The token that came with the task.
    Token(Vec<u8>),
    /// By name; also for asynchronous completion (ACT-15).
    Id {
        /// The workflow ID.
        workflow_id: WorkflowId,
        /// `None`: the latest run.
        run_id: Option<RunId>,
        /// The activity ID.
        activity_id: String,
    },
}

/// A poller as DescribeTaskQueue shows it.
#[derive(Clone, Debug)]
pub struct PollerInfo {
    /// Who.
    pub identity: String,
    /// When it last polled.
    pub last_access: Timestamp,
}

/// What DescribeTaskQueue shows (WRK-13, in part).
#[derive(Clone, Debug)]
pub struct TaskQueueDescription {
    /// Who polled in the last five minutes.
    pub pollers: Vec<PollerInfo>,
    /// Tasks that wait, counted up to 100,000.
    pub backlog_count: usize,
    /// How long the oldest has waited.
    pub backlog_age: Duration,
}

/// An upload or a check.
#[derive(Clone, Debug)]
pub struct UploadComponent {
    /// The namespace.
    pub namespace: Namespace,
    /// Empty: the name of the first workflow type.
    pub name: String,
    /// Empty: the first digits of the digest.
    pub version: String,
    /// Who uploads.
    pub identity: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// One version of a component.
#[derive(Clone, Debug)]
pub struct ComponentVersion {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: String,
    /// Its label.
    pub version: String,
    /// Its identity.
    pub digest: Digest,
    /// The length of its bytes.
    pub size_bytes: u64,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// By whom.
    pub uploaded_by: String,
    /// New runs start on it.
    pub current: bool,
    /// What it exports.
    pub description: ComponentDescription,
}

/// The answer to an upload.
#[derive(Clone, Debug)]
pub struct UploadedComponent {
    /// The version.
    pub version: ComponentVersion,
    /// False where it was there already.
    pub created: bool,
    /// How long compilation took; zero if the code was cached.
    pub compile_time: Duration,
}
