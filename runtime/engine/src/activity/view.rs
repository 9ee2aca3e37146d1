//! What a description shows of a pending activity.

use temporalio_protos::temporal::api::common::v1::{Payloads, Priority, RetryPolicy};
use temporalio_protos::temporal::api::failure::v1::Failure;

use super::record::Phase;
use super::{PendingActivity, Timeouts};
use crate::ids::TaskQueue;
use crate::time::Timestamp;

/// Where a pending activity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityState {
    /// Waits for a worker, or for its next attempt.
    Scheduled,
    /// A worker has it.
    Started,
    /// A worker has it and was, or will be, asked to stop.
    CancelRequested,
}

/// A pending activity, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityView {
    /// Its ID.
    pub activity_id: String,
    /// Its type.
    pub activity_type: String,
    /// Where it stands.
    pub state: ActivityState,
    /// The attempt that waits, runs, or comes next; from 1.
    pub attempt: u32,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// When the running attempt started.
    pub started_at: Option<Timestamp>,
    /// When the last attempt ended.
    pub last_attempt_closed_at: Option<Timestamp>,
    /// When the next attempt is due, while it backs off.
    pub next_attempt_at: Option<Timestamp>,
    /// When the schedule-to-close timeout strikes.
    pub expires_at: Option<Timestamp>,
    /// The last heartbeat of the running attempt.
    pub last_heartbeat_at: Option<Timestamp>,
    /// What the last heartbeat said.
    pub heartbeat_details: Option<Payloads>,
    /// Why the last attempt failed.
    pub last_failure: Option<Failure>,
    /// Who had the last attempt.
    pub last_worker_identity: String,
    /// Where its tasks go.
    pub task_queue: TaskQueue,
    /// The timeouts in force.
    pub timeouts: Timeouts,
    /// The policy in force.
    pub retry_policy: RetryPolicy,
    /// Dispatch priority.
    pub priority: Option<Priority>,
}

pub(super) fn of(activity: &PendingActivity) -> ActivityView {
    let record = &activity.record;
    let phase = record.phase();
    let set = |ns: i64| (ns > 0).then(|| Timestamp::from_nanos(ns));
    ActivityView {
        activity_id: record.activity_id.clone(),
        activity_type: record.activity_type.clone(),
        state: match phase {
            Phase::Started if record.cancel_requested_event_id > 0 => {
                ActivityState::CancelRequested
            }
            Phase::Started => ActivityState::Started,
            Phase::Queued | Phase::BackingOff => ActivityState::Scheduled,
        },
        attempt: record.attempt,
        scheduled_at: Timestamp::from_nanos(record.scheduled_at_ns),
        started_at: set(record.started_at_ns).filter(|_| phase == Phase::Started),
        last_attempt_closed_at: set(record.last_attempt_closed_at_ns),
        next_attempt_at: (phase == Phase::BackingOff).then(|| activity.attempt_scheduled_at()),
        expires_at: activity.schedule_to_close_deadline(),
        last_heartbeat_at: set(record.last_heartbeat_at_ns),
        heartbeat_details: record.heartbeat_details.clone(),
        last_failure: record.last_failure.clone(),
        last_worker_identity: record.worker_identity.clone(),
        task_queue: activity.task_queue.clone(),
        timeouts: record.timeouts(),
        retry_policy: record.retry_policy.clone().unwrap_or_default(),
        priority: record.priority.clone(),
    }
}
