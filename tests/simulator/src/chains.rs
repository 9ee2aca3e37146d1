//! One run after the other: successors are there, and nothing begins before its time.

use std::time::Duration;

use mainspring_engine::history;
use mainspring_engine::time::{Timestamp, set_duration};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes as A;
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionStartedEventAttributes as Started,
};

use crate::check::Histories;

/// The run that a close names as the next one is there, and a schedule has a next one.
pub(crate) fn is_followed(events: &[HistoryEvent], histories: &Histories) -> Result<(), String> {
    let close = events.last().and_then(|event| event.attributes.as_ref());
    let next = match close {
        Some(A::WorkflowExecutionContinuedAsNewEventAttributes(a)) => &a.new_execution_run_id,
        Some(A::WorkflowExecutionFailedEventAttributes(a)) => &a.new_execution_run_id,
        Some(A::WorkflowExecutionTimedOutEventAttributes(a)) => &a.new_execution_run_id,
        Some(A::WorkflowExecutionCompletedEventAttributes(a)) => &a.new_execution_run_id,
        _ => return Ok(()),
    };
    if next.is_empty() {
        let started = started(events)?;
        let is_bounded = set_duration(started.workflow_execution_timeout.as_ref()).is_some();
        return match started.cron_schedule.is_empty() || is_bounded {
            true => Ok(()),
            false => Err(format!(
                "it has the schedule {:?} and is followed by nothing",
                started.cron_schedule
            )),
        };
    }
    match histories.keys().any(|run_id| run_id.to_string() == *next) {
        true => Ok(()),
        false => Err(format!("it is followed by run {next}, which is not there")),
    }
}

/// Code is asked to cancel itself within this time, whatever its run waits for.
const CANCEL_WITHIN: Duration = Duration::from_secs(10);

/// The first task waits for its time: a tick, the next attempt, or a delay that no
/// message has ended. A cancel request ends each of them. `has_updates`: some were sent.
pub(crate) fn begins_in_time(events: &[HistoryEvent], has_updates: bool) -> Result<(), String> {
    let started = started(events)?;
    let begun = events.first().map_or(Timestamp::EPOCH, history::event_time);
    let backoff = set_duration(started.first_workflow_task_backoff.as_ref());
    let is_delay =
        started.cron_schedule.is_empty() && started.continued_execution_run_id.is_empty();
    let is_signal =
        |event: &HistoryEvent| event.event_type() == EventType::WorkflowExecutionSignaled;
    // An update that was refused has left no trace.
    if is_delay && (has_updates || events.iter().any(is_signal)) {
        return Ok(());
    }
    let time_of = |event_type: EventType| {
        let mut all = events.iter();
        let first = all.find(|event| event.event_type() == event_type);
        first.map(history::event_time)
    };
    let Some(first) = time_of(EventType::WorkflowTaskScheduled) else {
        return Ok(());
    };
    let cancelled = time_of(EventType::WorkflowExecutionCancelRequested);
    let due = begun + backoff.unwrap_or_default();
    match cancelled.filter(|cancelled| *cancelled <= first) {
        Some(cancelled) if first > cancelled + CANCEL_WITHIN => Err(format!(
            "it was asked to cancel at {cancelled:?} and its first task is at {first:?}"
        )),
        None if first < due => Err(format!(
            "its first task is at {first:?}, and it is held back until {due:?}"
        )),
        _ => Ok(()),
    }
}

fn started(events: &[HistoryEvent]) -> Result<&Started, String> {
    match events.first().and_then(|event| event.attributes.as_ref()) {
        Some(A::WorkflowExecutionStartedEventAttributes(started)) => Ok(started),
        _ => Err("it does not begin with its start".to_owned()),
    }
}
