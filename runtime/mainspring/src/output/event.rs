//! One line per history event: number, time, type, and the attributes that a
//! person looks for.
//!
//! Events after the first refer to earlier ones by number ("the activity
//! scheduled by event 5"), so a [`Lines`] remembers the names it has seen and
//! puts them back. Events are not checked: whatever is missing is left out.

use std::collections::HashMap;

use serde_json::Value;
use temporalio_protos::temporal::api::enums::v1::{
    EventType, TimeoutType, WorkflowTaskFailedCause,
};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::{enum_label, json, text, time};

/// The longest attribute text on a line, in characters.
const TEXT_MAX: usize = 240;
/// The type column; the few longer names push their line to the right.
const TYPE_WIDTH: usize = 27;

/// Renders the events of one run, in their order.
#[derive(Default)]
pub(crate) struct Lines {
    /// What an event started, by its number: an activity, a child workflow.
    names: HashMap<i64, String>,
}

impl Lines {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The line of one event.
    pub(crate) fn line(&mut self, event: &HistoryEvent) -> String {
        let about = self.about(event);
        row(
            &event.event_id.to_string(),
            &time::stamp(event.event_time.as_ref()),
            &type_name(event),
            &about,
        )
    }

    /// What is worth saying about an event, in one line.
    pub(crate) fn about(&mut self, event: &HistoryEvent) -> String {
        let Some(attributes) = &event.attributes else {
            return String::new();
        };
        let about = self
            .about_execution(attributes)
            .or_else(|| self.about_activity(event.event_id, attributes))
            .or_else(|| self.about_child(event.event_id, attributes))
            .or_else(|| about_tasks(attributes))
            .or_else(|| about_messages(attributes))
            .unwrap_or_else(|| anything_else(event));
        text::shorten(&text::clean(&about), TEXT_MAX)
    }

    fn about_execution(&self, attributes: &Attributes) -> Option<String> {
        Some(match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(start) => {
                let kind = start.workflow_type.as_ref();
                let queue = start.task_queue.as_ref();
                let mut about = Words::new();
                about.word(kind.map_or("", |kind| &kind.name));
                about.word(format!("({})", text::values(start.input.as_ref())));
                about.pair("queue", queue.map_or("", |queue| &queue.name));
                if start.attempt > 1 {
                    about.pair("attempt", start.attempt.to_string());
                }
                about.pair("cron", &start.cron_schedule);
                about.pair("continues", &start.continued_execution_run_id);
                about.finish()
            }
            Attributes::WorkflowExecutionCompletedEventAttributes(done) => {
                let mut about = Words::new();
                about.word(arrow(text::values(done.result.as_ref())));
                about.pair("next run", &done.new_execution_run_id);
                about.finish()
            }
            Attributes::WorkflowExecutionFailedEventAttributes(failed) => {
                let mut about = Words::new();
                about.word(failure(failed.failure.as_ref()));
                about.pair("next run", &failed.new_execution_run_id);
                about.finish()
            }
            Attributes::WorkflowExecutionTimedOutEventAttributes(late) => {
                let mut about = Words::new();
                about.pair("next run", &late.new_execution_run_id);
                about.finish()
            }
            Attributes::WorkflowExecutionTerminatedEventAttributes(stopped) => {
                let mut about = Words::new();
                about.word(&stopped.reason);
                about.pair("by", &stopped.identity);
                about.finish()
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(request) => {
                let mut about = Words::new();
                about.word(&request.cause);
                about.pair("by", &request.identity);
                about.finish()
            }
            Attributes::WorkflowExecutionCanceledEventAttributes(canceled) => {
                text::values(canceled.details.as_ref())
            }
            Attributes::WorkflowExecutionContinuedAsNewEventAttributes(next) => {
                let mut about = Words::new();
                let kind = next.workflow_type.as_ref();
                about.word(kind.map_or("", |kind| &kind.name));
                about.word(format!("({})", text::values(next.input.as_ref())));
                about.pair("next run", &next.new_execution_run_id);
                about.finish()
            }
            _ => return None,
        })
    }

    fn about_activity(&mut self, event_id: i64, attributes: &Attributes) -> Option<String> {
        Some(match attributes {
            Attributes::ActivityTaskScheduledEventAttributes(task) => {
                let kind = task.activity_type.as_ref().map_or("", |kind| &kind.name);
                let queue = task.task_queue.as_ref();
                self.names
                    .insert(event_id, format!("{kind} [{}]", task.activity_id));
                let mut about = Words::new();
                about.word(kind);
                about.word(format!("[{}]", task.activity_id));
                about.word(format!("({})", text::values(task.input.as_ref())));
                about.pair("queue", queue.map_or("", |queue| &queue.name));
                about.finish()
            }
            Attributes::ActivityTaskStartedEventAttributes(start) => {
                let mut about = self.started_by(start.scheduled_event_id);
                about.pair("attempt", start.attempt.to_string());
                about.pair("worker", &start.identity);
                if start.last_failure.is_some() {
                    about.pair("last failure", failure(start.last_failure.as_ref()));
                }
                about.finish()
            }
            Attributes::ActivityTaskCompletedEventAttributes(done) => {
                let mut about = self.started_by(done.scheduled_event_id);
                about.word(arrow(text::values(done.result.as_ref())));
                about.finish()
            }
            Attributes::ActivityTaskFailedEventAttributes(failed) => {
                let mut about = self.started_by(failed.scheduled_event_id);
                about.word(failure(failed.failure.as_ref()));
                about.finish()
            }
            Attributes::ActivityTaskTimedOutEventAttributes(late) => {
                let mut about = self.started_by(late.scheduled_event_id);
                about.word(failure(late.failure.as_ref()));
                about.finish()
            }
            Attributes::ActivityTaskCancelRequestedEventAttributes(request) => {
                self.started_by(request.scheduled_event_id).finish()
            }
            Attributes::ActivityTaskCanceledEventAttributes(canceled) => {
                let mut about = self.started_by(canceled.scheduled_event_id);
                about.word(text::values(canceled.details.as_ref()));
                about.finish()
            }
            _ => return None,
        })
    }

    fn about_child(&mut self, event_id: i64, attributes: &Attributes) -> Option<String> {
        let (initiated, outcome) = match attributes {
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(start) => {
                let kind = start.workflow_type.as_ref().map_or("", |kind| &kind.name);
                let name = format!("{kind} [{}]", start.workflow_id);
                self.names.insert(event_id, name.clone());
                return Some(format!("{name} ({})", text::values(start.input.as_ref())));
            }
            Attributes::StartChildWorkflowExecutionFailedEventAttributes(failed) => (
                failed.initiated_event_id,
                failed.cause().as_str_name().to_owned(),
            ),
            Attributes::ChildWorkflowExecutionStartedEventAttributes(start) => {
                let run = start.workflow_execution.as_ref();
                let run = run.map_or("", |run| &run.run_id);
                (start.initiated_event_id, format!("run {run}"))
            }
            Attributes::ChildWorkflowExecutionCompletedEventAttributes(done) => (
                done.initiated_event_id,
                arrow(text::values(done.result.as_ref())),
            ),
            Attributes::ChildWorkflowExecutionFailedEventAttributes(failed) => {
                (failed.initiated_event_id, failure(failed.failure.as_ref()))
            }
            Attributes::ChildWorkflowExecutionCanceledEventAttributes(canceled) => (
                canceled.initiated_event_id,
                text::values(canceled.details.as_ref()),
            ),
            Attributes::ChildWorkflowExecutionTimedOutEventAttributes(late) => {
                (late.initiated_event_id, String::new())
            }
            Attributes::ChildWorkflowExecutionTerminatedEventAttributes(stopped) => {
                (stopped.initiated_event_id, String::new())
            }
            _ => return None,
        };
        let mut about = self.started_by(initiated);
        about.word(outcome);
        Some(about.finish())
    }

    /// Starts a line with the name that an earlier event introduced.
    fn started_by(&self, event_id: i64) -> Words {
        let mut about = Words::new();
        match self.names.get(&event_id) {
            Some(name) => about.word(name),
            // The event came on a page that was not asked for.
            None => about.pair("of event", event_id.to_string()),
        }
        about
    }
}

/// One line of progress, whether it is an event or a note beside the history.
pub(crate) fn row(id: &str, time: &str, kind: &str, about: &str) -> String {
    let line = format!("{id:>5}  {time:<24}  {kind:<TYPE_WIDTH$}  {about}");
    line.trim_end().to_owned()
}

/// `WorkflowExecutionStarted` and the like.
pub(crate) fn type_name(event: &HistoryEvent) -> String {
    match EventType::try_from(event.event_type) {
        Ok(kind) => enum_label(kind.as_str_name(), "EVENT_TYPE_"),
        Err(_) => format!("EventType{}", event.event_type),
    }
}

/// Every attribute of an event as `path: value` lines under a heading.
pub(crate) fn section(event: &HistoryEvent) -> Result<String, crate::error::CliError> {
    let mut value = json::value(event)?;
    json::unpack_payloads(&mut value);
    let mut text = format!(
        "--------------- [{}] {} ---------------\n",
        event.event_id,
        type_name(event)
    );
    for (path, value) in leaves(value) {
        text.push_str(&format!("{path}: {}\n", text::clean(&value)));
    }
    Ok(text)
}

fn about_tasks(attributes: &Attributes) -> Option<String> {
    Some(match attributes {
        Attributes::WorkflowTaskScheduledEventAttributes(task) if task.attempt > 1 => {
            format!("attempt={}", task.attempt)
        }
        Attributes::WorkflowTaskScheduledEventAttributes(_)
        | Attributes::WorkflowTaskStartedEventAttributes(_)
        | Attributes::WorkflowTaskCompletedEventAttributes(_) => String::new(),
        Attributes::WorkflowTaskFailedEventAttributes(failed) => {
            let cause = WorkflowTaskFailedCause::try_from(failed.cause).unwrap_or_default();
            let mut about = Words::new();
            about.word(enum_label(
                cause.as_str_name(),
                "WORKFLOW_TASK_FAILED_CAUSE_",
            ));
            about.word(failure(failed.failure.as_ref()));
            about.finish()
        }
        Attributes::WorkflowTaskTimedOutEventAttributes(late) => {
            let timeout = TimeoutType::try_from(late.timeout_type).unwrap_or_default();
            enum_label(timeout.as_str_name(), "TIMEOUT_TYPE_")
        }
        Attributes::TimerStartedEventAttributes(timer) => {
            let mut about = Words::new();
            about.word(format!("[{}]", timer.timer_id));
            let length = timer.start_to_fire_timeout.as_ref();
            about.pair("fires after", length.map(time::length).unwrap_or_default());
            about.finish()
        }
        Attributes::TimerFiredEventAttributes(timer) => format!("[{}]", timer.timer_id),
        Attributes::TimerCanceledEventAttributes(timer) => format!("[{}]", timer.timer_id),
        Attributes::MarkerRecordedEventAttributes(marker) => marker.marker_name.clone(),
        _ => return None,
    })
}

fn about_messages(attributes: &Attributes) -> Option<String> {
    Some(match attributes {
        Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
            let mut about = Words::new();
            about.word(&signal.signal_name);
            about.word(format!("({})", text::values(signal.input.as_ref())));
            about.pair("by", &signal.identity);
            about.finish()
        }
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(signal) => {
            let target = signal.workflow_execution.as_ref();
            let mut about = Words::new();
            about.word(&signal.signal_name);
            about.word(format!("({})", text::values(signal.input.as_ref())));
            about.pair("to", target.map_or("", |target| &target.workflow_id));
            about.finish()
        }
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(update) => {
            let request = update.accepted_request.as_ref();
            let input = request.and_then(|request| request.input.as_ref());
            let mut about = Words::new();
            about.word(input.map_or("", |input| &input.name));
            let arguments = input.and_then(|input| input.args.as_ref());
            about.word(format!("({})", text::values(arguments)));
            about.pair("update", &update.protocol_instance_id);
            about.finish()
        }
        Attributes::WorkflowExecutionUpdateCompletedEventAttributes(update) => {
            use temporalio_protos::temporal::api::update::v1::outcome::Value;
            let outcome = update.outcome.as_ref();
            let mut about = Words::new();
            match outcome.and_then(|outcome| outcome.value.as_ref()) {
                Some(Value::Success(result)) => about.word(arrow(text::values(Some(result)))),
                Some(Value::Failure(failure)) => about.word(text::failure(failure)),
                None => {}
            }
            let meta = update.meta.as_ref();
            about.pair("update", meta.map_or("", |meta| &meta.update_id));
            about.finish()
        }
        _ => return None,
    })
}

/// For events without a line of their own: their attributes, flat.
fn anything_else(event: &HistoryEvent) -> String {
    let Ok(Value::Object(mut fields)) = json::value(event) else {
        return String::new();
    };
    fields.retain(|name, _| name.ends_with("EventAttributes"));
    let mut value = Value::Array(fields.into_iter().map(|(_, value)| value).collect());
    json::unpack_payloads(&mut value);
    let mut about = Words::new();
    for (path, value) in leaves(value) {
        let name = path.strip_prefix("[0].").unwrap_or(&path);
        if name != "workflowTaskCompletedEventId" {
            about.pair(name, value);
        }
    }
    about.finish()
}

/// Every leaf of a JSON value with its path, `a.b[0].c`.
fn leaves(value: Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), value)];
    while let Some((path, value)) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                let joint = if path.is_empty() { "" } else { "." };
                // Reversed, since the last pushed is the next popped.
                for (name, value) in fields.into_iter().rev() {
                    waiting.push((format!("{path}{joint}{name}"), value));
                }
            }
            Value::Array(items) => {
                for (index, value) in items.into_iter().enumerate().rev() {
                    waiting.push((format!("{path}[{index}]"), value));
                }
            }
            Value::String(text) => found.push((path, text)),
            other => found.push((path, other.to_string())),
        }
    }
    found
}

fn failure(failure: Option<&Failure>) -> String {
    failure.map(text::failure).unwrap_or_default()
}

fn arrow(result: String) -> String {
    if result.is_empty() {
        result
    } else {
        format!("-> {result}")
    }
}

/// Parts of a line; empty ones leave no trace.
struct Words(Vec<String>);

impl Words {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn word(&mut self, word: impl Into<String>) {
        let word = word.into();
        if !word.is_empty() {
            self.0.push(word);
        }
    }

    fn pair(&mut self, name: &str, value: impl AsRef<str>) {
        let value = value.as_ref();
        if !value.is_empty() {
            self.0.push(format!("{name}={value}"));
        }
    }

    fn finish(self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::common::v1::{ActivityType, WorkflowType};
    use temporalio_protos::temporal::api::history::v1::*;
    use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;

    use super::*;
    use crate::cli::value::{json_payload, payloads};

    fn event(event_id: i64, kind: EventType, attributes: Attributes) -> HistoryEvent {
        HistoryEvent {
            event_id,
            event_time: Some(prost_wkt_types::Timestamp {
                seconds: 1_700_000_000 + event_id,
                nanos: 0,
            }),
            event_type: kind.into(),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        }
    }

    fn scheduled(event_id: i64) -> HistoryEvent {
        let mut task = ActivityTaskScheduledEventAttributes {
            activity_id: "1".to_owned(),
            ..ActivityTaskScheduledEventAttributes::default()
        };
        let kind = ActivityType {
            name: "ChargePayment".to_owned(),
        };
        task.activity_type = Some(kind);
        let queue = TaskQueue {
            name: "orders".to_owned(),
            ..TaskQueue::default()
        };
        task.task_queue = Some(queue);
        task.input = Some(payloads(vec![json_payload("{\"OrderID\":7}").unwrap()]));
        event(
            event_id,
            EventType::ActivityTaskScheduled,
            Attributes::ActivityTaskScheduledEventAttributes(task),
        )
    }

    fn completed(event_id: i64, scheduled_event_id: i64) -> HistoryEvent {
        let done = ActivityTaskCompletedEventAttributes {
            scheduled_event_id,
            result: Some(payloads(vec![json_payload("\"charge-9\"").unwrap()])),
            ..ActivityTaskCompletedEventAttributes::default()
        };
        event(
            event_id,
            EventType::ActivityTaskCompleted,
            Attributes::ActivityTaskCompletedEventAttributes(done),
        )
    }

    #[test]
    fn an_activity_keeps_its_name_through_its_events() {
        let mut lines = Lines::new();
        assert_eq!(
            lines.line(&scheduled(5)),
            "    5  2023-11-14T22:13:25.000Z  ActivityTaskScheduled        \
             ChargePayment [1] ({\"OrderID\":7}) queue=orders"
        );
        assert_eq!(
            lines.line(&completed(7, 5)),
            "    7  2023-11-14T22:13:27.000Z  ActivityTaskCompleted        \
             ChargePayment [1] -> \"charge-9\""
        );
    }

    #[test]
    fn an_event_whose_beginning_was_not_seen_still_prints() {
        let about = Lines::new().about(&completed(7, 5));
        assert_eq!(about, "of event=5 -> \"charge-9\"");
    }

    #[test]
    fn a_start_names_type_input_and_queue() {
        let mut start = WorkflowExecutionStartedEventAttributes::default();
        let kind = WorkflowType {
            name: "OrderWorkflow".to_owned(),
        };
        start.workflow_type = Some(kind);
        start.attempt = 2;
        let about = Lines::new().about(&event(
            1,
            EventType::WorkflowExecutionStarted,
            Attributes::WorkflowExecutionStartedEventAttributes(start),
        ));
        assert_eq!(about, "OrderWorkflow () attempt=2");
    }

    #[test]
    fn a_blocked_task_says_why() {
        let mut failed = WorkflowTaskFailedEventAttributes {
            cause: WorkflowTaskFailedCause::NonDeterministicError.into(),
            ..WorkflowTaskFailedEventAttributes::default()
        };
        let failure = Failure {
            message: "recorded ActivityTaskScheduled, got TimerStarted".to_owned(),
            ..Failure::default()
        };
        failed.failure = Some(failure);
        let about = Lines::new().about(&event(
            9,
            EventType::WorkflowTaskFailed,
            Attributes::WorkflowTaskFailedEventAttributes(failed),
        ));
        assert_eq!(
            about,
            "NonDeterministicError recorded ActivityTaskScheduled, got TimerStarted"
        );
    }

    #[test]
    fn other_events_show_their_attributes_as_they_are() {
        let canceled = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
            reason: "stop".to_owned(),
            workflow_task_completed_event_id: 4,
            ..Default::default()
        };
        let about = Lines::new().about(&event(
            5,
            EventType::RequestCancelExternalWorkflowExecutionInitiated,
            Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(canceled),
        ));
        assert_eq!(about, "reason=stop");
    }

    #[test]
    fn unknown_and_empty_events_do_no_harm() {
        let unknown = HistoryEvent {
            event_type: 9_999,
            ..HistoryEvent::default()
        };
        let line = Lines::new().line(&unknown);
        assert!(line.contains("EventType9999"), "{line}");
    }

    #[test]
    fn a_section_lists_every_attribute() {
        let text = section(&scheduled(5)).unwrap();
        assert!(text.starts_with("--------------- [5] ActivityTaskScheduled"));
        assert!(
            text.contains("activityTaskScheduledEventAttributes.input[0].OrderID: 7\n"),
            "{text}"
        );
    }

    #[test]
    fn long_results_are_cut() {
        let mut done = ActivityTaskCompletedEventAttributes::default();
        let long = format!("\"{}\"", "x".repeat(10_000));
        done.result = Some(payloads(vec![json_payload(&long).unwrap()]));
        let about = Lines::new().about(&event(
            2,
            EventType::ActivityTaskCompleted,
            Attributes::ActivityTaskCompletedEventAttributes(done),
        ));
        assert!(about.chars().count() <= TEXT_MAX + 1);
        assert!(about.ends_with('…'));
    }
}
