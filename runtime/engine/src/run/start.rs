//! How a run begins.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{
    self as common, Header, Memo, Payloads, Priority, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::{
    ContinueAsNewInitiator, WorkflowExecutionStatus,
};
use temporalio_protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use super::children::{ParentRecord, ParentRun};
use super::deadlines::Deadlines;
use super::record::Record;
use super::staged::Staged;
use super::updates::Updates;
use super::{Run, RunLimits};
use crate::activity::wire_queue;
use crate::cron::CronSchedule;
use crate::guest::ComponentRef;
use crate::history;
use crate::ids::{Digest, RunId, TaskQueue, WorkflowId, WorkflowKey, WorkflowType};
use crate::limits::Limits;
use crate::retry::with_defaults;
use crate::search;
use crate::time::{Timestamp, set_duration, wire_duration};
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
    /// LIF-09.
    pub retry_policy: Option<RetryPolicy>,
    /// TIM-03; checked, empty for none.
    pub cron_schedule: String,
    /// TIM-02.
    pub start_delay: Option<Duration>,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
    /// Dispatch priority.
    pub priority: Option<Priority>,
    /// The run that starts it, if one does.
    pub parent: Option<ParentRun>,
    /// The component.
    pub digest: Digest,
    /// Its name.
    pub component_name: String,
    /// Its version label.
    pub component_version: String,
}

/// What a run begins with: its first event, and what no event holds.
pub(super) struct Beginning {
    pub(super) key: WorkflowKey,
    pub(super) run_id: RunId,
    pub(super) component: ComponentRef,
    pub(super) request_id: String,
    pub(super) user_metadata: Option<UserMetadata>,
    pub(super) started: WorkflowExecutionStartedEventAttributes,
    /// A signal ends the wait for the first task (TIM-02).
    pub(super) signal_ends_backoff: bool,
}

impl Run {
    /// Starts a run: stages WorkflowExecutionStarted, and a task is owed.
    pub fn start(request: StartRun, now: Timestamp, limits: &Limits) -> Self {
        let beginning = Beginning {
            key: request.key.clone(),
            run_id: request.run_id,
            component: ComponentRef {
                digest: request.digest,
                name: request.component_name.clone(),
                version: request.component_version.clone(),
            },
            request_id: request.request_id.clone(),
            user_metadata: request.user_metadata.clone(),
            signal_ends_backoff: request.start_delay.is_some(),
            started: started_event(request, now),
        };
        Self::begin(beginning, now, limits.into())
    }

    /// Begins a run, the first of its chain or a later one: all that it is stands
    /// in its first event.
    pub(super) fn begin(beginning: Beginning, now: Timestamp, limits: RunLimits) -> Self {
        let Beginning {
            key,
            run_id,
            component,
            request_id,
            user_metadata,
            started,
            signal_ends_backoff,
        } = beginning;
        let record = Record {
            start_request_id: request_id,
            started_at_ns: now.as_nanos(),
            next_event_id: 1,
            component_name: component.name,
            component_version: component.version,
            last_event_at_ns: now.as_nanos(),
            signal_ends_backoff,
            ..record_of(&started, run_id, now)
        };
        let mut run = Self {
            key,
            run_id,
            digest: component.digest,
            version: 0,
            status: WorkflowExecutionStatus::Running,
            record,
            activities: BTreeMap::new(),
            timers: BTreeMap::new(),
            children: BTreeMap::new(),
            sent: BTreeMap::new(),
            deadlines: Deadlines::default(),
            unread: Some(Vec::new()),
            batch_len: 0,
            updates: Updates::default(),
            staged: Staged {
                visibility: true,
                ..Staged::default()
            },
            follow: None,
            limits,
        };
        run.staged.memo = started.memo.as_ref().map(Message::encode_to_vec);
        run.staged.search_attributes = started
            .search_attributes
            .as_ref()
            .map(Message::encode_to_vec);
        if let Some(attributes) = &started.search_attributes {
            run.staged
                .index(search::indexed(&attributes.indexed_fields));
        }
        let attributes = Attributes::WorkflowExecutionStartedEventAttributes(started);
        let mut event = history::event(1, now, attributes);
        event.user_metadata = user_metadata;
        run.record_whole_event(event);
        run
    }

    /// When its first task could run: the start, or later where it is held back.
    pub fn execution_time(&self) -> Timestamp {
        let backoff = Duration::from_nanos(self.record.first_backoff_ns);
        self.start_time() + backoff
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
            execution_time: self.execution_time().whole_micros(),
            close_time: self.close_time().map(Timestamp::whole_micros),
            history_length: if closed { self.last_event_id() } else { 0 },
            history_size_bytes: if closed { self.history_size_bytes() } else { 0 },
            first_run_id: self.first_run_id(),
            parent: self
                .parent()
                .map(|parent| (parent.workflow_id, parent.run_id)),
            root: self.parent().map(|parent| parent.root),
            memo: None,
            search_attributes: None,
            problems: self.problems(),
            indexed: Vec::new(),
        }
    }
}

/// What a run's row knows of its first event.
fn record_of(
    started: &WorkflowExecutionStartedEventAttributes,
    run_id: RunId,
    now: Timestamp,
) -> Record {
    let ns = |length: Option<Duration>| {
        length.map_or(0, |length| {
            u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
        })
    };
    let set = |wire: &Option<prost_wkt_types::Duration>| set_duration(wire.as_ref());
    let backoff = set(&started.first_workflow_task_backoff).unwrap_or_default();
    let run_timeout = set(&started.workflow_run_timeout);
    let execution_deadline = started
        .workflow_execution_expiration_time
        .as_ref()
        .map(Timestamp::from_wire);
    let run_deadline = run_timeout.map(|timeout| now + backoff + timeout);
    let run_deadline = match (run_deadline, execution_deadline) {
        (Some(run), Some(execution)) => Some(run.min(execution)),
        (run, _) => run,
    };
    let first_run_id = RunId::parse(&started.first_execution_run_id).unwrap_or(run_id);
    Record {
        workflow_type: started.workflow_type.clone().unwrap_or_default().name,
        task_queue: started.task_queue.clone().unwrap_or_default().name,
        first_run_id: first_run_id.as_bytes().to_vec(),
        run_deadline_ns: run_deadline.map_or(0, Timestamp::as_nanos),
        execution_deadline_ns: execution_deadline.map_or(0, Timestamp::as_nanos),
        run_timeout_ns: ns(run_timeout),
        execution_timeout_ns: ns(set(&started.workflow_execution_timeout)),
        task_timeout_ns: ns(set(&started.workflow_task_timeout)),
        priority: started.priority.clone(),
        first_backoff_ns: ns(Some(backoff)),
        attempt: u32::try_from(started.attempt).unwrap_or(1),
        retry_policy: started.retry_policy.clone(),
        cron_schedule: started.cron_schedule.clone(),
        parent: ParentRecord::of_start(started),
        ..Record::default()
    }
}

fn started_event(request: StartRun, now: Timestamp) -> WorkflowExecutionStartedEventAttributes {
    let run_id = request.run_id.to_string();
    let run_timeout = match (request.run_timeout, request.execution_timeout) {
        (Some(run), Some(execution)) => Some(run.min(execution)),
        (run, execution) => run.or(execution),
    };
    let task_timeout = request
        .task_timeout
        .unwrap_or(TASK_TIMEOUT)
        .min(LONGEST_TASK_TIMEOUT);
    let cron = CronSchedule::of_run(&request.cron_schedule);
    let first_tick = cron.and_then(|cron| cron.backoff(now, now));
    let initiator = match first_tick {
        Some(_) => ContinueAsNewInitiator::CronSchedule,
        None => ContinueAsNewInitiator::Unspecified,
    };
    // What is asked to begin later has its whole time then.
    let execution_begins = now + request.start_delay.unwrap_or_default();
    let parent = request.parent.as_ref();
    let execution = |(workflow_id, run_id): (&WorkflowId, RunId)| common::WorkflowExecution {
        workflow_id: workflow_id.to_string(),
        run_id: run_id.to_string(),
    };
    WorkflowExecutionStartedEventAttributes {
        parent_workflow_namespace: parent
            .map(|_| request.key.namespace.to_string())
            .unwrap_or_default(),
        parent_workflow_execution: parent
            .map(|parent| execution((&parent.workflow_id, parent.run_id))),
        parent_initiated_event_id: parent.map_or(0, |parent| parent.initiated_event_id),
        root_workflow_execution: parent.map(|parent| execution((&parent.root.0, parent.root.1))),
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
        retry_policy: request
            .retry_policy
            .map(|policy| with_defaults(Some(policy))),
        attempt: 1,
        workflow_execution_expiration_time: request
            .execution_timeout
            .map(|timeout| (execution_begins + timeout).to_wire()),
        cron_schedule: request.cron_schedule,
        initiator: initiator as i32,
        first_workflow_task_backoff: first_tick.or(request.start_delay).map(wire_duration),
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_id: request.key.workflow_id.to_string(),
        priority: request.priority,
        ..WorkflowExecutionStartedEventAttributes::default()
    }
}
