//! What describe and list answer.

use mainspring_engine::activity::{ActivityState, ActivityView};
use mainspring_engine::ids::{RunId, WorkflowId};
use mainspring_engine::run::ChildView;
use mainspring_engine::search::{REPORTED_PROBLEMS, keyword_list, type_of};
use mainspring_engine::time::wire_duration;
use mainspring_engine::transition::VisibilityRow;
use mainspring_server::{NamespaceAttributes, PendingTask, WorkflowDescription};
use prost::Message;
use temporalio_protos::temporal::api::common::v1::{
    ActivityType, Memo, SearchAttributes, WorkflowExecution, WorkflowType,
};
use temporalio_protos::temporal::api::enums::v1::{
    PendingActivityState, PendingWorkflowTaskState, TaskQueueKind,
};
use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_protos::temporal::api::workflow::v1::{
    PendingActivityInfo, PendingChildExecutionInfo, PendingWorkflowTaskInfo,
    WorkflowExecutionConfig, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
};
use temporalio_protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionResponse;

use super::{opt_duration, opt_time, time};

pub(crate) fn description(
    run: WorkflowDescription,
    known: &NamespaceAttributes,
) -> DescribeWorkflowExecutionResponse {
    DescribeWorkflowExecutionResponse {
        execution_config: Some(WorkflowExecutionConfig {
            task_queue: Some(TaskQueue {
                name: run.task_queue.to_string(),
                kind: TaskQueueKind::Normal as i32,
                ..TaskQueue::default()
            }),
            workflow_execution_timeout: opt_duration(run.execution_timeout),
            workflow_run_timeout: opt_duration(run.run_timeout),
            default_workflow_task_timeout: Some(wire_duration(run.task_timeout)),
            user_metadata: run.user_metadata.clone(),
        }),
        pending_activities: run
            .pending_activities
            .iter()
            .map(pending_activity)
            .collect(),
        pending_children: run.pending_children.iter().map(pending_child).collect(),
        pending_workflow_task: run.pending_task.as_ref().map(pending_task),
        workflow_extended_info: Some(WorkflowExecutionExtendedInfo {
            execution_expiration_time: opt_time(run.execution_deadline),
            run_expiration_time: opt_time(run.run_deadline),
            cancel_requested: run.cancel_requested,
            original_start_time: time(run.start_time),
            ..WorkflowExecutionExtendedInfo::default()
        }),
        workflow_execution_info: Some(execution_info(run, known)),
        ..DescribeWorkflowExecutionResponse::default()
    }
}

fn execution_info(run: WorkflowDescription, known: &NamespaceAttributes) -> WorkflowExecutionInfo {
    let closed_after = run.close_time.map(|close| close.since(run.execution_time));
    let search_attributes = with_problems(&run, known);
    WorkflowExecutionInfo {
        execution: Some(WorkflowExecution {
            workflow_id: run.key.workflow_id.to_string(),
            run_id: run.run_id.to_string(),
        }),
        r#type: Some(WorkflowType {
            name: run.workflow_type.to_string(),
        }),
        start_time: time(run.start_time),
        execution_time: time(run.execution_time),
        close_time: opt_time(run.close_time),
        status: run.status as i32,
        history_length: run.history_length,
        history_size_bytes: run.history_size_bytes,
        state_transition_count: run.state_transitions,
        execution_duration: opt_duration(closed_after),
        task_queue: run.task_queue.to_string(),
        memo: Some(run.memo.unwrap_or_default()),
        search_attributes: Some(search_attributes),
        parent_execution: run
            .parent
            .map(|parent| execution(&parent.workflow_id, parent.run_id)),
        root_execution: Some(execution(&run.root.0, run.root.1)),
        first_run_id: run.first_run_id.to_string(),
        worker_deployment_name: run.component_name,
        priority: run.priority,
        ..WorkflowExecutionInfo::default()
    }
}

/// A blocked run says so where Temporal's tools look for it.
fn with_problems(run: &WorkflowDescription, known: &NamespaceAttributes) -> SearchAttributes {
    let attributes = run.search_attributes.clone().unwrap_or_default();
    let mut problems = run.problems.clone();
    if let Some(blocked) = &run.blocked {
        problems.push(format!("message={}", blocked.message));
    }
    shown(attributes, &problems, known)
}

/// What is seen of a run's search attributes: those that the namespace has, as what
/// they are there, and why it is blocked.
fn shown(
    mut attributes: SearchAttributes,
    problems: &[String],
    known: &NamespaceAttributes,
) -> SearchAttributes {
    attributes.indexed_fields.retain(|name, payload| {
        let registered = known.get(name).map(|known| known.attribute_type);
        registered.is_some() && type_of(payload) == registered
    });
    if !problems.is_empty() {
        attributes
            .indexed_fields
            .insert(REPORTED_PROBLEMS.to_owned(), keyword_list(problems));
    }
    attributes
}

fn execution(workflow_id: &WorkflowId, run_id: RunId) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow_id.to_string(),
        run_id: run_id.to_string(),
    }
}

fn pending_child(child: &ChildView) -> PendingChildExecutionInfo {
    PendingChildExecutionInfo {
        workflow_id: child.workflow_id.clone(),
        run_id: child.run_id.map(|id| id.to_string()).unwrap_or_default(),
        workflow_type_name: child.workflow_type.clone(),
        initiated_id: child.initiated_event_id,
        parent_close_policy: child.parent_close_policy as i32,
    }
}

fn pending_activity(activity: &ActivityView) -> PendingActivityInfo {
    let interval = activity
        .next_attempt_at
        .zip(activity.last_attempt_closed_at)
        .map(|(next, closed)| next.since(closed));
    PendingActivityInfo {
        activity_id: activity.activity_id.clone(),
        activity_type: Some(ActivityType {
            name: activity.activity_type.clone(),
        }),
        state: match activity.state {
            ActivityState::Scheduled => PendingActivityState::Scheduled,
            ActivityState::Started => PendingActivityState::Started,
            ActivityState::CancelRequested => PendingActivityState::CancelRequested,
        } as i32,
        heartbeat_details: activity.heartbeat_details.clone(),
        last_heartbeat_time: opt_time(activity.last_heartbeat_at),
        last_started_time: opt_time(activity.started_at),
        attempt: i32::try_from(activity.attempt).unwrap_or(i32::MAX),
        maximum_attempts: activity.retry_policy.maximum_attempts,
        scheduled_time: time(activity.scheduled_at),
        expiration_time: opt_time(activity.expires_at),
        last_failure: activity.last_failure.clone(),
        last_worker_identity: activity.last_worker_identity.clone(),
        current_retry_interval: opt_duration(interval),
        last_attempt_complete_time: opt_time(activity.last_attempt_closed_at),
        next_attempt_schedule_time: opt_time(activity.next_attempt_at),
        priority: activity.priority.clone(),
        ..PendingActivityInfo::default()
    }
}

fn pending_task(task: &PendingTask) -> PendingWorkflowTaskInfo {
    PendingWorkflowTaskInfo {
        state: if task.started {
            PendingWorkflowTaskState::Started
        } else {
            PendingWorkflowTaskState::Scheduled
        } as i32,
        scheduled_time: time(task.scheduled_at),
        original_scheduled_time: time(task.scheduled_at),
        started_time: opt_time(task.started_at),
        attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
    }
}

/// A row of a list.
pub(crate) fn listed(row: VisibilityRow, known: &NamespaceAttributes) -> WorkflowExecutionInfo {
    let decode_memo = |bytes: Vec<u8>| Memo::decode(bytes.as_slice()).unwrap_or_default();
    let decode_attributes =
        |bytes: Vec<u8>| SearchAttributes::decode(bytes.as_slice()).unwrap_or_default();
    let attributes = row.search_attributes.map(decode_attributes);
    let attributes = attributes.unwrap_or_default();
    let closed_after = row.close_time.map(|close| close.since(row.execution_time));
    let itself = (row.key.workflow_id.clone(), row.run_id);
    let (root, root_run_id) = row.root.unwrap_or(itself);
    WorkflowExecutionInfo {
        execution: Some(WorkflowExecution {
            workflow_id: row.key.workflow_id.to_string(),
            run_id: row.run_id.to_string(),
        }),
        r#type: Some(WorkflowType {
            name: row.workflow_type.to_string(),
        }),
        start_time: time(row.start_time),
        execution_time: time(row.execution_time),
        close_time: opt_time(row.close_time),
        status: row.status as i32,
        history_length: row.history_length,
        history_size_bytes: row.history_size_bytes,
        execution_duration: opt_duration(closed_after),
        task_queue: row.task_queue.to_string(),
        memo: Some(row.memo.map(decode_memo).unwrap_or_default()),
        search_attributes: Some(shown(attributes, &row.problems, known)),
        parent_execution: row
            .parent
            .map(|(workflow_id, run_id)| execution(&workflow_id, run_id)),
        root_execution: Some(execution(&root, root_run_id)),
        first_run_id: row.first_run_id.to_string(),
        ..WorkflowExecutionInfo::default()
    }
}
