//! What a run and a task know about themselves.

use temporalio_protos::temporal::api::enums::v1::SuggestContinueAsNewReason;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionStartedEventAttributes,
};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use crate::history::event_time;
use crate::ids::{RunId, WorkflowKey};
use crate::random::seed_of_run;
use crate::time::Timestamp;

/// What is fixed when a run starts (WF-15).
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    /// Whose run it is.
    pub key: WorkflowKey,
    /// The run.
    pub run_id: RunId,
    /// When it started.
    pub start_time: Timestamp,
    /// Everything else, as its first event has it.
    pub started: WorkflowExecutionStartedEventAttributes,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
}

impl RunFacts {
    /// Reads them from the first event; `None` if it is another one.
    pub fn from_first_event(key: WorkflowKey, run_id: RunId, event: &HistoryEvent) -> Option<Self> {
        match &event.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Some(Self {
                key,
                run_id,
                start_time: event_time(event),
                started: started.clone(),
                user_metadata: event.user_metadata.clone(),
            }),
            _ => None,
        }
    }

    /// The seed of libraries that keep a random stream of their own.
    pub fn random_seed(&self) -> u64 {
        seed_of_run(&self.started.original_execution_run_id)
    }
}

/// What changes from task to task; all of it recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskInfo {
    /// Events in the history up to this task's Started, inclusive.
    pub history_length: u64,
    /// Bytes in the history before this task.
    pub history_size_bytes: u64,
    /// WF-14.
    pub continue_as_new_suggested: bool,
    /// WF-14; values of `SuggestContinueAsNewReason`.
    pub suggest_reasons: Vec<i32>,
    /// The component's name.
    pub deployment_name: String,
    /// Its version label.
    pub version_label: String,
    /// The SDK version that completed the task before; empty at the first.
    pub last_sdk_version: String,
}

/// Why a successor is suggested, if it is (WF-14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suggests {
    /// The history has many bytes.
    pub too_large: bool,
    /// The history has many events.
    pub too_long: bool,
    /// The run has had many updates.
    pub too_many_updates: bool,
}

impl TaskInfo {
    /// Puts the facts of a task together.
    pub fn new(
        started_event_id: i64,
        history_size_bytes: i64,
        suggests: Suggests,
        deployment_name: String,
        version_label: String,
        last_sdk_version: String,
    ) -> Self {
        let reason =
            |holds: bool, reason: SuggestContinueAsNewReason| holds.then_some(reason as i32);
        let suggest_reasons: Vec<i32> = [
            reason(
                suggests.too_large,
                SuggestContinueAsNewReason::HistorySizeTooLarge,
            ),
            reason(
                suggests.too_long,
                SuggestContinueAsNewReason::TooManyHistoryEvents,
            ),
            reason(
                suggests.too_many_updates,
                SuggestContinueAsNewReason::TooManyUpdates,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        Self {
            history_length: u64::try_from(started_event_id).unwrap_or(0),
            history_size_bytes: u64::try_from(history_size_bytes).unwrap_or(0),
            continue_as_new_suggested: !suggest_reasons.is_empty(),
            suggest_reasons,
            deployment_name,
            version_label,
            last_sdk_version,
        }
    }
}
