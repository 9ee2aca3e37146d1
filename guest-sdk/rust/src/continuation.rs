//! Continuing as new: a run ends by starting the one that goes on in its place.
//!
//! The successor has the same workflow ID, its own history and its own input, so a
//! workflow that goes on for ever never replays more than its latest run (WF-13).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use serde::Serialize;

use crate::activity::RetryPolicy;
use crate::bindings::mainspring::workflow::continuation as wire;
use crate::bindings::mainspring::workflow::types;
use crate::payload::{self, IntoPayloads, Payload, PayloadConversionError};
use crate::termination::{Continuation, WorkflowTermination};
use crate::{duration, host};

/// Which version of the component a successor starts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersioningIntent {
    /// As the workflow's versioning policy has it.
    #[default]
    Unspecified,
    /// The version of this run.
    Inherit,
    /// The version that is current when the successor starts.
    Current,
}

impl From<VersioningIntent> for types::VersioningIntent {
    fn from(intent: VersioningIntent) -> Self {
        match intent {
            VersioningIntent::Unspecified => Self::Unspecified,
            VersioningIntent::Inherit => Self::Inherit,
            VersioningIntent::Current => Self::Current,
        }
    }
}

/// What a successor changes; what is absent is carried over from this run.
///
/// ```
/// use std::time::Duration;
/// use mainspring_workflow::ContinueAsNewOptions;
///
/// let options = ContinueAsNewOptions {
///     run_timeout: Some(Duration::from_secs(3_600)),
///     ..ContinueAsNewOptions::default()
/// };
/// assert_eq!(options.workflow_type, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContinueAsNewOptions {
    /// What the successor runs.
    pub workflow_type: Option<String>,
    /// The task queue of its activities.
    pub task_queue: Option<String>,
    /// The timeout of the run.
    pub run_timeout: Option<Duration>,
    /// The timeout of one workflow task.
    pub task_timeout: Option<Duration>,
    /// The workflow's own retry policy.
    pub retry_policy: Option<RetryPolicy>,
    /// How long to wait before the successor begins.
    pub backoff_start_interval: Option<Duration>,
    /// Its memo, in place of this run's.
    pub memo: Option<BTreeMap<String, Payload>>,
    /// Its search attributes, in place of this run's.
    pub search_attributes: Option<BTreeMap<String, Payload>>,
    /// Its headers, in place of this run's (WF-24).
    pub headers: Option<BTreeMap<String, Payload>>,
    /// Which version of the component it starts on.
    pub versioning_intent: VersioningIntent,
}

impl ContinueAsNewOptions {
    /// Adds a memo field. The memo of this run is not carried over then.
    pub fn with_memo<T: Serialize + 'static>(
        mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Self, PayloadConversionError> {
        let memo = self.memo.get_or_insert_default();
        memo.insert(key.into(), Payload::encode(value)?);
        Ok(self)
    }

    fn into_wire(self, input: Vec<Payload>) -> wire::ContinueOptions {
        wire::ContinueOptions {
            workflow_type: self.workflow_type,
            task_queue: self.task_queue,
            input: payload::to_wire(input),
            headers: payload::fields_to_wire(self.headers.unwrap_or_default()),
            workflow_run_timeout: self.run_timeout.map(duration::to_ns),
            workflow_task_timeout: self.task_timeout.map(duration::to_ns),
            retry_policy: self.retry_policy.map(Into::into),
            memo: self.memo.map(payload::fields_to_wire),
            search_attributes: self.search_attributes.map(payload::fields_to_wire),
            versioning_intent: self.versioning_intent.into(),
            backoff_start_interval: self.backoff_start_interval.map(duration::to_ns),
        }
    }
}

/// Tells the host how the run continues, and gives what `run` must return.
pub(crate) fn continue_as_new(
    input: &impl IntoPayloads,
    options: ContinueAsNewOptions,
) -> Result<Infallible, WorkflowTermination> {
    let options = options.into_wire(input.to_payloads()?);
    host::continue_as_new(options);
    Err(WorkflowTermination::ContinuedAsNew(Continuation::new()))
}
