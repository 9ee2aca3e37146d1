//! How a run begins.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{
    self as common, Header, Memo, Payloads, Priority, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use super::Run;
use super::deadlines::Deadlines;
use super::record::Record;
use super::staged::Staged;
use super::updates::Updates;
use crate::activity::wire_queue;
use crate::history;
use crate::ids::{Digest, RunId, TaskQueue, WorkflowKey, WorkflowType};
use crate::limits::Limits;
use crate::time::{Timestamp, wire_duration};
use crate::transition::VisibilityRow;

/// LIF-08.
const TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// LIF-08.
const LONGEST_TASK_TIMEOUT: Duration = Duration::from_secs(120);

/// A run to be started; the request is checked, the IDs are decided.
#[derive(Clone, Debug)]
pub struct StartRun {
    /// Whose run it is.
    pub key: WorkflowKey,
    /// The new run.
    pub run_id: RunId,
    /// What runs.
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
    /// LIF-04.
    pub request_id: String,
    /// LIF-06; `None` is infinite.
    pub execution_timeout: Option<Duration>,
    /// LIF-07; `None` is the execution timeout.
    pub run_timeout: Option<Duration>,
    /// LIF-08; `None` is 10 s.
    pub task_timeout: Option<Duration>,
    /// Recorded.
    pub retry_policy: Option<RetryPolicy>,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
    /// Dispatch priority.
    pub priority: Option<Priority>,
    /// The component.
    pub digest: Digest,
    /// Its name.
    pub component_name: String,
    /// Its version label.
    pub component_version: String,
}

impl Run {
    /// Starts a run: stages WorkflowExecutionStarted, and a task is owed.
    pub fn start(request: StartRun, now: Timestamp, limits: &Limits) -> Self {
        let run_timeout = match (request.run_timeout, request.execution_timeout) {
            (Some(run), Some(execution)) => Some(run.min(execution)),
            (run, execution) => run.or(execution),
        };
        let task_timeout = request
            .task_timeout
            .unwrap_or(TASK_TIMEOUT)
            .min(LONGEST_TASK_TIMEOUT);
        let ns = |length: Option<Duration>| {
            length.map_or(0, |length| {
                u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
            })
        };
        let deadline =
            |length: Option<Duration>| length.map_or(0, |length| (now + length).as_nanos());
        let record = Record {
            workflow_type: request.workflow_type.to_string(),
            task_queue: request.task_queue.to_string(),
            first_run_id: request.run_id.as_bytes().to_vec(),
            start_request_id: request.request_id.clone(),
            started_at_ns: now.as_nanos(),
            run_deadline_ns: deadline(run_timeout),
            execution_deadline_ns: deadline(request.execution_timeout),
            run_timeout_ns: ns(run_timeout),
            execution_timeout_ns: ns(request.execution_timeout),
            task_timeout_ns: ns(Some(task_timeout)),
            next_event_id: 1,
            component_name: request.component_name.clone(),
            component_version: request.component_version.clone(),
            priority: request.priority.clone(),
            ..Record::default()
        };
        let mut run = Self {
            key: request.key.clone(),
            run_id: request.run_id,
            digest: request.digest,
            version: 0,
            status: WorkflowExecutionStatus::Running,
            record,
            activities: BTreeMap::new(),
            timers: BTreeMap::new(),
            deadlines: Deadlines::default(),
            unread: Some(Vec::new()),
            batch_len: 0,
            updates: Updates::default(),
            staged: Staged {
                visibility: true,
                ..Staged::default()
            },
            limits: limits.into(),
        };
        run.record.last_event_at_ns = now.as_nanos();
        run.staged.memo = request.memo.as_ref().map(Message::encode_to_vec);
        run.staged.search_attributes = request
            .search_attributes
            .as_ref()
            .map(Message::encode_to_vec);
        let user_metadata = request.user_metadata.clone();
        let attributes = started_event(request, run_timeout, task_timeout, now);
        let mut event = history::event(1, now, attributes);
        event.user_metadata = user_metadata;
        run.record_whole_event(event);
        run
    }

    pub(super) fn visibility_row(&self) -> VisibilityRow {
        let closed = !self.is_open();
        VisibilityRow {
            run_id: self.run_id,
            key: self.key.clone(),
            workflow_type: self.workflow_type(),
            task_queue: self.task_queue(),
            status: self.status,
            start_time: self.start_time().whole_micros(),
            execution_time: self.start_time().whole_micros(),
            close_time: self.close_time().map(Timestamp::whole_micros),
            history_length: if closed { self.last_event_id() } else { 0 },
            history_size_bytes: if closed { self.history_size_bytes() } else { 0 },
            first_run_id: self.first_run_id(),
            memo: None,
            search_attributes: None,
        }
    }
}

fn started_event(
    request: StartRun,
    run_timeout: Option<Duration>,
    task_timeout: Duration,
    now: Timestamp,
) -> Attributes {
    let run_id = request.run_id.to_string();
    Attributes::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(common::WorkflowType {
            name: request.workflow_type.to_string(),
        }),
        task_queue: Some(wire_queue(&request.task_queue)),
        input: request.input,
        workflow_execution_timeout: request.execution_timeout.map(wire_duration),
        workflow_run_timeout: run_timeout.map(wire_duration),
        workflow_task_timeout: Some(wire_duration(task_timeout)),
        original_execution_run_id: run_id.clone(),
        first_execution_run_id: run_id,
        identity: request.identity,
        retry_policy: request.retry_policy,
        attempt: 1,
        workflow_execution_expiration_time: request
            .execution_timeout
            .map(|timeout| (now + timeout).to_wire()),
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_id: request.key.workflow_id.to_string(),
        priority: request.priority,
        ..WorkflowExecutionStartedEventAttributes::default()
    })
}
