//! The stored form of a pending activity.

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{Payloads, Priority, RetryPolicy};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;

use super::Timeouts;
use crate::ids::RunId;
use crate::time::{Timestamp, set_duration};
use crate::transition::ActivityRow;

/// A stored activity that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored activity {scheduled_event_id} of run {run_id} is damaged: {reason}")]
pub struct CorruptActivity {
    /// The run.
    pub run_id: RunId,
    /// The activity.
    pub scheduled_event_id: i64,
    /// What is wrong.
    pub reason: String,
}

/// Where the current attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Phase {
    /// Waits for a worker.
    Queued = 0,
    /// A worker has it.
    Started = 1,
    /// Waits for its time.
    BackingOff = 2,
}

/// Tags are for ever: add, never reuse.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(string, tag = "1")]
    pub(super) activity_id: String,
    #[prost(string, tag = "2")]
    pub(super) activity_type: String,
    #[prost(enumeration = "Phase", tag = "3")]
    phase_tag: i32,
    #[prost(uint32, tag = "4")]
    pub(super) attempt: u32,
    #[prost(fixed64, tag = "5")]
    pub(super) nonce: u64,
    #[prost(sfixed64, tag = "6")]
    pub(super) scheduled_at_ns: i64,
    /// When the queued or running attempt was scheduled, or will be.
    #[prost(sfixed64, tag = "7")]
    pub(super) attempt_scheduled_at_ns: i64,
    #[prost(sfixed64, tag = "8")]
    pub(super) started_at_ns: i64,
    #[prost(sfixed64, tag = "9")]
    pub(super) last_heartbeat_at_ns: i64,
    #[prost(sfixed64, tag = "10")]
    pub(super) last_attempt_closed_at_ns: i64,
    #[prost(message, optional, tag = "11")]
    pub(super) heartbeat_details: Option<Payloads>,
    #[prost(int64, tag = "12")]
    pub(super) cancel_requested_event_id: i64,
    #[prost(message, optional, tag = "13")]
    pub(super) last_failure: Option<Failure>,
    #[prost(string, tag = "14")]
    pub(super) worker_identity: String,
    #[prost(uint64, optional, tag = "15")]
    schedule_to_close_ns: Option<u64>,
    #[prost(uint64, optional, tag = "16")]
    schedule_to_start_ns: Option<u64>,
    #[prost(uint64, optional, tag = "17")]
    start_to_close_ns: Option<u64>,
    #[prost(uint64, optional, tag = "18")]
    heartbeat_ns: Option<u64>,
    #[prost(message, optional, tag = "19")]
    pub(super) retry_policy: Option<RetryPolicy>,
    #[prost(message, optional, tag = "20")]
    pub(super) priority: Option<Priority>,
    /// The type of the run that it belongs to: a worker is told.
    #[prost(string, tag = "21")]
    pub(super) workflow_type: String,
}

fn to_ns(duration: Option<std::time::Duration>) -> Option<u64> {
    duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn from_ns(ns: Option<u64>) -> Option<std::time::Duration> {
    ns.map(std::time::Duration::from_nanos)
}

impl Record {
    pub(super) fn new(
        workflow_type: &str,
        event: &ActivityTaskScheduledEventAttributes,
        now: Timestamp,
    ) -> Self {
        let ns = |timeout: &Option<_>| to_ns(set_duration(timeout.as_ref()));
        let activity_type = event.activity_type.as_ref().map(|t| t.name.clone());
        Self {
            activity_id: event.activity_id.clone(),
            activity_type: activity_type.unwrap_or_default(),
            attempt: 1,
            scheduled_at_ns: now.as_nanos(),
            attempt_scheduled_at_ns: now.as_nanos(),
            schedule_to_close_ns: ns(&event.schedule_to_close_timeout),
            schedule_to_start_ns: ns(&event.schedule_to_start_timeout),
            start_to_close_ns: ns(&event.start_to_close_timeout),
            heartbeat_ns: ns(&event.heartbeat_timeout),
            retry_policy: event.retry_policy.clone(),
            priority: event.priority.clone(),
            workflow_type: workflow_type.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn decode(row: &ActivityRow) -> Result<Self, CorruptActivity> {
        let corrupt = |reason: String| CorruptActivity {
            run_id: row.run_id,
            scheduled_event_id: row.scheduled_event_id,
            reason,
        };
        let record = <Self as Message>::decode(row.state.as_slice())
            .map_err(|error| corrupt(error.to_string()))?;
        if Phase::try_from(record.phase_tag).is_err() || record.attempt == 0 {
            return Err(corrupt("its phase or attempt is unknown".to_owned()));
        }
        Ok(record)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    pub(super) fn phase(&self) -> Phase {
        // Checked when it was read.
        Phase::try_from(self.phase_tag).unwrap_or(Phase::Queued)
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.phase_tag = phase as i32;
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts {
            schedule_to_close: from_ns(self.schedule_to_close_ns),
            schedule_to_start: from_ns(self.schedule_to_start_ns),
            start_to_close: from_ns(self.start_to_close_ns),
            heartbeat: from_ns(self.heartbeat_ns),
        }
    }
}
