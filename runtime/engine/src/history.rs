//! History events: how they are made, stored and read back.

use prost::Message as _;
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{History, HistoryEvent};

use crate::ids::RunId;
use crate::time::Timestamp;
use crate::transition::EventBatch;

/// The format of a stored batch: one byte, then a `History` message.
const FORMAT_PLAIN: u8 = 1;

/// A stored batch that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the history batch of run {run_id} from event {first_event_id} on is damaged: {reason}")]
pub struct DamagedBatch {
    /// The run.
    pub run_id: RunId,
    /// The batch.
    pub first_event_id: i64,
    /// What is wrong.
    pub reason: String,
}

/// Packs consecutive events of a run; `None` for no events.
pub fn encode(run_id: RunId, events: Vec<HistoryEvent>) -> Option<EventBatch> {
    let (first, last) = (events.first()?.event_id, events.last()?.event_id);
    let history = History { events };
    let mut bytes = Vec::with_capacity(1 + history.encoded_len());
    bytes.push(FORMAT_PLAIN);
    history.encode_raw(&mut bytes);
    Some(EventBatch {
        run_id,
        first_event_id: first,
        last_event_id: last,
        bytes,
    })
}

/// Unpacks a stored batch.
pub fn decode(batch: &EventBatch) -> Result<Vec<HistoryEvent>, DamagedBatch> {
    let damaged = |reason: String| DamagedBatch {
        run_id: batch.run_id,
        first_event_id: batch.first_event_id,
        reason,
    };
    match batch.bytes.split_first() {
        Some((&FORMAT_PLAIN, bytes)) => Ok(History::decode(bytes)
            .map_err(|error| damaged(error.to_string()))?
            .events),
        Some((format, _)) => Err(damaged(format!("format {format} is unknown"))),
        None => Err(damaged("it is empty".to_owned())),
    }
}

/// Makes an event; its type follows from its attributes.
pub fn event(event_id: i64, time: Timestamp, attributes: Attributes) -> HistoryEvent {
    HistoryEvent {
        event_id,
        event_time: Some(time.to_wire()),
        event_type: event_type(&attributes) as i32,
        attributes: Some(attributes),
        ..HistoryEvent::default()
    }
}

/// When an event happened.
pub fn event_time(event: &HistoryEvent) -> Timestamp {
    event
        .event_time
        .as_ref()
        .map(Timestamp::from_wire)
        .unwrap_or_default()
}

/// The type that goes with attributes. Only those that this engine writes.
fn event_type(attributes: &Attributes) -> EventType {
    use Attributes as A;
    match attributes {
        A::WorkflowExecutionStartedEventAttributes(_) => EventType::WorkflowExecutionStarted,
        A::WorkflowExecutionCompletedEventAttributes(_) => EventType::WorkflowExecutionCompleted,
        A::WorkflowExecutionFailedEventAttributes(_) => EventType::WorkflowExecutionFailed,
        A::WorkflowExecutionTimedOutEventAttributes(_) => EventType::WorkflowExecutionTimedOut,
        A::WorkflowExecutionTerminatedEventAttributes(_) => EventType::WorkflowExecutionTerminated,
        A::WorkflowExecutionCanceledEventAttributes(_) => EventType::WorkflowExecutionCanceled,
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => {
            EventType::WorkflowExecutionCancelRequested
        }
        A::WorkflowExecutionSignaledEventAttributes(_) => EventType::WorkflowExecutionSignaled,
        A::WorkflowExecutionContinuedAsNewEventAttributes(_) => {
            EventType::WorkflowExecutionContinuedAsNew
        }
        A::WorkflowTaskScheduledEventAttributes(_) => EventType::WorkflowTaskScheduled,
        A::WorkflowTaskStartedEventAttributes(_) => EventType::WorkflowTaskStarted,
        A::WorkflowTaskCompletedEventAttributes(_) => EventType::WorkflowTaskCompleted,
        A::WorkflowTaskFailedEventAttributes(_) => EventType::WorkflowTaskFailed,
        A::ActivityTaskScheduledEventAttributes(_) => EventType::ActivityTaskScheduled,
        A::ActivityTaskStartedEventAttributes(_) => EventType::ActivityTaskStarted,
        A::ActivityTaskCompletedEventAttributes(_) => EventType::ActivityTaskCompleted,
        A::ActivityTaskFailedEventAttributes(_) => EventType::ActivityTaskFailed,
        A::ActivityTaskTimedOutEventAttributes(_) => EventType::ActivityTaskTimedOut,
        A::ActivityTaskCancelRequestedEventAttributes(_) => EventType::ActivityTaskCancelRequested,
        A::ActivityTaskCanceledEventAttributes(_) => EventType::ActivityTaskCanceled,
        A::TimerStartedEventAttributes(_) => EventType::TimerStarted,
        A::TimerFiredEventAttributes(_) => EventType::TimerFired,
        A::TimerCanceledEventAttributes(_) => EventType::TimerCanceled,
        A::WorkflowExecutionUpdateAcceptedEventAttributes(_) => {
            EventType::WorkflowExecutionUpdateAccepted
        }
        A::WorkflowExecutionUpdateCompletedEventAttributes(_) => {
            EventType::WorkflowExecutionUpdateCompleted
        }
        A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::StartChildWorkflowExecutionInitiated
        }
        A::StartChildWorkflowExecutionFailedEventAttributes(_) => {
            EventType::StartChildWorkflowExecutionFailed
        }
        A::ChildWorkflowExecutionStartedEventAttributes(_) => {
            EventType::ChildWorkflowExecutionStarted
        }
        A::ChildWorkflowExecutionCompletedEventAttributes(_) => {
            EventType::ChildWorkflowExecutionCompleted
        }
        A::ChildWorkflowExecutionFailedEventAttributes(_) => {
            EventType::ChildWorkflowExecutionFailed
        }
        A::ChildWorkflowExecutionCanceledEventAttributes(_) => {
            EventType::ChildWorkflowExecutionCanceled
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(_) => {
            EventType::ChildWorkflowExecutionTimedOut
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(_) => {
            EventType::ChildWorkflowExecutionTerminated
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::SignalExternalWorkflowExecutionInitiated
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(_) => {
            EventType::SignalExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(_) => {
            EventType::ExternalWorkflowExecutionSignaled
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::RequestCancelExternalWorkflowExecutionInitiated
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_) => {
            EventType::RequestCancelExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => {
            EventType::ExternalWorkflowExecutionCancelRequested
        }
        A::UpsertWorkflowSearchAttributesEventAttributes(_) => {
            EventType::UpsertWorkflowSearchAttributes
        }
        A::WorkflowPropertiesModifiedEventAttributes(_) => EventType::WorkflowPropertiesModified,
        _ => EventType::Unspecified,
    }
}

/// Whether a workflow's code is told of this event: a result or a message. Such
/// an event owes the run a workflow task.
pub fn is_deliverable(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::ActivityTaskCompleted
            | EventType::ActivityTaskFailed
            | EventType::ActivityTaskTimedOut
            | EventType::ActivityTaskCanceled
            | EventType::TimerFired
            | EventType::StartChildWorkflowExecutionFailed
            | EventType::ChildWorkflowExecutionStarted
            | EventType::ChildWorkflowExecutionCompleted
            | EventType::ChildWorkflowExecutionFailed
            | EventType::ChildWorkflowExecutionCanceled
            | EventType::ChildWorkflowExecutionTimedOut
            | EventType::ChildWorkflowExecutionTerminated
            | EventType::SignalExternalWorkflowExecutionFailed
            | EventType::ExternalWorkflowExecutionSignaled
            | EventType::RequestCancelExternalWorkflowExecutionFailed
            | EventType::ExternalWorkflowExecutionCancelRequested
            | EventType::WorkflowExecutionSignaled
            | EventType::WorkflowExecutionCancelRequested
    )
}

/// The WorkflowTaskCompleted event whose command made this event, if a command
/// made it.
pub fn commanded_by(event: &HistoryEvent) -> Option<i64> {
    use Attributes as A;
    let completed = match event.attributes.as_ref()? {
        A::ActivityTaskScheduledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::ActivityTaskCancelRequestedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::TimerStartedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::TimerCanceledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::MarkerRecordedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::UpsertWorkflowSearchAttributesEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowPropertiesModifiedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionCompletedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionFailedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionCanceledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionContinuedAsNewEventAttributes(a) => a.workflow_task_completed_event_id,
        _ => 0,
    };
    (completed > 0).then_some(completed)
}

/// Whether the event tells of an update. Such an event follows the completed task
/// whose command made it, although it does not name that task.
pub fn is_of_update(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::WorkflowExecutionUpdateAccepted | EventType::WorkflowExecutionUpdateCompleted
    )
}

/// Whether the event closes its run.
pub fn closes_run(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionTerminated
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionContinuedAsNew
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use temporalio_protos::temporal::api::history::v1::TimerFiredEventAttributes;

    #[test]
    fn a_batch_survives_the_trip_and_damage_is_named() {
        let run_id = RunId::new(uuid::Uuid::from_u128(1));
        let events = vec![event(
            7,
            Timestamp::from_nanos(1_500_000_000),
            Attributes::TimerFiredEventAttributes(TimerFiredEventAttributes {
                timer_id: "1".into(),
                started_event_id: 5,
            }),
        )];
        let mut batch = encode(run_id, events.clone()).unwrap();
        assert_eq!(decode(&batch).unwrap(), events);
        batch.bytes[0] = 9;
        assert!(decode(&batch).unwrap_err().to_string().contains("format 9"));
        assert!(encode(run_id, Vec::new()).is_none());
    }
}
