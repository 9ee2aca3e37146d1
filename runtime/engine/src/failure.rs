//! Failures as the wire carries them, made in one place so that every language
//! sees the same message for the same thing (WF-21).

use temporalio_protos::temporal::api::common::v1::{
    ActivityType, Payloads, WorkflowExecution, WorkflowType,
};
use temporalio_protos::temporal::api::enums::v1::{RetryState, TimeoutType};
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_protos::temporal::api::failure::v1::{
    ActivityFailureInfo, ApplicationFailureInfo, CanceledFailureInfo,
    ChildWorkflowExecutionFailureInfo, Failure, TerminatedFailureInfo, TimeoutFailureInfo,
};

/// What stands as the source of failures that the runtime itself makes.
const SOURCE: &str = "Mainspring";

/// A timeout of an activity, with what its last heartbeat said.
pub fn activity_timeout(
    timeout: TimeoutType,
    last_heartbeat_details: Option<Payloads>,
    cause: Option<Failure>,
) -> Failure {
    Failure {
        message: format!("activity {} timeout", timeout_name(timeout)),
        source: SOURCE.to_owned(),
        cause: cause.map(Box::new),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: timeout as i32,
            last_heartbeat_details,
        })),
        ..Failure::default()
    }
}

/// A run took longer than it may (LIF-07).
pub fn workflow_timeout() -> Failure {
    Failure {
        message: "workflow timeout".to_owned(),
        source: SOURCE.to_owned(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: TimeoutType::StartToClose as i32,
            last_heartbeat_details: None,
        })),
        ..Failure::default()
    }
}

/// The name of a timeout, as retry policies spell it after `TemporalTimeout:`.
pub fn timeout_name(timeout: TimeoutType) -> &'static str {
    match timeout {
        TimeoutType::Unspecified => "Unspecified",
        TimeoutType::StartToClose => "StartToClose",
        TimeoutType::ScheduleToStart => "ScheduleToStart",
        TimeoutType::ScheduleToClose => "ScheduleToClose",
        TimeoutType::Heartbeat => "Heartbeat",
    }
}

/// The retries of an activity ended because the next one would have come after
/// the schedule-to-close deadline (ACT-11).
pub fn no_time_for_retry(last_heartbeat_details: Option<Payloads>, cause: Failure) -> Failure {
    Failure {
        message: "not enough time to schedule the next retry before the activity \
                  ScheduleToClose timeout, giving up retrying"
            .to_owned(),
        ..activity_timeout(
            TimeoutType::ScheduleToClose,
            last_heartbeat_details,
            Some(cause),
        )
    }
}

/// Something was cancelled.
pub fn canceled(message: &str, details: Option<Payloads>) -> Failure {
    Failure {
        message: message.to_owned(),
        source: SOURCE.to_owned(),
        failure_info: Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo {
            details,
            ..CanceledFailureInfo::default()
        })),
        ..Failure::default()
    }
}

/// An application failure that the runtime itself reports (a workflow task that
/// failed, say).
pub fn application(message: String, error_type: &str, stack_trace: String) -> Failure {
    Failure {
        message,
        source: SOURCE.to_owned(),
        stack_trace,
        failure_info: Some(FailureInfo::ApplicationFailureInfo(
            ApplicationFailureInfo {
                r#type: error_type.to_owned(),
                ..ApplicationFailureInfo::default()
            },
        )),
        ..Failure::default()
    }
}

/// The same, for what no second try would change.
pub fn non_retryable(message: &str, error_type: &str) -> Failure {
    Failure {
        failure_info: Some(FailureInfo::ApplicationFailureInfo(
            ApplicationFailureInfo {
                r#type: error_type.to_owned(),
                non_retryable: true,
                ..ApplicationFailureInfo::default()
            },
        )),
        ..application(message.to_owned(), error_type, String::new())
    }
}

/// Which activity a failure is about.
#[derive(Clone, Debug, Default)]
pub struct ActivityIdentity {
    /// The ActivityTaskScheduled event.
    pub scheduled_event_id: i64,
    /// The ActivityTaskStarted event; 0 for none.
    pub started_event_id: i64,
    /// The activity type.
    pub activity_type: String,
    /// The activity ID.
    pub activity_id: String,
    /// The worker.
    pub identity: String,
}

/// What a workflow catches when an activity did not succeed: the activity
/// outside, the reason as its cause.
pub fn activity(
    message: &str,
    about: ActivityIdentity,
    retry_state: RetryState,
    cause: Option<Failure>,
) -> Failure {
    Failure {
        message: message.to_owned(),
        cause: cause.map(Box::new),
        failure_info: Some(FailureInfo::ActivityFailureInfo(ActivityFailureInfo {
            scheduled_event_id: about.scheduled_event_id,
            started_event_id: about.started_event_id,
            identity: about.identity,
            activity_type: Some(ActivityType {
                name: about.activity_type,
            }),
            activity_id: about.activity_id,
            retry_state: retry_state as i32,
        })),
        ..Failure::default()
    }
}

/// Which child a failure is about.
#[derive(Clone, Debug, Default)]
pub struct ChildIdentity {
    /// Its namespace.
    pub namespace: String,
    /// Its workflow ID.
    pub workflow_id: String,
    /// Its run; empty where it did not start.
    pub run_id: String,
    /// Its type.
    pub workflow_type: String,
    /// The StartChildWorkflowExecutionInitiated event; 0 for none.
    pub initiated_event_id: i64,
    /// The ChildWorkflowExecutionStarted event; 0 for none.
    pub started_event_id: i64,
}

/// What a workflow catches when a child did not succeed: the child outside, the
/// reason as its cause.
pub fn child(
    message: &str,
    about: ChildIdentity,
    retry_state: RetryState,
    cause: Option<Failure>,
) -> Failure {
    Failure {
        message: message.to_owned(),
        cause: cause.map(Box::new),
        failure_info: Some(FailureInfo::ChildWorkflowExecutionFailureInfo(
            ChildWorkflowExecutionFailureInfo {
                namespace: about.namespace,
                workflow_execution: Some(WorkflowExecution {
                    workflow_id: about.workflow_id,
                    run_id: about.run_id,
                }),
                workflow_type: Some(WorkflowType {
                    name: about.workflow_type,
                }),
                initiated_event_id: about.initiated_event_id,
                started_event_id: about.started_event_id,
                retry_state: retry_state as i32,
            },
        )),
        ..Failure::default()
    }
}

/// A workflow was terminated.
pub fn terminated() -> Failure {
    Failure {
        message: "workflow terminated".to_owned(),
        source: SOURCE.to_owned(),
        failure_info: Some(FailureInfo::TerminatedFailureInfo(
            TerminatedFailureInfo::default(),
        )),
        ..Failure::default()
    }
}

/// Cuts a failure to about `limit` bytes for keeping with a pending activity
/// (ACT-25): first the stack trace goes, then the cause, then the message's end.
pub fn cut(mut failure: Failure, limit: usize) -> Failure {
    use prost::Message as _;
    if failure.encoded_len() <= limit {
        return failure;
    }
    failure.stack_trace = String::new();
    failure.cause = None;
    failure.encoded_attributes = None;
    if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info
        && info.encoded_len() > limit / 2
    {
        info.details = None;
    }
    let mut end = failure.message.len().min(limit / 2);
    while !failure.message.is_char_boundary(end) {
        end -= 1;
    }
    failure.message.truncate(end);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn act_25_a_stored_failure_is_cut_to_the_limit() {
        let long = Failure {
            message: "é".repeat(5_000),
            stack_trace: "x".repeat(10_000),
            ..application("m".into(), "T", String::new())
        };
        let cut = cut(long, 4_096);
        assert!(cut.encoded_len() <= 4_096);
        assert!(cut.message.starts_with("éé"));
    }
}
