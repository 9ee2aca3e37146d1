//! A pending activity: its attempts, timeouts, heartbeats and retries.
//!
//! History knows of an activity when it was scheduled and how it closed; all in
//! between lives here and in one row (ACT-12). The machine:
//!
//! ```text
//! Queued     + a worker takes it      -> Started(attempt)
//! Queued     + schedule-to-start      -> closed as timed out        (ACT-05)
//! Queued     + cancel request         -> closed as cancelled
//! Started    + completed              -> closed as completed
//! Started    + failed, retryable      -> BackingOff(attempt + 1)    (ACT-08)
//! Started    + failed, for good       -> closed as failed           (ACT-09, 11)
//! Started    + start-to-close         -> as failed, a timeout       (ACT-04)
//! Started    + heartbeat timeout      -> as failed, a timeout       (ACT-06)
//! Started    + heartbeat              -> Started, details kept      (ACT-07)
//! Started    + cancel request         -> Started, told by the next heartbeat (ACT-14)
//! Started    + given back             -> Queued, same attempt, new nonce
//! BackingOff + its time has come      -> Queued(attempt)
//! BackingOff + cancel request         -> closed as cancelled
//! any        + schedule-to-close      -> closed as timed out        (ACT-03)
//! ```
//!
//! "Closed" is the run's affair: it writes the events and drops the activity.

mod record;
mod view;

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{ActivityType, Payloads, Priority, RetryPolicy};
use temporalio_protos::temporal::api::enums::v1::{RetryState, TaskQueueKind, TimeoutType};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;
use temporalio_protos::temporal::api::taskqueue::v1 as wire;

pub use self::record::CorruptActivity;
use self::record::{Phase, Record};
pub use self::view::{ActivityState, ActivityView};
use crate::failure;
use crate::guest::ScheduleActivity;
use crate::ids::{RunId, TaskQueue, WorkflowType};
use crate::retry::{self, FailedAttempt, Verdict};
use crate::time::{Timestamp, wire_duration};
use crate::transition::{ActivityRow, ActivityWrite};

/// How a worker or a client names an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityRef {
    /// By the token of one attempt.
    Token {
        /// The activity.
        scheduled_event_id: i64,
        /// The attempt.
        attempt: u32,
        /// The nonce that this attempt was handed out with.
        nonce: u64,
    },
    /// By its ID: whichever attempt runs (ACT-15).
    Id(String),
}

/// What the reply to a heartbeat tells the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// Stop, please (ACT-14).
    pub cancel_requested: bool,
}

/// An attempt that was just started: what the worker is told besides the
/// scheduled event.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedAttempt {
    /// The activity.
    pub scheduled_event_id: i64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Goes into the token.
    pub nonce: u64,
    /// When the activity was scheduled.
    pub scheduled_at: Timestamp,
    /// When this attempt was scheduled.
    pub attempt_scheduled_at: Timestamp,
    /// Now.
    pub started_at: Timestamp,
    /// What the last attempt's last heartbeat said.
    pub heartbeat_details: Option<Payloads>,
    /// Effective timeouts; `None` is infinite or off.
    pub timeouts: Timeouts,
    /// The policy, defaults filled in.
    pub retry_policy: RetryPolicy,
    /// Dispatch priority.
    pub priority: Option<Priority>,
    /// What runs the activity.
    pub workflow_type: WorkflowType,
}

/// The four timeouts in force; `None` is infinite or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// ACT-03.
    pub schedule_to_close: Option<Duration>,
    /// ACT-05.
    pub schedule_to_start: Option<Duration>,
    /// ACT-04.
    pub start_to_close: Option<Duration>,
    /// ACT-06.
    pub heartbeat: Option<Duration>,
}

impl Timeouts {
    /// Fills in what follows from what: one of schedule-to-close and
    /// start-to-close bounds the other, and the run's own timeout bounds all.
    pub fn effective(asked: &ScheduleActivity, run_timeout: Option<Duration>) -> Self {
        let bounded = |timeout: Option<Duration>, bound: Option<Duration>| match (timeout, bound) {
            (Some(timeout), Some(bound)) => Some(timeout.min(bound)),
            (timeout, bound) => timeout.or(bound),
        };
        let schedule_to_close = bounded(asked.schedule_to_close_timeout, run_timeout);
        let start_to_close = bounded(asked.start_to_close_timeout, schedule_to_close);
        Self {
            schedule_to_close,
            schedule_to_start: asked
                .schedule_to_start_timeout
                .map(|timeout| schedule_to_close.map_or(timeout, |bound| timeout.min(bound))),
            start_to_close,
            heartbeat: asked
                .heartbeat_timeout
                .map(|timeout| start_to_close.map_or(timeout, |bound| timeout.min(bound))),
        }
    }
}

/// What is wrong with the attributes of a new activity, if anything (ACT-03,
/// ACT-08).
pub fn check(asked: &ScheduleActivity) -> Result<(), String> {
    if asked.activity_type.is_empty() {
        return Err("the activity has no type".to_owned());
    }
    if asked.schedule_to_close_timeout.is_none() && asked.start_to_close_timeout.is_none() {
        return Err(format!(
            "activity {} has neither a start-to-close nor a schedule-to-close timeout; \
             set one of them",
            asked.activity_type
        ));
    }
    match &asked.retry_policy {
        Some(policy) => {
            retry::check(policy).map_err(|what| format!("activity {}: {what}", asked.activity_type))
        }
        None => Ok(()),
    }
}

/// The event that schedules an activity, defaults filled in.
pub(crate) fn scheduled_event(
    asked: ScheduleActivity,
    run_queue: &TaskQueue,
    run_priority: Option<&Priority>,
    run_timeout: Option<Duration>,
    workflow_task_completed_event_id: i64,
) -> ActivityTaskScheduledEventAttributes {
    let timeouts = Timeouts::effective(&asked, run_timeout);
    let queue = asked.task_queue.as_ref().unwrap_or(run_queue);
    let wire = |timeout: Option<Duration>| timeout.map(wire_duration);
    ActivityTaskScheduledEventAttributes {
        activity_id: asked.activity_id,
        activity_type: Some(ActivityType {
            name: asked.activity_type,
        }),
        task_queue: Some(wire_queue(queue)),
        header: asked.header,
        input: asked.input,
        schedule_to_close_timeout: wire(timeouts.schedule_to_close),
        schedule_to_start_timeout: wire(timeouts.schedule_to_start),
        start_to_close_timeout: wire(timeouts.start_to_close),
        heartbeat_timeout: wire(timeouts.heartbeat),
        workflow_task_completed_event_id,
        retry_policy: Some(retry::with_defaults(asked.retry_policy)),
        priority: asked.priority.or_else(|| run_priority.cloned()),
        ..ActivityTaskScheduledEventAttributes::default()
    }
}

/// A task queue as events name it.
pub(crate) fn wire_queue(queue: &TaskQueue) -> wire::TaskQueue {
    wire::TaskQueue {
        name: queue.to_string(),
        kind: TaskQueueKind::Normal as i32,
        ..wire::TaskQueue::default()
    }
}

/// What became due.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// The backoff is over: the task waits for a worker again.
    Requeued,
    /// An attempt timed out and is retried.
    Retrying,
    /// It timed out for good.
    TimedOut {
        /// The timeout failure.
        failure: Failure,
        /// Why no further attempt is made.
        retry_state: RetryState,
    },
}

/// What follows a reported failure.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterFailure {
    /// Another attempt follows; nothing is written to history.
    Retrying,
    /// The activity closes as failed.
    Closed(RetryState),
}

/// The attempt in question is not the one that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRunning;

/// A pending activity of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingActivity {
    run_id: RunId,
    scheduled_event_id: i64,
    task_queue: TaskQueue,
    stamp: u64,
    record: Record,
}

impl PendingActivity {
    /// Schedules it: the first attempt is queued.
    pub(crate) fn schedule(
        run_id: RunId,
        scheduled_event_id: i64,
        workflow_type: &str,
        event: &ActivityTaskScheduledEventAttributes,
        now: Timestamp,
    ) -> Self {
        let task_queue = event.task_queue.as_ref().map(|queue| queue.name.clone());
        Self {
            run_id,
            scheduled_event_id,
            task_queue: TaskQueue::from(task_queue.unwrap_or_default()),
            stamp: 0,
            record: Record::new(workflow_type, event, now),
        }
    }

    /// Reads a stored row back.
    pub fn from_row(row: &ActivityRow) -> Result<Self, CorruptActivity> {
        Ok(Self {
            run_id: row.run_id,
            scheduled_event_id: row.scheduled_event_id,
            task_queue: row.task_queue.clone(),
            stamp: row.stamp,
            record: Record::decode(row)?,
        })
    }

    /// The row to store; counts the write.
    pub(crate) fn next_row(&mut self) -> ActivityRow {
        self.stamp += 1;
        ActivityRow {
            run_id: self.run_id,
            scheduled_event_id: self.scheduled_event_id,
            task_queue: self.task_queue.clone(),
            queued_at: self.is_queued().then(|| self.attempt_scheduled_at()),
            stamp: self.stamp,
            state: self.record.encode(),
        }
    }

    /// The row to store where it changes alone.
    pub fn next_write(&mut self) -> ActivityWrite {
        ActivityWrite {
            row: self.next_row(),
            wake_at: self.next_due(),
        }
    }

    /// Its ActivityTaskScheduled event.
    pub fn scheduled_event_id(&self) -> i64 {
        self.scheduled_event_id
    }

    /// Its ID.
    pub fn activity_id(&self) -> &str {
        &self.record.activity_id
    }

    /// Its type.
    pub fn activity_type(&self) -> &str {
        &self.record.activity_type
    }

    /// Where its tasks go.
    pub fn task_queue(&self) -> &TaskQueue {
        &self.task_queue
    }

    /// The attempt that is queued, runs, or comes next; from 1.
    pub fn attempt(&self) -> u32 {
        self.record.attempt
    }

    /// The failure of the last attempt.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.record.last_failure.as_ref()
    }

    /// What the last heartbeat said.
    pub fn heartbeat_details(&self) -> Option<&Payloads> {
        self.record.heartbeat_details.as_ref()
    }

    /// The worker of the last attempt.
    pub fn worker_identity(&self) -> &str {
        &self.record.worker_identity
    }

    /// When the running attempt started.
    pub fn started_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.record.started_at_ns)
    }

    /// When the queued or running attempt was scheduled.
    pub fn attempt_scheduled_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.record.attempt_scheduled_at_ns)
    }

    /// The event that asked it to stop; 0 for none.
    pub fn cancel_requested_event_id(&self) -> i64 {
        self.record.cancel_requested_event_id
    }

    /// Whether a task of it waits for a worker.
    pub fn is_queued(&self) -> bool {
        self.record.phase() == Phase::Queued
    }

    /// Whether a worker has it.
    pub fn is_started(&self) -> bool {
        self.record.phase() == Phase::Started
    }

    /// What a description shows.
    pub fn view(&self) -> ActivityView {
        view::of(self)
    }

    /// A worker takes the queued attempt.
    pub fn start(
        &mut self,
        now: Timestamp,
        identity: &str,
        nonce: u64,
    ) -> Result<StartedAttempt, NotRunning> {
        if !self.is_queued() {
            return Err(NotRunning);
        }
        let record = &mut self.record;
        record.set_phase(Phase::Started);
        record.started_at_ns = now.as_nanos();
        record.last_heartbeat_at_ns = 0;
        record.worker_identity = identity.to_owned();
        record.nonce = nonce;
        Ok(StartedAttempt {
            scheduled_event_id: self.scheduled_event_id,
            attempt: record.attempt,
            nonce,
            scheduled_at: Timestamp::from_nanos(record.scheduled_at_ns),
            attempt_scheduled_at: Timestamp::from_nanos(record.attempt_scheduled_at_ns),
            started_at: now,
            heartbeat_details: record.heartbeat_details.clone(),
            timeouts: record.timeouts(),
            retry_policy: record.retry_policy.clone().unwrap_or_default(),
            priority: record.priority.clone(),
            workflow_type: WorkflowType::from(record.workflow_type.as_str()),
        })
    }

    /// A started attempt never reached its worker: it is queued again, and what
    /// the first holder of the token says is stale.
    pub fn give_back(&mut self, attempt: u32, nonce: u64) -> Result<(), NotRunning> {
        self.check_token(attempt, nonce)?;
        self.record.set_phase(Phase::Queued);
        self.record.nonce = 0;
        Ok(())
    }

    /// Whether the token names the attempt that runs.
    pub fn check_token(&self, attempt: u32, nonce: u64) -> Result<(), NotRunning> {
        let record = &self.record;
        if self.is_started() && record.attempt == attempt && record.nonce == nonce {
            Ok(())
        } else {
            Err(NotRunning)
        }
    }

    /// The running attempt is alive.
    pub fn heartbeat(
        &mut self,
        now: Timestamp,
        details: Option<Payloads>,
    ) -> Result<HeartbeatReply, NotRunning> {
        if !self.is_started() {
            return Err(NotRunning);
        }
        self.record.last_heartbeat_at_ns = now.as_nanos();
        self.keep_heartbeat_details(details);
        Ok(HeartbeatReply {
            cancel_requested: self.record.cancel_requested_event_id > 0,
        })
    }

    /// Details that a failing worker flushes (ACT-07); absent ones change nothing.
    pub(crate) fn keep_heartbeat_details(&mut self, details: Option<Payloads>) {
        if details.as_ref().is_some_and(|d| !d.payloads.is_empty()) {
            self.record.heartbeat_details = details;
        }
    }

    /// Somebody asks it to stop. True: it is not running, so it closes at once.
    pub(crate) fn request_cancel(&mut self, event_id: i64) -> bool {
        self.record.cancel_requested_event_id = event_id;
        !self.is_started()
    }

    /// The running attempt failed.
    pub(crate) fn fail(&mut self, now: Timestamp, failure: Failure, keep: usize) -> AfterFailure {
        match self.verdict(now, &failure) {
            Verdict::RetryAt(at) => {
                self.back_off(now, at, failure::cut(failure, keep));
                AfterFailure::Retrying
            }
            Verdict::GiveUp(state) => AfterFailure::Closed(state),
        }
    }

    fn verdict(&self, now: Timestamp, failure: &Failure) -> Verdict {
        let default_policy;
        let policy = match &self.record.retry_policy {
            Some(policy) => policy,
            None => {
                default_policy = retry::with_defaults(None);
                &default_policy
            }
        };
        retry::decide(
            FailedAttempt {
                policy,
                attempt: self.record.attempt,
                failure,
                deadline: self.schedule_to_close_deadline(),
                cancel_requested: self.record.cancel_requested_event_id > 0,
            },
            now,
        )
    }

    fn back_off(&mut self, now: Timestamp, until: Timestamp, failure: Failure) {
        let record = &mut self.record;
        record.set_phase(Phase::BackingOff);
        record.attempt += 1;
        record.attempt_scheduled_at_ns = until.as_nanos();
        record.last_attempt_closed_at_ns = now.as_nanos();
        record.last_failure = Some(failure);
        record.nonce = 0;
    }

    fn schedule_to_close_deadline(&self) -> Option<Timestamp> {
        let timeout = self.record.timeouts().schedule_to_close?;
        Some(Timestamp::from_nanos(self.record.scheduled_at_ns) + timeout)
    }

    /// The earliest thing that becomes due by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let of_phase = match self.record.phase() {
            Phase::Queued => self
                .record
                .timeouts()
                .schedule_to_start
                .map(|timeout| self.attempt_scheduled_at() + timeout),
            Phase::BackingOff => Some(self.attempt_scheduled_at()),
            Phase::Started => self.attempt_deadline().map(|(at, _)| at),
        };
        match (of_phase, self.schedule_to_close_deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// When the running attempt times out, and how.
    fn attempt_deadline(&self) -> Option<(Timestamp, TimeoutType)> {
        let timeouts = self.record.timeouts();
        let started_at = self.started_at();
        let close = timeouts
            .start_to_close
            .map(|timeout| (started_at + timeout, TimeoutType::StartToClose));
        let beat = timeouts.heartbeat.map(|timeout| {
            let last = Timestamp::from_nanos(self.record.last_heartbeat_at_ns).max(started_at);
            (last + timeout, TimeoutType::Heartbeat)
        });
        // Where both fall on the same moment, the end of the attempt is the reason.
        match (close, beat) {
            (Some(close), Some(beat)) if beat.0 < close.0 => Some(beat),
            (close, beat) => close.or(beat),
        }
    }

    /// Applies what is due at `now`. A timeout for good leaves the activity to be
    /// closed by the caller.
    pub(crate) fn wake(&mut self, now: Timestamp) -> Due {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if is_due(self.schedule_to_close_deadline()) {
            return self.timed_out(TimeoutType::ScheduleToClose);
        }
        match self.record.phase() {
            Phase::Queued => {
                let timeout = self.record.timeouts().schedule_to_start;
                if is_due(timeout.map(|timeout| self.attempt_scheduled_at() + timeout)) {
                    return self.timed_out(TimeoutType::ScheduleToStart);
                }
                Due::Nothing
            }
            Phase::BackingOff => {
                if self.attempt_scheduled_at() > now {
                    return Due::Nothing;
                }
                self.record.set_phase(Phase::Queued);
                Due::Requeued
            }
            Phase::Started => match self.attempt_deadline() {
                Some((at, timeout)) if at <= now => self.attempt_timed_out(now, timeout),
                _ => Due::Nothing,
            },
        }
    }

    /// A timeout that ends the activity (ACT-09); the failure of the last attempt
    /// is its cause.
    fn timed_out(&self, timeout: TimeoutType) -> Due {
        Due::TimedOut {
            failure: failure::activity_timeout(
                timeout,
                self.record.heartbeat_details.clone(),
                self.record.last_failure.clone(),
            ),
            retry_state: match timeout {
                TimeoutType::ScheduleToClose => RetryState::Timeout,
                _ => RetryState::NonRetryableFailure,
            },
        }
    }

    fn attempt_timed_out(&mut self, now: Timestamp, timeout: TimeoutType) -> Due {
        let details = self.record.heartbeat_details.clone();
        let failure = failure::activity_timeout(timeout, details.clone(), None);
        match self.verdict(now, &failure) {
            Verdict::RetryAt(at) => {
                self.back_off(now, at, failure);
                Due::Retrying
            }
            Verdict::GiveUp(RetryState::Timeout) => Due::TimedOut {
                failure: failure::no_time_for_retry(details, failure),
                retry_state: RetryState::Timeout,
            },
            Verdict::GiveUp(retry_state) => Due::TimedOut {
                failure,
                retry_state,
            },
        }
    }
}

#[cfg(test)]
mod tests;
