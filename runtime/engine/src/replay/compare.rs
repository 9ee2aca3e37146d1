//! Does the code ask again for what the history says it asked for?

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use temporalio_protos::temporal::api::common::v1::{Memo, Payload, Payloads, WorkflowExecution};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1::outcome;

use crate::guest::{Command, ExternalTarget};
use crate::search::is_null;
use crate::time::set_duration;

/// Lines of agreement shown before the first difference.
const CONTEXT: usize = 3;
/// Lines shown from the first difference on.
const SHOWN: usize = 5;

/// The first difference between history and code (WF-03).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The event that differs; `None` where history has nothing more.
    pub event_id: Option<i64>,
    /// One sentence.
    pub summary: String,
    /// What history says beside what the code wants, a line each.
    pub diff: String,
}

/// What is compared of a command and of its event.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// Kind, names and IDs: must always agree.
    shape: String,
    /// Inputs and durations: must agree for the very same component.
    content: Option<Content>,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Payloads(Option<Payloads>),
    /// Names and values; `None` where a value is removed.
    Fields(BTreeMap<String, Option<Vec<u8>>>),
    Nanos(u128),
}

/// Compares the commands of a task with the recorded events of its commands, in
/// order and count. With `same_component` (the very code that recorded them)
/// inputs, results and durations must agree too.
pub fn compare(
    commands: &[Command],
    recorded: &[HistoryEvent],
    same_component: bool,
) -> Result<(), Divergence> {
    let wanted: Vec<Step> = commands.iter().map(step_of_command).collect();
    let said: Vec<Step> = recorded.iter().map(step_of_event).collect();
    let agree = |said: &Step, wanted: &Step| {
        said.shape == wanted.shape && (!same_component || said.content == wanted.content)
    };
    let differs = (0..said.len().max(wanted.len())).find(|index| {
        match (said.get(*index), wanted.get(*index)) {
            (Some(said), Some(wanted)) => !agree(said, wanted),
            _ => true,
        }
    });
    match differs {
        None => Ok(()),
        Some(index) => Err(divergence(index, &said, &wanted, recorded)),
    }
}

fn divergence(
    index: usize,
    said: &[Step],
    wanted: &[Step],
    recorded: &[HistoryEvent],
) -> Divergence {
    let event_id = recorded.get(index).map(|event| event.event_id);
    let summary = match (said.get(index), wanted.get(index)) {
        (Some(said), Some(wanted)) if said.shape == wanted.shape => format!(
            "the code passes other data than history has: {}",
            said.shape
        ),
        (Some(said), Some(wanted)) => {
            format!(
                "history has {}, the code wants {}",
                said.shape, wanted.shape
            )
        }
        (Some(said), None) => format!("history has {}, the code wants nothing more", said.shape),
        (None, Some(wanted)) => {
            format!("history has nothing more, the code wants {}", wanted.shape)
        }
        (None, None) => String::new(),
    };
    let mut diff = format!("{:>8}  {:<48}  {}\n", "event", "history", "code");
    let last = (index + SHOWN).min(said.len().max(wanted.len()));
    for line in index.saturating_sub(CONTEXT)..last {
        let id = recorded.get(line).map(|event| event.event_id.to_string());
        let shape = |steps: &[Step]| steps.get(line).map_or("-".to_owned(), |s| s.shape.clone());
        let mark = if line == index { '>' } else { ' ' };
        // Writing to a string cannot fail.
        let _ = writeln!(
            diff,
            "{mark}{:>7}  {:<48}  {}",
            id.unwrap_or_default(),
            shape(said),
            shape(wanted)
        );
    }
    Divergence {
        event_id,
        summary,
        diff,
    }
}

fn step_of_command(command: &Command) -> Step {
    match command {
        Command::ScheduleActivity(asked) => Step {
            shape: format!(
                "activity {} (ID {})",
                asked.activity_type, asked.activity_id
            ),
            content: Some(Content::Payloads(asked.input.clone())),
        },
        Command::RequestCancelActivity {
            activity_id: _,
            scheduled_event_id,
            ..
        } => Step {
            shape: cancel_activity_shape(*scheduled_event_id),
            content: None,
        },
        Command::StartTimer(timer) => Step {
            shape: format!("timer (ID {})", timer.timer_id),
            content: Some(Content::Nanos(timer.duration.as_nanos())),
        },
        Command::CancelTimer { timer_id, .. } => Step {
            shape: format!("cancel of timer (ID {timer_id})"),
            content: None,
        },
        Command::AcceptUpdate { update_id, name } => Step {
            shape: accept_shape(name, update_id),
            content: None,
        },
        Command::CompleteUpdate { update_id, outcome } => Step {
            shape: complete_shape(update_id, outcome.is_ok()),
            content: outcome
                .as_ref()
                .ok()
                // An empty list is written where there is no result.
                .map(|result| Content::Payloads(Some(result.clone().unwrap_or_default()))),
        },
        Command::StartChild(asked) => Step {
            shape: child_shape(&asked.workflow_type, &asked.workflow_id),
            content: Some(Content::Payloads(asked.input.clone())),
        },
        Command::SignalExternal(asked) => Step {
            shape: format!("signal {} to {}", asked.name, target_shape(&asked.target)),
            content: Some(Content::Payloads(asked.input.clone())),
        },
        Command::CancelExternal { target, .. } => Step {
            shape: format!("cancel of {}", target_shape(target)),
            content: None,
        },
        Command::UpsertSearchAttributes { changed, .. } => {
            upsert("search attributes", &changed.indexed_fields)
        }
        Command::UpsertMemo { changed, .. } => upsert("memo", &changed.fields),
        Command::CompleteWorkflow { result } => Step {
            shape: "completion of the workflow".to_owned(),
            content: Some(Content::Payloads(result.clone())),
        },
        Command::FailWorkflow { .. } => Step {
            shape: "failure of the workflow".to_owned(),
            content: None,
        },
        Command::CancelWorkflow { details } => Step {
            shape: "cancellation of the workflow".to_owned(),
            content: Some(Content::Payloads(details.clone())),
        },
        Command::ContinueAsNew(next) => Step {
            shape: format!("continuation as new {}", next.workflow_type),
            content: Some(Content::Payloads(next.input.clone())),
        },
    }
}

/// The names are the shape; the types, which the server notes in the values, are
/// not compared.
fn upsert(of: &str, fields: &HashMap<String, Payload>) -> Step {
    let content: BTreeMap<String, Option<Vec<u8>>> = fields
        .iter()
        .map(|(name, value)| (name.clone(), (!is_null(value)).then(|| value.data.clone())))
        .collect();
    let names: Vec<&str> = content.keys().map(String::as_str).collect();
    Step {
        shape: format!("upsert of {of} {}", names.join(", ")),
        content: Some(Content::Fields(content)),
    }
}

/// A request for an activity of an earlier task names its event; one for an
/// activity of the same task follows it, which the order already says.
fn cancel_activity_shape(scheduled_event_id: Option<i64>) -> String {
    match scheduled_event_id {
        Some(id) => format!("cancel of activity (event {id})"),
        None => "cancel of activity (of this task)".to_owned(),
    }
}

fn accept_shape(name: &str, update_id: &str) -> String {
    format!("acceptance of update {name} (ID {update_id})")
}

fn complete_shape(update_id: &str, is_success: bool) -> String {
    let what = if is_success { "result" } else { "failure" };
    format!("{what} of update (ID {update_id})")
}

fn child_shape(workflow_type: &str, workflow_id: &str) -> String {
    format!("child {workflow_type} (ID {workflow_id})")
}

fn target_shape(target: &ExternalTarget) -> String {
    match target {
        ExternalTarget::Execution {
            workflow_id,
            run_id,
            ..
        } => execution_shape(false, workflow_id, run_id),
        ExternalTarget::Child { workflow_id, .. } => execution_shape(true, workflow_id, ""),
    }
}

fn execution_shape(is_child: bool, workflow_id: &str, run_id: &str) -> String {
    let what = if is_child { "child" } else { "workflow" };
    match run_id {
        "" => format!("{what} (ID {workflow_id})"),
        run_id => format!("{what} (ID {workflow_id}, run {run_id})"),
    }
}

fn recorded_target_shape(is_child: bool, execution: Option<&WorkflowExecution>) -> String {
    match execution {
        Some(execution) => execution_shape(is_child, &execution.workflow_id, &execution.run_id),
        None => execution_shape(is_child, "", ""),
    }
}

fn step_of_event(event: &HistoryEvent) -> Step {
    let plain = |shape: String| Step {
        shape,
        content: None,
    };
    match &event.attributes {
        Some(Attributes::ActivityTaskScheduledEventAttributes(a)) => Step {
            shape: format!(
                "activity {} (ID {})",
                a.activity_type.as_ref().map_or("", |t| &t.name),
                a.activity_id
            ),
            content: Some(Content::Payloads(a.input.clone())),
        },
        Some(Attributes::ActivityTaskCancelRequestedEventAttributes(a)) => {
            let of_this_task = a.scheduled_event_id > a.workflow_task_completed_event_id;
            plain(cancel_activity_shape(
                (!of_this_task).then_some(a.scheduled_event_id),
            ))
        }
        Some(Attributes::TimerStartedEventAttributes(a)) => Step {
            shape: format!("timer (ID {})", a.timer_id),
            content: Some(Content::Nanos(
                set_duration(a.start_to_fire_timeout.as_ref())
                    .unwrap_or_default()
                    .as_nanos(),
            )),
        },
        Some(Attributes::TimerCanceledEventAttributes(a)) => {
            plain(format!("cancel of timer (ID {})", a.timer_id))
        }
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(a)) => {
            let request = a.accepted_request.as_ref();
            let input = request.and_then(|request| request.input.as_ref());
            plain(accept_shape(
                input.map_or("", |input| &input.name),
                &a.protocol_instance_id,
            ))
        }
        Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(a)) => {
            let result = match a.outcome.as_ref().and_then(|o| o.value.as_ref()) {
                Some(outcome::Value::Success(result)) => Some(result),
                Some(outcome::Value::Failure(_)) | None => None,
            };
            let update_id = a.meta.as_ref().map_or("", |meta| &meta.update_id);
            Step {
                shape: complete_shape(update_id, result.is_some()),
                content: result.map(|result| Content::Payloads(Some(result.clone()))),
            }
        }
        Some(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(a)) => Step {
            shape: child_shape(
                a.workflow_type.as_ref().map_or("", |t| &t.name),
                &a.workflow_id,
            ),
            content: Some(Content::Payloads(a.input.clone())),
        },
        Some(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(a)) => Step {
            shape: format!(
                "signal {} to {}",
                a.signal_name,
                recorded_target_shape(a.child_workflow_only, a.workflow_execution.as_ref())
            ),
            content: Some(Content::Payloads(a.input.clone())),
        },
        Some(Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a)) => {
            plain(format!(
                "cancel of {}",
                recorded_target_shape(a.child_workflow_only, a.workflow_execution.as_ref())
            ))
        }
        Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(a)) => {
            let changed = a.search_attributes.clone().unwrap_or_default();
            upsert("search attributes", &changed.indexed_fields)
        }
        Some(Attributes::WorkflowPropertiesModifiedEventAttributes(a)) => {
            let changed: Memo = a.upserted_memo.clone().unwrap_or_default();
            upsert("memo", &changed.fields)
        }
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => Step {
            shape: "completion of the workflow".to_owned(),
            content: Some(Content::Payloads(a.result.clone())),
        },
        Some(Attributes::WorkflowExecutionFailedEventAttributes(_)) => {
            plain("failure of the workflow".to_owned())
        }
        Some(Attributes::WorkflowExecutionCanceledEventAttributes(a)) => Step {
            shape: "cancellation of the workflow".to_owned(),
            content: Some(Content::Payloads(a.details.clone())),
        },
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => Step {
            shape: format!(
                "continuation as new {}",
                a.workflow_type.as_ref().map_or("", |t| &t.name)
            ),
            content: Some(Content::Payloads(a.input.clone())),
        },
        _ => plain(format!("{:?}", event.event_type())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use temporalio_protos::temporal::api::common::v1::WorkflowType;
    use temporalio_protos::temporal::api::history::v1::{
        TimerStartedEventAttributes, WorkflowExecutionContinuedAsNewEventAttributes,
    };

    use super::*;
    use crate::guest::{ContinueAsNew, StartTimer, VersioningIntent};
    use crate::history::event;
    use crate::time::{Timestamp, wire_duration};

    fn timer(id: &str, seconds: u64) -> Command {
        Command::StartTimer(StartTimer {
            handle: 1,
            timer_id: id.into(),
            duration: Duration::from_secs(seconds),
            metadata: None,
        })
    }

    fn started(event_id: i64, id: &str, seconds: u64) -> HistoryEvent {
        event(
            event_id,
            Timestamp::EPOCH,
            Attributes::TimerStartedEventAttributes(TimerStartedEventAttributes {
                timer_id: id.into(),
                start_to_fire_timeout: Some(wire_duration(Duration::from_secs(seconds))),
                workflow_task_completed_event_id: 4,
            }),
        )
    }

    #[test]
    fn equal_commands_agree() {
        assert!(compare(&[timer("1", 5)], &[started(5, "1", 5)], true).is_ok());
    }

    #[test]
    fn wf_02_durations_matter_only_to_the_component_that_recorded_them() {
        assert!(compare(&[timer("1", 6)], &[started(5, "1", 5)], false).is_ok());
        let divergence = compare(&[timer("1", 6)], &[started(5, "1", 5)], true).unwrap_err();
        assert!(divergence.summary.contains("other data"), "{divergence:?}");
    }

    #[test]
    fn another_update_or_another_outcome_is_a_difference() {
        use temporalio_protos::temporal::api::history::v1::{
            WorkflowExecutionUpdateAcceptedEventAttributes as Accepted,
            WorkflowExecutionUpdateCompletedEventAttributes as Completed,
        };
        use temporalio_protos::temporal::api::update::v1::{Input, Meta, Outcome, Request};
        let input = Input {
            name: "add".into(),
            ..Input::default()
        };
        let meta = Meta {
            update_id: "u".into(),
            ..Meta::default()
        };
        let accepted = Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(Accepted {
            protocol_instance_id: "u".into(),
            accepted_request: Some(Request {
                input: Some(input),
                ..Request::default()
            }),
            ..Accepted::default()
        });
        let completed = Attributes::WorkflowExecutionUpdateCompletedEventAttributes(Completed {
            meta: Some(meta),
            outcome: Some(Outcome {
                value: Some(outcome::Value::Success(Payloads::default())),
            }),
            ..Completed::default()
        });
        let history = [
            event(5, Timestamp::EPOCH, accepted),
            event(6, Timestamp::EPOCH, completed),
        ];
        let commands = |name: &str, outcome| {
            let update_id = "u".to_owned();
            [
                Command::AcceptUpdate {
                    update_id: update_id.clone(),
                    name: name.to_owned(),
                },
                Command::CompleteUpdate { update_id, outcome },
            ]
        };
        assert!(compare(&commands("add", Ok(None)), &history, true).is_ok());
        let other = compare(&commands("sub", Ok(None)), &history, false).unwrap_err();
        assert!(other.summary.contains("update add"), "{other:?}");
        let failure = crate::failure::canceled("no", None);
        let failed = compare(&commands("add", Err(failure)), &history, false).unwrap_err();
        assert!(failed.summary.contains("failure of update"), "{failed:?}");
    }

    fn continuation(workflow_type: &str) -> Command {
        Command::ContinueAsNew(Box::new(ContinueAsNew {
            workflow_type: workflow_type.into(),
            task_queue: "orders".into(),
            input: None,
            header: None,
            run_timeout: None,
            task_timeout: None,
            retry_policy: None,
            memo: None,
            search_attributes: None,
            versioning: VersioningIntent::Unspecified,
            backoff: None,
            component: None,
        }))
    }

    #[test]
    fn wf_13_a_run_continues_as_the_type_and_with_the_input_that_it_recorded() {
        let continued = event(
            5,
            Timestamp::EPOCH,
            Attributes::WorkflowExecutionContinuedAsNewEventAttributes(
                WorkflowExecutionContinuedAsNewEventAttributes {
                    workflow_type: Some(WorkflowType {
                        name: "Order".into(),
                    }),
                    ..WorkflowExecutionContinuedAsNewEventAttributes::default()
                },
            ),
        );
        let recorded = [continued];
        assert!(compare(&[continuation("Order")], &recorded, true).is_ok());
        let other = compare(&[continuation("Invoice")], &recorded, false).unwrap_err();
        assert!(other.summary.contains("new Invoice"), "{}", other.summary);
        let ended = Command::CompleteWorkflow { result: None };
        assert!(compare(&[ended], &recorded, false).is_err());
    }

    #[test]
    fn wf_03_more_and_less_than_history_are_both_shown() {
        let more = compare(
            &[timer("1", 5), timer("2", 5)],
            &[started(5, "1", 5)],
            false,
        );
        let more = more.unwrap_err();
        assert_eq!(more.event_id, None);
        assert!(
            more.summary
                .contains("nothing more, the code wants timer (ID 2)")
        );
        let less = compare(&[], &[started(5, "1", 5)], false).unwrap_err();
        assert_eq!(less.event_id, Some(5));
        assert!(
            less.diff.contains(">      5  timer (ID 1)"),
            "{}",
            less.diff
        );
    }

    #[test]
    fn wf_27_an_upsert_is_compared_by_its_names_and_for_the_same_code_by_its_values() {
        use temporalio_protos::temporal::api::common::v1::SearchAttributes;
        use temporalio_protos::temporal::api::history::v1::UpsertWorkflowSearchAttributesEventAttributes;

        let attributes = |name: &str, value: &str| SearchAttributes {
            indexed_fields: [(name.to_owned(), crate::search::keyword(value))].into(),
        };
        let wanted = |name, value| {
            let mut changed = attributes(name, value);
            for payload in changed.indexed_fields.values_mut() {
                // The server notes the type when it takes the value.
                payload.metadata.remove("type");
            }
            Command::UpsertSearchAttributes {
                changed,
                whole: SearchAttributes::default(),
            }
        };
        let said = event(
            5,
            Timestamp::EPOCH,
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(
                UpsertWorkflowSearchAttributesEventAttributes {
                    workflow_task_completed_event_id: 4,
                    search_attributes: Some(attributes("Color", "red")),
                },
            ),
        );
        let said = [said];
        assert!(compare(&[wanted("Color", "red")], &said, true).is_ok());
        assert!(compare(&[wanted("Color", "blue")], &said, false).is_ok());
        assert!(compare(&[wanted("Color", "blue")], &said, true).is_err());
        let other = compare(&[wanted("Shape", "red")], &said, false).unwrap_err();
        assert!(
            other.summary.contains("search attributes Color"),
            "{other:?}"
        );
    }
}
