//! The stored form of a run's own state: what its row holds besides the columns.

use prost::Message;
use temporalio_protos::temporal::api::common::v1::{Priority, RetryPolicy};

use super::children::ParentRecord;

/// Tags are for ever: add, never reuse. Times are nanoseconds since the epoch,
/// lengths nanoseconds; 0 stands for "none".
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(string, tag = "1")]
    pub(super) workflow_type: String,
    #[prost(string, tag = "2")]
    pub(super) task_queue: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) first_run_id: Vec<u8>,
    #[prost(string, tag = "4")]
    pub(super) start_request_id: String,
    #[prost(sfixed64, tag = "5")]
    pub(super) started_at_ns: i64,
    #[prost(sfixed64, tag = "6")]
    pub(super) closed_at_ns: i64,
    #[prost(sfixed64, tag = "7")]
    pub(super) run_deadline_ns: i64,
    #[prost(sfixed64, tag = "8")]
    pub(super) execution_deadline_ns: i64,
    #[prost(uint64, tag = "9")]
    pub(super) run_timeout_ns: u64,
    #[prost(uint64, tag = "10")]
    pub(super) execution_timeout_ns: u64,
    #[prost(uint64, tag = "11")]
    pub(super) task_timeout_ns: u64,
    #[prost(int64, tag = "12")]
    pub(super) next_event_id: i64,
    #[prost(int64, tag = "13")]
    pub(super) history_size_bytes: i64,
    /// The latest event time: the clock of the history never goes back.
    #[prost(sfixed64, tag = "14")]
    pub(super) last_event_at_ns: i64,
    #[prost(bool, tag = "15")]
    pub(super) cancel_requested: bool,
    /// Something deliverable was recorded that no completed task has seen, not
    /// counting what came after the open task was scheduled.
    #[prost(bool, tag = "16")]
    pub(super) batch_waits: bool,
    /// Something deliverable was recorded after the open task was scheduled.
    #[prost(bool, tag = "17")]
    pub(super) behind_batch: bool,
    #[prost(message, optional, tag = "18")]
    pub(super) open_task: Option<OpenTaskRecord>,
    #[prost(message, optional, tag = "19")]
    pub(super) blocked: Option<BlockedRecord>,
    #[prost(string, tag = "20")]
    pub(super) component_name: String,
    #[prost(string, tag = "21")]
    pub(super) component_version: String,
    /// The SDK that completed the last task.
    #[prost(string, tag = "22")]
    pub(super) last_sdk_version: String,
    /// Some request ID of a message is remembered in a row of its own.
    #[prost(bool, tag = "23")]
    pub(super) has_request_ids: bool,
    #[prost(message, optional, tag = "24")]
    pub(super) priority: Option<Priority>,
    /// Commits so far that changed the state.
    #[prost(int64, tag = "25")]
    pub(super) state_transitions: i64,
    /// Memo or search attributes are not those of the start any more: the lists' row
    /// has them.
    #[prost(bool, tag = "60")]
    pub(super) has_upserts: bool,
    /// Some workflow task was completed.
    #[prost(bool, tag = "30")]
    pub(super) had_task: bool,
    /// Updates accepted and not completed, in the order of acceptance.
    #[prost(message, repeated, tag = "31")]
    pub(super) accepted_updates: Vec<AcceptedUpdateRecord>,
    /// Updates accepted altogether.
    #[prost(uint64, tag = "32")]
    pub(super) updates_accepted: u64,
    /// The first task is held back until then; 0 once it may run.
    #[prost(sfixed64, tag = "40")]
    pub(super) first_task_at_ns: i64,
    /// How long the first task was held back from the start on.
    #[prost(uint64, tag = "41")]
    pub(super) first_backoff_ns: u64,
    /// A signal ends the wait for the first task.
    #[prost(bool, tag = "42")]
    pub(super) signal_ends_backoff: bool,
    /// The attempt of the workflow's own retry policy, from 1.
    #[prost(uint32, tag = "43")]
    pub(super) attempt: u32,
    #[prost(message, optional, tag = "44")]
    pub(super) retry_policy: Option<RetryPolicy>,
    #[prost(string, tag = "45")]
    pub(super) cron_schedule: String,
    /// The run that started this one.
    #[prost(message, optional, tag = "50")]
    pub(super) parent: Option<ParentRecord>,
}

/// An update that the code is at work on.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AcceptedUpdateRecord {
    #[prost(string, tag = "1")]
    pub(super) update_id: String,
    #[prost(int64, tag = "2")]
    pub(super) accepted_event_id: i64,
    /// Who sent it.
    #[prost(string, tag = "3")]
    pub(super) identity: String,
}

/// A workflow task that was started and neither completed nor failed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OpenTaskRecord {
    #[prost(int64, tag = "1")]
    pub(super) scheduled_event_id: i64,
    #[prost(int64, tag = "2")]
    pub(super) started_event_id: i64,
    #[prost(sfixed64, tag = "3")]
    pub(super) started_at_ns: i64,
    #[prost(int64, tag = "4")]
    pub(super) history_size_bytes: i64,
}

/// Workflow tasks that failed one after the other.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlockedRecord {
    /// Attempts that failed.
    #[prost(uint32, tag = "1")]
    pub(super) failed_attempts: u32,
    #[prost(int32, tag = "2")]
    pub(super) cause: i32,
    #[prost(string, tag = "3")]
    pub(super) message: String,
    #[prost(string, tag = "4")]
    pub(super) details: String,
    #[prost(sfixed64, tag = "5")]
    pub(super) since_ns: i64,
    #[prost(sfixed64, tag = "6")]
    pub(super) retry_at_ns: i64,
    /// The backoff is over: the next attempt may begin.
    #[prost(bool, tag = "7")]
    pub(super) retry_due: bool,
}
