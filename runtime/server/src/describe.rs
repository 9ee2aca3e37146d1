//! What a description shows of a run.

use std::time::Duration;

use mainspring_engine::activity::ActivityView;
use mainspring_engine::ids::{Digest, RunId, TaskQueue, WorkflowId, WorkflowKey, WorkflowType};
use mainspring_engine::run::{Blocked, ChildView, ParentRun, Run};
use mainspring_engine::session::RunFacts;
use mainspring_engine::time::Timestamp;
use mainspring_store::search_attributes::Properties;
use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::{Memo, Priority, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

/// A workflow task that has begun, or is due to.
#[derive(Clone, Debug)]
pub struct PendingTask {
    /// Its code runs at this moment.
    pub started: bool,
    /// When the first attempt was due.
    pub scheduled_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// The attempt that runs or comes next, from 1.
    pub attempt: u32,
}

/// A run as DescribeWorkflowExecution shows it (LIF-17).
#[derive(Clone, Debug)]
pub struct WorkflowDescription {
    /// Whose run it is.
    pub key: WorkflowKey,
    /// The run.
    pub run_id: RunId,
    /// The first run of its chain.
    pub first_run_id: RunId,
    /// What runs.
    pub workflow_type: WorkflowType,
    /// The default queue of its activities.
    pub task_queue: TaskQueue,
    /// Open or how it closed.
    pub status: WorkflowExecutionStatus,
    /// When it started.
    pub start_time: Timestamp,
    /// When its first task could run (TIM-02).
    pub execution_time: Timestamp,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// Events in the history.
    pub history_length: i64,
    /// Bytes in the history.
    pub history_size_bytes: i64,
    /// Commits so far.
    pub state_transitions: i64,
    /// LIF-06.
    pub execution_timeout: Option<Duration>,
    /// LIF-07.
    pub run_timeout: Option<Duration>,
    /// LIF-08.
    pub task_timeout: Duration,
    /// When the run timeout strikes.
    pub run_deadline: Option<Timestamp>,
    /// When the execution timeout strikes.
    pub execution_deadline: Option<Timestamp>,
    /// Memo.
    pub memo: Option<Memo>,
    /// Custom search attributes.
    pub search_attributes: Option<SearchAttributes>,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
    /// Dispatch priority.
    pub priority: Option<Priority>,
    /// The component's name.
    pub component_name: String,
    /// Its version label.
    pub component_version: String,
    /// Its digest.
    pub digest: Digest,
    /// Whether somebody asked it to cancel itself.
    pub cancel_requested: bool,
    /// Oldest first.
    pub pending_activities: Vec<ActivityView>,
    /// Children that have not closed, oldest first.
    pub pending_children: Vec<ChildView>,
    /// The run that started it, if one did.
    pub parent: Option<ParentRun>,
    /// The top of the tree of runs that it is in.
    pub root: (WorkflowId, RunId),
    /// The workflow task under way, if one is.
    pub pending_task: Option<PendingTask>,
    /// Why it makes no progress, if it does not.
    pub blocked: Option<Blocked>,
    /// The same, as lists show it (VIS-07).
    pub problems: Vec<String>,
}

impl WorkflowDescription {
    /// Puts a run's state and the facts of its first event together.
    pub(crate) fn new(run: &Run, facts: &RunFacts) -> Self {
        let (execution_timeout, run_timeout, task_timeout) = run.timeouts();
        let (run_deadline, execution_deadline) = run.deadlines();
        let (component_name, component_version) = run.component();
        Self {
            key: run.key().clone(),
            run_id: run.run_id(),
            first_run_id: run.first_run_id(),
            workflow_type: run.workflow_type(),
            task_queue: run.task_queue(),
            status: run.status(),
            start_time: run.start_time(),
            execution_time: run.execution_time(),
            close_time: run.close_time(),
            history_length: run.last_event_id(),
            history_size_bytes: run.history_size_bytes(),
            state_transitions: run.state_transitions(),
            execution_timeout,
            run_timeout,
            task_timeout,
            run_deadline,
            execution_deadline,
            memo: facts.started.memo.clone(),
            search_attributes: facts.started.search_attributes.clone(),
            user_metadata: facts.user_metadata.clone(),
            priority: run.priority().cloned(),
            component_name: component_name.to_owned(),
            component_version: component_version.to_owned(),
            digest: run.digest(),
            cancel_requested: run.cancel_requested(),
            pending_activities: run.pending_activities(),
            pending_children: run.pending_children(),
            parent: run.parent(),
            root: run.root(),
            pending_task: pending_task(run),
            blocked: run.blocked(),
            problems: run.problems(),
        }
    }
}

impl WorkflowDescription {
    /// Memo and search attributes as they are now, where code has changed them.
    pub(crate) fn set_properties(&mut self, properties: &Properties) {
        let attributes = SearchAttributes::decode(properties.search_attributes.as_slice());
        self.memo = Memo::decode(properties.memo.as_slice()).ok();
        self.search_attributes = attributes.ok();
    }
}

fn pending_task(run: &Run) -> Option<PendingTask> {
    if let Some(task) = run.open_task() {
        return Some(PendingTask {
            started: true,
            scheduled_at: task.started_at,
            started_at: Some(task.started_at),
            attempt: task.attempt,
        });
    }
    let blocked = run.blocked()?;
    Some(PendingTask {
        started: false,
        scheduled_at: blocked.since,
        started_at: None,
        attempt: blocked.attempt,
    })
}
