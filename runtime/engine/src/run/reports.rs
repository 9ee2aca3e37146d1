//! What workers and clients report of a run's activities.

use std::sync::Arc;

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::RetryState;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ActivityTaskCanceledEventAttributes, ActivityTaskCompletedEventAttributes,
    ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes, ActivityTaskTimedOutEventAttributes,
};

use super::{InputError, Run};
use crate::activity::{
    ActivityRef, AfterFailure, HeartbeatReply, NotRunning, PendingActivity, StartedAttempt,
};
use crate::ids::TaskQueue;
use crate::time::Timestamp;

/// An activity that began to wait for a worker in this step.
#[derive(Clone, Debug)]
pub struct QueuedActivity {
    /// The activity.
    pub scheduled_event_id: i64,
    /// Where.
    pub task_queue: TaskQueue,
    /// Since when.
    pub queued_at: Timestamp,
    /// Its event, where this step recorded it.
    pub scheduled: Option<Arc<ActivityTaskScheduledEventAttributes>>,
}

impl Run {
    /// The activities that began to wait for a worker since the last call, oldest
    /// first. Offer them before the change is taken out.
    pub fn take_queued(&mut self) -> Vec<QueuedActivity> {
        let queued = std::mem::take(&mut self.staged.queued);
        queued
            .into_iter()
            .filter_map(|id| {
                let activity = self.activities.get(&id)?;
                Some(QueuedActivity {
                    scheduled_event_id: id,
                    task_queue: activity.task_queue().clone(),
                    queued_at: activity.attempt_scheduled_at(),
                    scheduled: self.staged_schedule(id),
                })
            })
            .collect()
    }

    fn staged_schedule(&self, id: i64) -> Option<Arc<ActivityTaskScheduledEventAttributes>> {
        let first = self.staged.events.first()?.event_id;
        let index = usize::try_from(id.checked_sub(first)?).ok()?;
        match self.staged.events.get(index)?.attributes.as_ref()? {
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
                Some(Arc::new(scheduled.clone()))
            }
            _ => None,
        }
    }

    /// A worker takes a waiting activity.
    pub fn start_attempt(
        &mut self,
        now: Timestamp,
        scheduled_event_id: i64,
        identity: &str,
        nonce: u64,
    ) -> Result<StartedAttempt, NotRunning> {
        let activity = self.activities.get_mut(&scheduled_event_id);
        let attempt = activity.ok_or(NotRunning)?.start(now, identity, nonce)?;
        self.activity_changed(scheduled_event_id);
        self.staged.queued.remove(&scheduled_event_id);
        Ok(attempt)
    }

    /// A started attempt never reached its worker: it waits for one again.
    pub fn give_back(
        &mut self,
        scheduled_event_id: i64,
        attempt: u32,
        nonce: u64,
    ) -> Result<(), NotRunning> {
        let activity = self.activities.get_mut(&scheduled_event_id);
        activity.ok_or(NotRunning)?.give_back(attempt, nonce)?;
        self.activity_changed(scheduled_event_id);
        self.staged.queued.insert(scheduled_event_id);
        Ok(())
    }

    /// The attempt is alive (ACT-07).
    pub fn heartbeat(
        &mut self,
        now: Timestamp,
        activity: &ActivityRef,
        details: Option<Payloads>,
    ) -> Result<HeartbeatReply, InputError> {
        let id = self.running(activity)?;
        let pending = self.pending_mut(id)?;
        let reply = pending
            .heartbeat(now, details)
            .map_err(|NotRunning| InputError::ActivityNotStarted(pending.activity_id().into()))?;
        self.activity_changed(id);
        Ok(reply)
    }

    /// The attempt completed. By ID it may also be one that no worker has taken
    /// yet: somebody else did the work (ACT-15).
    pub fn complete_activity(
        &mut self,
        now: Timestamp,
        activity: &ActivityRef,
        result: Option<Payloads>,
        identity: String,
    ) -> Result<(), InputError> {
        self.take_input()?;
        let id = self.find(activity)?;
        if matches!(activity, ActivityRef::Token { .. }) {
            self.running(activity)?;
        }
        let started_event_id = self.record_attempt(now, id, &identity);
        self.record_event(
            now,
            Attributes::ActivityTaskCompletedEventAttributes(
                ActivityTaskCompletedEventAttributes {
                    result,
                    scheduled_event_id: id,
                    started_event_id,
                    identity,
                    ..ActivityTaskCompletedEventAttributes::default()
                },
            ),
        );
        Ok(())
    }

    /// The attempt failed: it is retried, or the activity closes as failed.
    pub fn fail_activity(
        &mut self,
        now: Timestamp,
        activity: &ActivityRef,
        failure: Failure,
        last_heartbeat_details: Option<Payloads>,
        identity: String,
    ) -> Result<(), InputError> {
        self.take_input()?;
        let id = self.running(activity)?;
        let keep = self.limits.stored_failure_bytes;
        let pending = self.pending_mut(id)?;
        pending.keep_heartbeat_details(last_heartbeat_details);
        match pending.fail(now, failure.clone(), keep) {
            AfterFailure::Retrying => self.activity_changed(id),
            AfterFailure::Closed(retry_state) => {
                self.close_failed(now, id, failure, retry_state, identity);
            }
        }
        Ok(())
    }

    fn close_failed(
        &mut self,
        now: Timestamp,
        id: i64,
        failure: Failure,
        retry_state: RetryState,
        identity: String,
    ) {
        let started_event_id = self.record_attempt(now, id, &identity);
        self.record_event(
            now,
            Attributes::ActivityTaskFailedEventAttributes(ActivityTaskFailedEventAttributes {
                failure: Some(failure),
                scheduled_event_id: id,
                started_event_id,
                identity,
                retry_state: retry_state as i32,
                ..ActivityTaskFailedEventAttributes::default()
            }),
        );
    }

    /// The worker stopped because it was asked to.
    pub fn cancel_activity(
        &mut self,
        now: Timestamp,
        activity: &ActivityRef,
        details: Option<Payloads>,
        identity: String,
    ) -> Result<(), InputError> {
        self.take_input()?;
        let id = self.running(activity)?;
        let pending = self.pending_mut(id)?;
        let requested = pending.cancel_requested_event_id();
        if requested == 0 {
            return Err(InputError::CancelNotRequested(pending.activity_id().into()));
        }
        let started_event_id = self.record_attempt(now, id, &identity);
        self.record_canceled(now, id, started_event_id, requested, details, identity);
        Ok(())
    }

    pub(super) fn record_canceled(
        &mut self,
        now: Timestamp,
        scheduled_event_id: i64,
        started_event_id: i64,
        latest_cancel_requested_event_id: i64,
        details: Option<Payloads>,
        identity: String,
    ) {
        self.record_event(
            now,
            Attributes::ActivityTaskCanceledEventAttributes(ActivityTaskCanceledEventAttributes {
                details,
                latest_cancel_requested_event_id,
                scheduled_event_id,
                started_event_id,
                identity,
                ..ActivityTaskCanceledEventAttributes::default()
            }),
        );
    }

    pub(super) fn close_timed_out(
        &mut self,
        now: Timestamp,
        id: i64,
        failure: Failure,
        retry_state: RetryState,
    ) {
        let was_started = self
            .activities
            .get(&id)
            .is_some_and(PendingActivity::is_started);
        let started_event_id = if was_started {
            self.record_attempt(now, id, "")
        } else {
            0
        };
        self.record_event(
            now,
            Attributes::ActivityTaskTimedOutEventAttributes(ActivityTaskTimedOutEventAttributes {
                failure: Some(failure),
                scheduled_event_id: id,
                started_event_id,
                retry_state: retry_state as i32,
            }),
        );
    }

    /// Writes the ActivityTaskStarted event that history was spared until now
    /// (ACT-12), at the time when the attempt really started.
    fn record_attempt(&mut self, now: Timestamp, id: i64, reporter: &str) -> i64 {
        let Some(activity) = self.activities.get(&id) else {
            return 0;
        };
        let (started_at, identity) = if activity.is_started() {
            (activity.started_at(), activity.worker_identity().to_owned())
        } else {
            (now, reporter.to_owned())
        };
        let attributes = ActivityTaskStartedEventAttributes {
            scheduled_event_id: id,
            identity,
            attempt: i32::try_from(activity.attempt()).unwrap_or(i32::MAX),
            last_failure: activity.last_failure().cloned(),
            ..ActivityTaskStartedEventAttributes::default()
        };
        self.record_event_of(
            started_at,
            Attributes::ActivityTaskStartedEventAttributes(attributes),
        )
    }

    /// The pending activity that is meant, in whatever state.
    fn find(&self, activity: &ActivityRef) -> Result<i64, InputError> {
        if !self.is_open() {
            return Err(InputError::RunClosed);
        }
        match activity {
            ActivityRef::Token {
                scheduled_event_id, ..
            } => self
                .activities
                .contains_key(scheduled_event_id)
                .then_some(*scheduled_event_id)
                .ok_or_else(|| InputError::ActivityNotFound(scheduled_event_id.to_string())),
            ActivityRef::Id(activity_id) => self
                .activities
                .values()
                .find(|pending| pending.activity_id() == activity_id)
                .map(PendingActivity::scheduled_event_id)
                .ok_or_else(|| InputError::ActivityNotFound(activity_id.clone())),
        }
    }

    /// The pending activity that is meant, if the meant attempt of it runs.
    fn running(&self, activity: &ActivityRef) -> Result<i64, InputError> {
        let id = self.find(activity)?;
        let pending = self
            .activities
            .get(&id)
            .ok_or_else(|| InputError::ActivityNotFound(id.to_string()))?;
        match activity {
            ActivityRef::Token { attempt, nonce, .. } => pending
                .check_token(*attempt, *nonce)
                .map_err(|NotRunning| InputError::StaleAttempt {
                    activity_id: pending.activity_id().to_owned(),
                    attempt: *attempt,
                })?,
            ActivityRef::Id(activity_id) if !pending.is_started() => {
                return Err(InputError::ActivityNotStarted(activity_id.clone()));
            }
            ActivityRef::Id(_) => {}
        }
        Ok(id)
    }

    fn pending_mut(&mut self, id: i64) -> Result<&mut PendingActivity, InputError> {
        self.activities
            .get_mut(&id)
            .ok_or_else(|| InputError::ActivityNotFound(id.to_string()))
    }
}
