//! `workflow describe`: what an execution is doing now, and what it waits for.

use std::collections::HashMap;
use std::time::SystemTime;

use clap::Args;
use temporalio_protos::temporal::api::common::v1::Payload;
use temporalio_protos::temporal::api::enums::v1::{
    PendingActivityState, PendingWorkflowTaskState, WorkflowExecutionStatus,
};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflow::v1::{
    PendingActivityInfo, PendingWorkflowTaskInfo, WorkflowExecutionExtendedInfo,
    WorkflowExecutionInfo,
};
use temporalio_protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionResponse;

use super::follow::describe;
use super::show::{add_result, close_text, newest};
use crate::cli::value::payload_value;
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::close::Close;
use crate::output::event::Lines;
use crate::output::table::Details;
use crate::output::time::{between, length, stamp_from_now};
use crate::output::{self, Format, enum_label, json, text};

/// `workflow describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl DescribeArgs {
    /// Prints the state of the execution.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let workflow_id = &self.execution.workflow_id;
        let mut connection = client.connection.open().await?;
        let answer = describe(&mut connection, workflow_id, &self.execution.run_id)
            .await
            .map_err(|status| {
                connection.explain(format!("describe workflow {workflow_id}"), status)
            })?;
        let newest = if wants_history(&answer) {
            let info = answer.workflow_execution_info.clone().unwrap_or_default();
            let run_id = info.execution.unwrap_or_default().run_id;
            // Without it the description is shorter, not wrong.
            newest(&mut connection, workflow_id, &run_id)
                .await
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        match client.output {
            Format::Json => output::line(&json::plain(&as_json(&answer, &newest)?)),
            Format::Text => output::line(&render(&answer, &newest, SystemTime::now())),
        }
    }
}

/// The server's answer, with the closing event and the result of a closed run.
fn as_json(
    answer: &DescribeWorkflowExecutionResponse,
    newest: &[HistoryEvent],
) -> Result<serde_json::Value, CliError> {
    let mut value = json::value(answer)?;
    if let Some(info) = value.get_mut("workflowExecutionInfo") {
        json::unpack_memo(info);
    }
    if let Some(event) = newest.first()
        && let Some(close) = Close::of(event)
    {
        add_result(&mut value, event, &close)?;
    }
    Ok(value)
}

/// A closed run's result and a blocked task's reason stand in the history only.
fn wants_history(answer: &DescribeWorkflowExecutionResponse) -> bool {
    let info = answer.workflow_execution_info.as_ref();
    let is_closed = info.is_some_and(|info| info.close_time.is_some());
    let task = answer.pending_workflow_task.as_ref();
    is_closed || task.is_some_and(|task| task.attempt > 1)
}

/// The whole description; `newest` are the newest events, newest first.
fn render(
    answer: &DescribeWorkflowExecutionResponse,
    newest: &[HistoryEvent],
    now: SystemTime,
) -> String {
    let info = answer.workflow_execution_info.clone().unwrap_or_default();
    let extended = answer.workflow_extended_info.clone().unwrap_or_default();
    let mut text = execution_sheet(&info, &extended, now);
    if let Some(task) = &answer.pending_workflow_task {
        text.push_str(&task_sheet(task, newest, now));
    }
    let activities = &answer.pending_activities;
    if info.close_time.is_none() || !activities.is_empty() {
        text.push_str(&format!("\nPending Activities: {}\n", activities.len()));
        for activity in activities {
            text.push('\n');
            text.push_str(&activity_sheet(activity, now));
        }
    }
    if !answer.pending_children.is_empty() {
        let count = answer.pending_children.len();
        text.push_str(&format!("\nPending Child Workflows: {count}\n"));
        for child in &answer.pending_children {
            let mut details = Details::indented();
            details.add("WorkflowId", &child.workflow_id);
            details.add("RunId", &child.run_id);
            details.add("Type", &child.workflow_type_name);
            text.push('\n');
            text.push_str(&details.render());
        }
    }
    if let Some(close) = newest.first().and_then(Close::of) {
        text.push('\n');
        text.push_str(&close_text(&close, None));
    }
    text
}

fn execution_sheet(
    info: &WorkflowExecutionInfo,
    extended: &WorkflowExecutionExtendedInfo,
    now: SystemTime,
) -> String {
    let execution = info.execution.clone().unwrap_or_default();
    let status = WorkflowExecutionStatus::try_from(info.status).unwrap_or_default();
    let mut details = Details::indented();
    details.add("WorkflowId", &execution.workflow_id);
    details.add("RunId", &execution.run_id);
    details.add("Type", info.r#type.clone().unwrap_or_default().name);
    details.add(
        "Status",
        enum_label(status.as_str_name(), "WORKFLOW_EXECUTION_STATUS_"),
    );
    details.add("TaskQueue", &info.task_queue);
    details.add("StartTime", stamp_from_now(info.start_time.as_ref(), now));
    details.add("CloseTime", stamp_from_now(info.close_time.as_ref(), now));
    if let (Some(start), Some(close)) = (&info.start_time, &info.close_time) {
        details.add("RunTime", between(start, close));
    }
    if info.execution_time != info.start_time {
        let begins = stamp_from_now(info.execution_time.as_ref(), now);
        details.add("ExecutionTime", begins);
    }
    let expiry = extended.run_expiration_time.as_ref();
    // A server says "never" by the year 1.
    let expiry = expiry.filter(|time| time.seconds > 0);
    details.add("RunExpirationTime", stamp_from_now(expiry, now));
    if extended.cancel_requested {
        details.add("CancelRequested", "true");
    }
    if let Some(parent) = &info.parent_execution {
        details.add("ParentWorkflowId", &parent.workflow_id);
    }
    if info.first_run_id != execution.run_id {
        details.add("FirstRunId", &info.first_run_id);
    }
    details.add("HistoryLength", info.history_length.to_string());
    details.add("HistorySize", info.history_size_bytes.to_string());
    details.add(
        "StateTransitionCount",
        info.state_transition_count.to_string(),
    );
    let memo = info.memo.as_ref().map(|memo| &memo.fields);
    details.add("Memo", fields(memo));
    let attributes = info.search_attributes.as_ref();
    let attributes = attributes.map(|attributes| &attributes.indexed_fields);
    details.add("SearchAttributes", fields(attributes));
    format!("Execution Info:\n{}", details.render())
}

fn task_sheet(task: &PendingWorkflowTaskInfo, newest: &[HistoryEvent], now: SystemTime) -> String {
    let state = PendingWorkflowTaskState::try_from(task.state).unwrap_or_default();
    let mut details = Details::indented();
    details.add(
        "State",
        enum_label(state.as_str_name(), "PENDING_WORKFLOW_TASK_STATE_"),
    );
    details.add("Attempt", task.attempt.to_string());
    details.add(
        "ScheduledTime",
        stamp_from_now(task.scheduled_time.as_ref(), now),
    );
    details.add(
        "StartedTime",
        stamp_from_now(task.started_time.as_ref(), now),
    );
    if task.attempt > 1 {
        let is_failure = |event: &&HistoryEvent| {
            matches!(
                event.attributes,
                Some(
                    Attributes::WorkflowTaskFailedEventAttributes(_)
                        | Attributes::WorkflowTaskTimedOutEventAttributes(_)
                )
            )
        };
        if let Some(event) = newest.iter().find(is_failure) {
            details.add("BlockedBy", Lines::new().about(event));
        }
    }
    format!("\nPending Workflow Task:\n{}", details.render())
}

fn activity_sheet(activity: &PendingActivityInfo, now: SystemTime) -> String {
    let state = PendingActivityState::try_from(activity.state).unwrap_or_default();
    let is_waiting = state == PendingActivityState::Scheduled;
    let mut details = Details::indented();
    details.add("ActivityId", &activity.activity_id);
    details.add(
        "Type",
        activity.activity_type.clone().unwrap_or_default().name,
    );
    details.add(
        "State",
        enum_label(state.as_str_name(), "PENDING_ACTIVITY_STATE_"),
    );
    let attempt = match activity.maximum_attempts {
        0 => activity.attempt.to_string(),
        limit => format!("{} of {limit}", activity.attempt),
    };
    details.add("Attempt", attempt);
    let started = activity.last_started_time.as_ref();
    details.add("LastStartedTime", stamp_from_now(started, now));
    let beat = activity.last_heartbeat_time.as_ref();
    details.add("LastHeartbeatTime", stamp_from_now(beat, now));
    details.add(
        "HeartbeatDetails",
        text::values(activity.heartbeat_details.as_ref()),
    );
    if let Some(failure) = &activity.last_failure {
        details.add("LastFailure", text::failure(failure));
    }
    if is_waiting && activity.attempt > 1 {
        let next = activity.next_attempt_schedule_time.as_ref();
        let next = next.or(activity.scheduled_time.as_ref());
        details.add("NextRetry", stamp_from_now(next, now));
        let interval = activity.current_retry_interval.as_ref();
        details.add("RetryInterval", interval.map(length).unwrap_or_default());
    } else if is_waiting {
        let scheduled = activity.scheduled_time.as_ref();
        details.add("ScheduledTime", stamp_from_now(scheduled, now));
    }
    let expiry = activity
        .expiration_time
        .as_ref()
        .filter(|time| time.seconds > 0);
    details.add("ExpirationTime", stamp_from_now(expiry, now));
    details.add("LastWorkerIdentity", &activity.last_worker_identity);
    if activity.paused {
        details.add("Paused", "true");
    }
    details.render()
}

/// `key=value` pairs in the order of their keys.
fn fields(fields: Option<&HashMap<String, Payload>>) -> String {
    let mut pairs: Vec<String> = fields
        .into_iter()
        .flatten()
        .map(|(key, payload)| format!("{key}={}", payload_value(payload)))
        .collect();
    pairs.sort();
    pairs.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use prost_wkt_types::Timestamp;
    use temporalio_protos::temporal::api::common::v1::ActivityType;
    use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
    use temporalio_protos::temporal::api::failure::v1::Failure;
    use temporalio_protos::temporal::api::history::v1::WorkflowTaskFailedEventAttributes;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn at(offset: i64) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: 1_700_000_000 + offset,
            nanos: 0,
        })
    }

    fn failure(message: &str) -> Failure {
        Failure {
            message: message.to_owned(),
            ..Failure::default()
        }
    }

    #[test]
    fn a_retrying_activity_shows_attempt_failure_and_next_retry() {
        let mut activity = PendingActivityInfo {
            activity_id: "2".to_owned(),
            ..PendingActivityInfo::default()
        };
        let kind = ActivityType {
            name: "ChargePayment".to_owned(),
        };
        activity.activity_type = Some(kind);
        activity.state = PendingActivityState::Scheduled.into();
        activity.attempt = 3;
        activity.maximum_attempts = 5;
        activity.last_failure = Some(failure("card declined"));
        activity.next_attempt_schedule_time = at(4);
        let text = activity_sheet(&activity, now());
        for line in [
            "  Type         ChargePayment\n",
            "  State        Scheduled\n",
            "  Attempt      3 of 5\n",
            "  LastFailure  card declined\n",
            "  NextRetry    2023-11-14T22:13:24.000Z (in 4s)\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn a_blocked_task_says_what_blocks_it() {
        let task = PendingWorkflowTaskInfo {
            state: PendingWorkflowTaskState::Scheduled.into(),
            attempt: 4,
            ..PendingWorkflowTaskInfo::default()
        };
        let failed = WorkflowTaskFailedEventAttributes {
            cause: WorkflowTaskFailedCause::NonDeterministicError.into(),
            failure: Some(failure("event 7 differs")),
            ..WorkflowTaskFailedEventAttributes::default()
        };
        let event = HistoryEvent {
            attributes: Some(Attributes::WorkflowTaskFailedEventAttributes(failed)),
            ..HistoryEvent::default()
        };
        let text = task_sheet(&task, &[HistoryEvent::default(), event], now());
        assert!(
            text.contains("BlockedBy  NonDeterministicError event 7 differs"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_answer_is_no_reason_to_panic() {
        let text = render(&DescribeWorkflowExecutionResponse::default(), &[], now());
        assert!(text.starts_with("Execution Info:"));
        assert!(text.contains("Pending Activities: 0"));
    }
}
