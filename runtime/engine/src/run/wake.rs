//! What becomes due by itself: timers, timeouts, retries.

use temporalio_protos::temporal::api::enums::v1::RetryState;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    TimerFiredEventAttributes, WorkflowExecutionTimedOutEventAttributes,
};

use super::Run;
use crate::activity::Due;
use crate::time::Timestamp;

impl Run {
    /// Applies everything that is due at `now`. Waking early or twice changes
    /// nothing.
    pub fn wake(&mut self, now: Timestamp) {
        if !self.is_open() {
            return;
        }
        let (run, execution) = self.deadlines();
        if [run, execution].into_iter().flatten().any(|at| at <= now) {
            self.record_event(
                now,
                Attributes::WorkflowExecutionTimedOutEventAttributes(
                    WorkflowExecutionTimedOutEventAttributes {
                        retry_state: RetryState::RetryPolicyNotSet as i32,
                        ..WorkflowExecutionTimedOutEventAttributes::default()
                    },
                ),
            );
            return;
        }
        self.fire_timers(now);
        self.wake_activities(now);
        if let Some(blocked) = &mut self.record.blocked
            && !blocked.retry_due
            && blocked.retry_at_ns <= now.as_nanos()
        {
            blocked.retry_due = true;
            self.staged.row = true;
        }
    }

    /// In the order in which they were due, then in which they were started.
    fn fire_timers(&mut self, now: Timestamp) {
        let mut due: Vec<(Timestamp, i64)> = self
            .timers
            .iter()
            .filter(|(_, timer)| timer.fire_at <= now)
            .map(|(id, timer)| (timer.fire_at, *id))
            .collect();
        due.sort_unstable();
        for (_, started_event_id) in due {
            let Some(timer) = self.timers.get(&started_event_id) else {
                continue;
            };
            let attributes = TimerFiredEventAttributes {
                timer_id: timer.timer_id.clone(),
                started_event_id,
            };
            self.record_event(now, Attributes::TimerFiredEventAttributes(attributes));
        }
    }

    fn wake_activities(&mut self, now: Timestamp) {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let due: Vec<i64> = self
            .activities
            .values()
            .filter(|activity| is_due(activity.next_due()))
            .map(|activity| activity.scheduled_event_id())
            .collect();
        for id in due {
            let Some(activity) = self.activities.get_mut(&id) else {
                continue;
            };
            match activity.wake(now) {
                Due::Nothing => {}
                Due::Requeued => {
                    self.staged.activities.insert(id);
                    self.staged.queued.insert(id);
                }
                Due::Retrying => {
                    self.staged.activities.insert(id);
                }
                Due::TimedOut {
                    failure,
                    retry_state,
                } => self.close_timed_out(now, id, failure, retry_state),
            }
        }
    }
}
