//! What becomes due by itself: timers, timeouts, retries.

use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    TimerFiredEventAttributes, WorkflowExecutionTimedOutEventAttributes,
};

use super::Run;
use crate::activity::Due;
use crate::time::Timestamp;

impl Run {
    /// When the run wakes by itself, if it waits for timers alone: no activity is
    /// open and nothing is owed. A message may wake it earlier.
    pub fn sleeps_until(&self) -> Option<Timestamp> {
        let only_timers = self.pending_operations() == self.timers.len();
        if self.timers.is_empty() || !only_timers || self.owes_task() {
            return None;
        }
        self.next_wake()
    }

    /// Applies everything that is due at `now`. Waking early or twice changes
    /// nothing.
    pub fn wake(&mut self, now: Timestamp) {
        if !self.is_open() {
            return;
        }
        let (run, execution) = self.deadlines();
        if [run, execution].into_iter().flatten().any(|at| at <= now) {
            let (retry_state, new_execution_run_id) = self.follow_timeout(now);
            self.record_event(
                now,
                Attributes::WorkflowExecutionTimedOutEventAttributes(
                    WorkflowExecutionTimedOutEventAttributes {
                        retry_state: retry_state as i32,
                        new_execution_run_id,
                    },
                ),
            );
            return;
        }
        if self.first_task_at().is_some_and(|at| at <= now) {
            self.end_backoff();
        }
        for event_id in self.deadlines.due(now) {
            self.fire_timer(now, event_id);
            self.wake_activity(now, event_id);
        }
        if let Some(blocked) = &mut self.record.blocked
            && !blocked.retry_due
            && blocked.retry_at_ns <= now.as_nanos()
        {
            blocked.retry_due = true;
            self.staged.row = true;
        }
    }

    fn fire_timer(&mut self, now: Timestamp, started_event_id: i64) {
        let Some(timer) = self.timers.get(&started_event_id) else {
            return;
        };
        let attributes = TimerFiredEventAttributes {
            timer_id: timer.timer_id.clone(),
            started_event_id,
        };
        self.record_event(now, Attributes::TimerFiredEventAttributes(attributes));
    }

    fn wake_activity(&mut self, now: Timestamp, scheduled_event_id: i64) {
        let Some(activity) = self.activities.get_mut(&scheduled_event_id) else {
            return;
        };
        match activity.wake(now) {
            Due::Nothing => {}
            Due::Requeued => {
                self.activity_changed(scheduled_event_id);
                self.staged.queued.insert(scheduled_event_id);
            }
            Due::Retrying => self.activity_changed(scheduled_event_id),
            Due::TimedOut {
                failure,
                retry_state,
            } => self.close_timed_out(now, scheduled_event_id, failure, retry_state),
        }
    }
}
