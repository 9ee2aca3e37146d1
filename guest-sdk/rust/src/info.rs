//! What a run knows about itself (WF-15), and the read-only context.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::activity::{Priority, RetryPolicy};
use crate::bindings::mainspring::workflow::info::{self, SuggestReasons};
use crate::bindings::mainspring::workflow::types;
use crate::failure::{self, Failure};
use crate::payload::{FromPayloads, Payload, PayloadConversionError};
use crate::runtime::Runtime;
use crate::{duration, host, payload};

/// The context of `init` and of queries: it can look and start nothing. Its
/// methods ask the host when they are called.
#[derive(Clone)]
pub struct WorkflowContextView {
    runtime: Rc<Runtime>,
}

/// How a run came about that continues another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContinuedInitiator {
    /// Its code continued as new.
    Workflow,
    /// The workflow's retry policy.
    Retry,
    /// The cron schedule.
    CronSchedule,
}

/// Why a successor is due (WF-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestReason {
    /// The history has too many bytes.
    HistorySizeTooLarge,
    /// The history has too many events.
    TooManyHistoryEvents,
    /// The run has taken too many updates.
    TooManyUpdates,
}

/// Names an execution, possibly in another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowExecution {
    /// Its namespace; empty is the run's own.
    pub namespace: String,
    /// Its workflow ID.
    pub workflow_id: String,
    /// Its run ID.
    pub run_id: String,
}

impl From<&types::Execution> for WorkflowExecution {
    fn from(execution: &types::Execution) -> Self {
        Self {
            namespace: execution.namespace.clone(),
            workflow_id: execution.workflow_id.clone(),
            run_id: execution.run_id.clone(),
        }
    }
}

impl WorkflowContextView {
    pub(crate) fn new(runtime: Rc<Runtime>) -> Self {
        Self { runtime }
    }

    /// The namespace of the run.
    pub fn namespace(&self) -> &str {
        &self.runtime.info().namespace
    }

    /// The workflow ID.
    pub fn workflow_id(&self) -> &str {
        &self.runtime.info().workflow_id
    }

    /// The run ID.
    pub fn run_id(&self) -> &str {
        &self.runtime.info().run_id
    }

    /// The workflow type.
    pub fn workflow_type(&self) -> &str {
        &self.runtime.info().workflow_type
    }

    /// The task queue of activities that name none.
    pub fn task_queue(&self) -> &str {
        &self.runtime.info().task_queue
    }

    /// From 1; grows with the workflow's own retry policy.
    pub fn attempt(&self) -> u32 {
        self.runtime.info().attempt
    }

    /// The first run of the chain of retries, cron and continue-as-new.
    pub fn first_execution_run_id(&self) -> &str {
        &self.runtime.info().first_run_id
    }

    /// The run that this one continues.
    pub fn continued_from_run_id(&self) -> Option<&str> {
        self.runtime.info().continued_from_run_id.as_deref()
    }

    /// Why the run before this one ended, if it failed.
    pub fn continued_failure(&self) -> Option<Failure> {
        self.runtime
            .info()
            .continued_failure
            .clone()
            .map(failure::from_wire)
    }

    /// What the last successful run of a series returned (WF-19).
    pub fn last_completion_result<T: FromPayloads>(
        &self,
    ) -> Option<Result<T, PayloadConversionError>> {
        let result = &self.runtime.info().last_completion_result;
        (!result.is_empty()).then(|| T::from_payloads(&payload::from_wire(result.clone())))
    }

    /// When the run started.
    pub fn start_time(&self) -> SystemTime {
        duration::time_from_ns(self.runtime.info().start_time)
    }

    /// When the execution timeout strikes; absent is never.
    pub fn execution_deadline(&self) -> Option<SystemTime> {
        self.runtime
            .info()
            .execution_deadline
            .map(duration::time_from_ns)
    }

    /// The timeout of the whole chain of runs.
    pub fn execution_timeout(&self) -> Option<Duration> {
        self.runtime
            .info()
            .workflow_execution_timeout
            .map(duration::from_ns)
    }

    /// The timeout of this run.
    pub fn run_timeout(&self) -> Option<Duration> {
        self.runtime
            .info()
            .workflow_run_timeout
            .map(duration::from_ns)
    }

    /// The timeout of one workflow task.
    pub fn task_timeout(&self) -> Duration {
        duration::from_ns(self.runtime.info().workflow_task_timeout)
    }

    /// The workflow's own retry policy.
    pub fn retry_policy(&self) -> Option<RetryPolicy> {
        self.runtime.info().retry_policy.as_ref().map(Into::into)
    }

    /// The cron schedule; absent if there is none.
    pub fn cron_schedule(&self) -> Option<&str> {
        Some(self.runtime.info().cron_schedule.as_str()).filter(|schedule| !schedule.is_empty())
    }

    /// The priority of the run.
    pub fn priority(&self) -> Priority {
        let priority = self.runtime.info().priority.as_ref();
        priority.map_or_else(Priority::default, |priority| Priority {
            priority_key: u8::try_from(priority.key).unwrap_or(0),
            fairness_key: priority.fairness_key.clone(),
            fairness_weight: priority.fairness_weight,
        })
    }

    /// The workflow that started this one as its child.
    pub fn parent(&self) -> Option<WorkflowExecution> {
        self.runtime.info().parent.as_ref().map(Into::into)
    }

    /// The workflow at the top of the tree of children.
    pub fn root(&self) -> Option<WorkflowExecution> {
        self.runtime.info().root.as_ref().map(Into::into)
    }

    /// Who started the run.
    pub fn identity(&self) -> &str {
        &self.runtime.info().identity
    }

    /// A memo field as it is now.
    pub fn memo<T: DeserializeOwned + 'static>(
        &self,
        key: &str,
    ) -> Option<Result<T, PayloadConversionError>> {
        let payload = match self.runtime.has_upserts.get() {
            true => find(&host::run_info().memo, key),
            false => find(&self.runtime.info().memo, key),
        };
        payload.map(|payload| payload.decode())
    }

    /// A search attribute as it is now; see [`SearchAttribute::get`] for a typed one.
    ///
    /// [`SearchAttribute::get`]: crate::SearchAttribute::get
    pub fn search_attribute<T: DeserializeOwned + 'static>(
        &self,
        name: &str,
    ) -> Option<Result<T, PayloadConversionError>> {
        let payload = match self.runtime.has_upserts.get() {
            true => find(&host::run_info().search_attributes, name),
            false => find(&self.runtime.info().search_attributes, name),
        };
        payload.map(|payload| payload.decode())
    }

    /// A header of the start request (WF-24).
    pub fn header(&self, name: &str) -> Option<Payload> {
        find(&self.runtime.info().headers, name)
    }

    /// All headers of the start request (WF-24).
    pub fn headers(&self) -> BTreeMap<String, Payload> {
        let headers = self.runtime.info().headers.iter();
        headers
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect()
    }

    /// How this run came about, if it continues another.
    pub fn continued_initiator(&self) -> Option<ContinuedInitiator> {
        match self.runtime.info().continued_initiator {
            info::ContinuedInitiator::None => None,
            info::ContinuedInitiator::Workflow => Some(ContinuedInitiator::Workflow),
            info::ContinuedInitiator::Retry => Some(ContinuedInitiator::Retry),
            info::ContinuedInitiator::CronSchedule => Some(ContinuedInitiator::CronSchedule),
        }
    }

    /// The time of the current workflow task (WF-04).
    pub fn workflow_time(&self) -> SystemTime {
        duration::time_from_ns(host::now())
    }

    /// Events in the history up to the start of the current workflow task.
    pub fn history_length(&self) -> u64 {
        host::task_info().history_length
    }

    /// Bytes of the history up to the start of the current workflow task.
    pub fn history_size_bytes(&self) -> u64 {
        host::task_info().history_size_bytes
    }

    /// Why a successor is due, if one is (WF-14).
    pub fn continue_as_new_reasons(&self) -> Vec<SuggestReason> {
        let reasons = host::task_info().suggest_reasons;
        [
            (
                SuggestReasons::HISTORY_SIZE_TOO_LARGE,
                SuggestReason::HistorySizeTooLarge,
            ),
            (
                SuggestReasons::TOO_MANY_HISTORY_EVENTS,
                SuggestReason::TooManyHistoryEvents,
            ),
            (
                SuggestReasons::TOO_MANY_UPDATES,
                SuggestReason::TooManyUpdates,
            ),
        ]
        .into_iter()
        .filter(|(flag, _)| reasons.contains(*flag))
        .map(|(_, reason)| reason)
        .collect()
    }

    /// Whether the history has grown so long that a successor is due (WF-14).
    pub fn continue_as_new_suggested(&self) -> bool {
        host::task_info().continue_as_new_suggested
    }

    /// The version label of the component that runs the current task.
    pub fn current_version(&self) -> String {
        host::task_info().version_label
    }

    /// True while recorded history is handed out again. For metrics only.
    pub fn is_replaying(&self) -> bool {
        host::is_replaying()
    }
}

pub(crate) fn find(fields: &[(String, types::Payload)], key: &str) -> Option<Payload> {
    let last = fields.iter().rev().find(|(name, _)| name == key);
    last.map(|(_, payload)| payload.clone().into())
}
