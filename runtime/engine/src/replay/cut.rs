//! Cutting a history into workflow tasks, event by event, so that a long history
//! never has to be in memory whole.
//!
//! The batch of a task is every deliverable event recorded after the last
//! *completed* task and before this one's Scheduled. What comes in while a task
//! is open belongs to the next; a task that failed leaves its batch to the next.

use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, WorkflowTaskCompletedEventAttributes,
};

use crate::guest::UpdateDelivery;
use crate::history::{closes_run, commanded_by, event_time, is_deliverable, is_of_update};
use crate::session::{Suggests, TaskInfo, TaskInput};
use crate::time::Timestamp;

/// A history that no run can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenHistory {
    /// An event is missing or out of order.
    #[error("the history has event {found} where event {expected} belongs")]
    Gap {
        /// The next ID.
        expected: i64,
        /// The ID that came.
        found: i64,
    },
    /// A task completed that was not open.
    #[error("event {0} completes a workflow task that was not open")]
    NotOpen(i64),
}

/// A workflow task as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTask {
    /// What its code was given.
    pub input: TaskInput,
    /// Its WorkflowTaskCompleted event.
    pub completed_event_id: i64,
    /// The events of its commands, in order.
    pub commands: Vec<HistoryEvent>,
    /// The digest of the component that completed it, in hex.
    pub digest: String,
}

/// What stands behind the last completed task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// The batch of the open task, or of the next one.
    pub batch: Vec<HistoryEvent>,
    /// What came in behind the open task's batch.
    pub behind: Vec<HistoryEvent>,
    /// Whether the run is closed.
    pub closed: bool,
    /// The last event seen.
    pub last_event_id: i64,
}

#[derive(Debug)]
struct Open {
    scheduled_event_id: i64,
    started_event_id: i64,
    now: Timestamp,
    history_size_bytes: i64,
    suggests: Suggests,
}

/// Takes events one by one and gives tasks back as they become complete.
#[derive(Debug, Default)]
pub struct Cutter {
    last_event_id: i64,
    batch: Vec<HistoryEvent>,
    behind: Vec<HistoryEvent>,
    open: Option<Open>,
    complete: Option<RecordedTask>,
    last_sdk_version: String,
    closed: bool,
}

impl Cutter {
    /// Takes the next event. A task is complete once an event comes that is no
    /// command of it.
    pub fn push(&mut self, event: HistoryEvent) -> Result<Option<RecordedTask>, BrokenHistory> {
        let expected = self.last_event_id + 1;
        if event.event_id != expected {
            return Err(BrokenHistory::Gap {
                expected,
                found: event.event_id,
            });
        }
        self.last_event_id = event.event_id;
        self.closed |= closes_run(&event);
        if let Some(task) = &mut self.complete
            && (commanded_by(&event) == Some(task.completed_event_id) || is_of_update(&event))
        {
            if let Some(update) = accepted_update(&event) {
                task.input.update = Some(update);
            }
            task.commands.push(event);
            return Ok(None);
        }
        // What follows from a command by itself (a cancel of something that had not
        // started) may stand between two commands.
        if is_deliverable(&event) {
            match self.open {
                Some(_) => self.behind.push(event),
                None => self.batch.push(event),
            }
            return Ok(None);
        }
        let done = match &event.attributes {
            Some(Attributes::WorkflowTaskScheduledEventAttributes(_)) => self.complete.take(),
            _ => None,
        };
        self.follow_task(event)?;
        Ok(done)
    }

    fn follow_task(&mut self, event: HistoryEvent) -> Result<(), BrokenHistory> {
        match event.attributes {
            Some(Attributes::WorkflowTaskScheduledEventAttributes(_)) => {
                self.open = Some(Open {
                    scheduled_event_id: event.event_id,
                    started_event_id: 0,
                    now: Timestamp::default(),
                    history_size_bytes: 0,
                    suggests: Suggests::default(),
                });
            }
            Some(Attributes::WorkflowTaskStartedEventAttributes(ref started)) => {
                use temporalio_protos::temporal::api::enums::v1::SuggestContinueAsNewReason as Why;
                if let Some(open) = &mut self.open {
                    let suggests = |why: Why| {
                        started
                            .suggest_continue_as_new_reasons
                            .contains(&(why as i32))
                    };
                    open.started_event_id = event.event_id;
                    open.now = event_time(&event);
                    open.history_size_bytes = started.history_size_bytes;
                    open.suggests = Suggests {
                        too_large: suggests(Why::HistorySizeTooLarge),
                        too_long: suggests(Why::TooManyHistoryEvents),
                        too_many_updates: suggests(Why::TooManyUpdates),
                    };
                }
            }
            Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => {
                let open = self
                    .open
                    .take()
                    .ok_or(BrokenHistory::NotOpen(event.event_id))?;
                self.complete = Some(self.recorded(event.event_id, open, completed));
            }
            Some(
                Attributes::WorkflowTaskFailedEventAttributes(_)
                | Attributes::WorkflowTaskTimedOutEventAttributes(_),
            ) => {
                self.open = None;
                self.batch.append(&mut self.behind);
            }
            _ => {}
        }
        Ok(())
    }

    fn recorded(
        &mut self,
        completed_event_id: i64,
        open: Open,
        completed: WorkflowTaskCompletedEventAttributes,
    ) -> RecordedTask {
        let deployment = completed.deployment_version.clone().unwrap_or_default();
        let sdk_version = completed
            .sdk_metadata
            .clone()
            .unwrap_or_default()
            .sdk_version;
        let info = TaskInfo::new(
            open.started_event_id,
            open.history_size_bytes,
            open.suggests,
            deployment.deployment_name,
            deployment.build_id,
            std::mem::replace(&mut self.last_sdk_version, sdk_version),
        );
        let batch = std::mem::replace(&mut self.batch, std::mem::take(&mut self.behind));
        #[allow(deprecated)] // Its old meaning is just what we record.
        let digest = completed.binary_checksum;
        RecordedTask {
            input: TaskInput {
                scheduled_event_id: open.scheduled_event_id,
                now: open.now,
                replaying: true,
                batch,
                update: None,
                info,
            },
            completed_event_id,
            commands: Vec::new(),
            digest,
        }
    }

    /// At the end of what was committed: the last complete task, once. (All events
    /// of a task's commands are committed together with its completion.)
    pub fn take_complete(&mut self) -> Option<RecordedTask> {
        self.complete.take()
    }

    /// What stands behind the last completed task.
    pub fn into_tail(self) -> Tail {
        Tail {
            batch: self.batch,
            behind: self.behind,
            closed: self.closed,
            last_event_id: self.last_event_id,
        }
    }

    /// The last event taken.
    pub fn last_event_id(&self) -> i64 {
        self.last_event_id
    }
}

/// The update that a task was given, as its acceptance tells. One that was rejected
/// has left nothing to tell of.
fn accepted_update(event: &HistoryEvent) -> Option<UpdateDelivery> {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
            Some(UpdateDelivery {
                request: accepted.accepted_request.clone().unwrap_or_default(),
                run_validator: false,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::history::v1::{
        TimerStartedEventAttributes, WorkflowExecutionSignaledEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionUpdateAcceptedEventAttributes,
        WorkflowTaskFailedEventAttributes, WorkflowTaskScheduledEventAttributes,
        WorkflowTaskStartedEventAttributes,
    };
    use temporalio_protos::temporal::api::update::v1::Request;

    use super::*;
    use crate::history;

    /// A history as letters: `S` start, `s` task scheduled, `t` started, `c`
    /// completed, `f` failed, `m` a message, `k` a command of the last task.
    fn events(letters: &str) -> Vec<HistoryEvent> {
        let mut completed = 0;
        letters
            .chars()
            .zip(1..)
            .map(|(letter, id)| {
                let attributes = match letter {
                    'S' => Attributes::WorkflowExecutionStartedEventAttributes(
                        WorkflowExecutionStartedEventAttributes::default(),
                    ),
                    's' => Attributes::WorkflowTaskScheduledEventAttributes(
                        WorkflowTaskScheduledEventAttributes::default(),
                    ),
                    't' => Attributes::WorkflowTaskStartedEventAttributes(
                        WorkflowTaskStartedEventAttributes::default(),
                    ),
                    'c' => {
                        completed = id;
                        Attributes::WorkflowTaskCompletedEventAttributes(
                            WorkflowTaskCompletedEventAttributes::default(),
                        )
                    }
                    'f' => Attributes::WorkflowTaskFailedEventAttributes(
                        WorkflowTaskFailedEventAttributes::default(),
                    ),
                    'm' => Attributes::WorkflowExecutionSignaledEventAttributes(
                        WorkflowExecutionSignaledEventAttributes::default(),
                    ),
                    'k' => Attributes::TimerStartedEventAttributes(TimerStartedEventAttributes {
                        workflow_task_completed_event_id: completed,
                        ..TimerStartedEventAttributes::default()
                    }),
                    other => panic!("{other} is no event"),
                };
                history::event(id, Timestamp::from_nanos(id), attributes)
            })
            .collect()
    }

    #[test]
    fn msg_14_an_accepted_update_is_handed_out_again_without_its_validator() {
        let mut history = events("Sstcstc");
        let accepted = Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(
            WorkflowExecutionUpdateAcceptedEventAttributes {
                protocol_instance_id: "u".into(),
                accepted_request: Some(Request::default()),
                ..WorkflowExecutionUpdateAcceptedEventAttributes::default()
            },
        );
        history.push(history::event(8, Timestamp::from_nanos(8), accepted));
        let mut cutter = Cutter::default();
        let mut tasks = Vec::new();
        for event in history {
            tasks.extend(cutter.push(event).unwrap());
        }
        tasks.extend(cutter.take_complete());
        let [first, second] = tasks.as_slice() else {
            panic!("two tasks: {tasks:?}")
        };
        assert_eq!(first.input.update, None);
        let update = second.input.update.as_ref().unwrap();
        assert!(!update.run_validator);
        assert_eq!(ids(&second.commands), [8]);
    }

    type Ids = Vec<i64>;

    fn ids(events: &[HistoryEvent]) -> Ids {
        events.iter().map(|event| event.event_id).collect()
    }

    /// The batches and commands of the tasks, and the tail's batch and what is
    /// behind it.
    fn cut(letters: &str) -> (Vec<(Ids, Ids)>, Ids, Ids) {
        let mut cutter = Cutter::default();
        let mut tasks = Vec::new();
        for event in events(letters) {
            tasks.extend(cutter.push(event).expect("a history without gaps"));
        }
        tasks.extend(cutter.take_complete());
        let tail = cutter.into_tail();
        let tasks = tasks
            .iter()
            .map(|task| (ids(&task.input.batch), ids(&task.commands)))
            .collect();
        (tasks, ids(&tail.batch), ids(&tail.behind))
    }

    #[test]
    fn a_batch_is_what_came_between_two_tasks() {
        let (tasks, batch, behind) = cut("Sstckkmmstckm");
        assert_eq!(tasks, [(vec![], vec![5, 6]), (vec![7, 8], vec![12])]);
        assert_eq!((batch, behind), (vec![13], vec![]));
    }

    #[test]
    fn what_comes_in_while_a_task_is_open_belongs_to_the_next() {
        let (tasks, batch, _) = cut("Smstmcstc");
        assert_eq!(tasks, [(vec![2], vec![]), (vec![5], vec![])]);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_failed_task_leaves_its_batch_to_the_next() {
        let (tasks, _, _) = cut("Smstmfmstc");
        assert_eq!(tasks, [(vec![2, 5, 7], vec![])]);
    }

    #[test]
    fn a_task_that_a_crash_left_open_keeps_its_batch_and_what_is_behind_it() {
        let (tasks, batch, behind) = cut("Sstcmstmm");
        assert_eq!(tasks.len(), 1);
        assert_eq!((batch, behind), (vec![5], vec![8, 9]));
    }

    #[test]
    fn a_history_with_a_hole_is_named_and_no_panic() {
        let mut cutter = Cutter::default();
        let broken = events("Ss")
            .into_iter()
            .skip(1)
            .map(|event| cutter.push(event));
        let gap = BrokenHistory::Gap {
            expected: 1,
            found: 2,
        };
        assert_eq!(broken.collect::<Result<Vec<_>, _>>(), Err(gap));
        let mut cutter = Cutter::default();
        let orphan = events("c").remove(0);
        assert_eq!(cutter.push(orphan), Err(BrokenHistory::NotOpen(1)));
    }
}
