//! How events change a run. This is the only place where what history tells
//! changes.

use prost::Message as _;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::deadlines::Deadlines;
use super::record::OpenTaskRecord;
use super::{Run, Timer};
use crate::activity::PendingActivity;
use crate::history::{self, closes_run, event_time, is_deliverable};
use crate::time::{Timestamp, set_duration};

impl Run {
    /// Records an event at `now` (or at the latest event's time, if the clock
    /// went back), applies and stages it. Returns its ID.
    pub(super) fn record_event(&mut self, now: Timestamp, attributes: Attributes) -> i64 {
        let now = now.max(Timestamp::from_nanos(self.record.last_event_at_ns));
        self.record.last_event_at_ns = now.as_nanos();
        self.record_event_of(now, attributes)
    }

    /// Records an event that happened at another time than now.
    pub(super) fn record_event_of(&mut self, time: Timestamp, attributes: Attributes) -> i64 {
        let event = history::event(self.record.next_event_id, time, attributes);
        self.record_whole_event(event)
    }

    /// Records an event that carries more than attributes.
    pub(super) fn record_whole_event(&mut self, event: HistoryEvent) -> i64 {
        let id = event.event_id;
        self.apply(&event);
        self.staged.events.push(event);
        id
    }

    pub(super) fn apply(&mut self, event: &HistoryEvent) {
        self.record.next_event_id = event.event_id + 1;
        self.record.history_size_bytes += event.encoded_len() as i64;
        if is_deliverable(event) {
            self.note_deliverable(event);
        }
        let Some(attributes) = &event.attributes else {
            return;
        };
        let time = event_time(event);
        if closes_run(event) {
            self.write_last_letters(event);
        }
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                self.record.batch_waits = true;
                let backoff = set_duration(started.first_workflow_task_backoff.as_ref());
                self.record.first_task_at_ns =
                    backoff.map_or(0, |backoff| (time + backoff).as_nanos());
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(_) => {
                self.record.cancel_requested = true;
            }
            Attributes::WorkflowTaskScheduledEventAttributes(_) => {
                self.record.open_task = Some(OpenTaskRecord {
                    scheduled_event_id: event.event_id,
                    ..OpenTaskRecord::default()
                });
                self.record.first_task_at_ns = 0;
                self.batch_len = self.unread.as_ref().map_or(0, Vec::len);
            }
            Attributes::WorkflowTaskStartedEventAttributes(started) => {
                if let Some(task) = &mut self.record.open_task {
                    task.started_event_id = event.event_id;
                    task.started_at_ns = time.as_nanos();
                    task.history_size_bytes = started.history_size_bytes;
                }
            }
            Attributes::WorkflowTaskCompletedEventAttributes(completed) => {
                let sdk = completed.sdk_metadata.as_ref();
                self.record.last_sdk_version =
                    sdk.map(|sdk| sdk.sdk_version.clone()).unwrap_or_default();
                self.task_completed();
            }
            Attributes::WorkflowTaskFailedEventAttributes(_) => self.task_failed(),
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
                let workflow_type = &self.record.workflow_type;
                let activity = PendingActivity::schedule(
                    self.run_id,
                    event.event_id,
                    workflow_type,
                    scheduled,
                    time,
                );
                self.activities.insert(event.event_id, activity);
                self.activity_changed(event.event_id);
                self.staged.queued.insert(event.event_id);
            }
            Attributes::ActivityTaskCompletedEventAttributes(a) => {
                self.drop_activity(a.scheduled_event_id);
            }
            Attributes::ActivityTaskFailedEventAttributes(a) => {
                self.drop_activity(a.scheduled_event_id);
            }
            Attributes::ActivityTaskTimedOutEventAttributes(a) => {
                self.drop_activity(a.scheduled_event_id);
            }
            Attributes::ActivityTaskCanceledEventAttributes(a) => {
                self.drop_activity(a.scheduled_event_id);
            }
            Attributes::TimerStartedEventAttributes(started) => {
                let duration = set_duration(started.start_to_fire_timeout.as_ref());
                let timer = Timer {
                    timer_id: started.timer_id.clone(),
                    fire_at: time + duration.unwrap_or_default(),
                };
                self.deadlines.set(event.event_id, Some(timer.fire_at));
                self.timers.insert(event.event_id, timer);
                self.staged.timers.insert(event.event_id);
            }
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                self.apply_accepted(event.event_id, a);
            }
            Attributes::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
                self.apply_completed(event.event_id, a);
            }
            Attributes::TimerFiredEventAttributes(a) => self.drop_timer(a.started_event_id),
            Attributes::TimerCanceledEventAttributes(a) => self.drop_timer(a.started_event_id),
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(_)
            | Attributes::WorkflowPropertiesModifiedEventAttributes(_) => {
                self.record.has_upserts = true;
            }
            Attributes::WorkflowExecutionCompletedEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::Completed, time);
            }
            Attributes::WorkflowExecutionFailedEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::Failed, time);
            }
            Attributes::WorkflowExecutionCanceledEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::Canceled, time);
            }
            Attributes::WorkflowExecutionTerminatedEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::Terminated, time);
            }
            Attributes::WorkflowExecutionTimedOutEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::TimedOut, time);
            }
            Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_) => {
                self.close(WorkflowExecutionStatus::ContinuedAsNew, time);
            }
            others => self.apply_of_others(event.event_id, others),
        }
    }

    fn note_deliverable(&mut self, event: &HistoryEvent) {
        if self.record.open_task.is_some() {
            self.record.behind_batch = true;
        } else {
            self.record.batch_waits = true;
        }
        if let Some(unread) = &mut self.unread {
            unread.push(event.clone());
        }
    }

    /// The batch was delivered; what came in behind it is the next one.
    fn task_completed(&mut self) {
        self.record.had_task = true;
        self.record.open_task = None;
        self.unblock();
        self.record.batch_waits = std::mem::take(&mut self.record.behind_batch);
        if let Some(unread) = &mut self.unread {
            unread.drain(..self.batch_len.min(unread.len()));
        } else if !self.record.batch_waits {
            self.unread = Some(Vec::new());
        }
        self.batch_len = 0;
    }

    /// The batch waits for the next task, together with what came in behind it.
    fn task_failed(&mut self) {
        self.record.open_task = None;
        self.record.batch_waits = true;
        self.record.behind_batch = false;
        self.batch_len = 0;
    }

    /// A pending activity is new or another one than before: its row is written,
    /// its deadline is looked at again.
    pub(super) fn activity_changed(&mut self, scheduled_event_id: i64) {
        let activity = self.activities.get(&scheduled_event_id);
        let due = activity.and_then(PendingActivity::next_due);
        self.deadlines.set(scheduled_event_id, due);
        self.staged.activities.insert(scheduled_event_id);
    }

    fn drop_activity(&mut self, scheduled_event_id: i64) {
        if self.activities.remove(&scheduled_event_id).is_some() {
            self.deadlines.set(scheduled_event_id, None);
            self.staged.close_activity(scheduled_event_id);
        }
    }

    fn drop_timer(&mut self, started_event_id: i64) {
        if self.timers.remove(&started_event_id).is_some() {
            self.deadlines.set(started_event_id, None);
            self.staged.close_timer(started_event_id);
        }
    }

    fn close(&mut self, status: WorkflowExecutionStatus, time: Timestamp) {
        self.status = status;
        self.record.closed_at_ns = time.as_nanos();
        self.record.first_task_at_ns = 0;
        self.record.open_task = None;
        self.unblock();
        self.record.batch_waits = false;
        self.record.behind_batch = false;
        self.unread = Some(Vec::new());
        self.batch_len = 0;
        self.deadlines = Deadlines::default();
        for id in std::mem::take(&mut self.activities).into_keys() {
            self.staged.close_activity(id);
        }
        for id in std::mem::take(&mut self.timers).into_keys() {
            self.staged.close_timer(id);
        }
        self.staged.visibility = true;
    }
}
