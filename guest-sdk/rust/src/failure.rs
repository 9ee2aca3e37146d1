//! Failures: the tree that every SDK shares (WF-21).
//!
//! A [`Failure`] is what came back from the world: an activity that failed
//! carries the application failure of its last attempt as its cause, a timed-out
//! one the timeout. An [`ApplicationFailure`] is what a workflow author makes to
//! fail a run on purpose. In the contract a tree is a list, outermost first; the
//! conversions are in `wire_form`.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::mainspring::workflow::types as wire;
use crate::payload::{Payload, PayloadConversionError};

mod wire_form;

pub(crate) use wire_form::from_wire;

pub use wire::{FailureCategory, NexusRetryBehavior, RetryState, TimeoutType};

/// The `source` that this SDK writes into the failures that it makes.
const SOURCE: &str = "RustSDK";

/// One failure with its causes. Its fields are those of [`FailureNode`].
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Box<FailureNode>);

impl Deref for Failure {
    type Target = FailureNode;

    fn deref(&self) -> &FailureNode {
        &self.0
    }
}

/// What a [`Failure`] consists of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FailureNode {
    /// What happened, for people.
    pub message: String,
    /// The SDK that made it, e.g. `GoSDK`.
    pub source: String,
    /// Where it happened, in the words of that SDK.
    pub stack_trace: String,
    /// Message and stack trace in encoded form, where a failure converter hides
    /// them.
    pub encoded_attributes: Option<Payload>,
    /// What kind of failure, and what is particular to that kind.
    pub kind: FailureKind,
    /// Why it happened.
    pub cause: Option<Failure>,
}

/// The kinds of failure (WF-21).
#[derive(Clone, Debug, PartialEq)]
pub enum FailureKind {
    /// Raised by user code.
    Application {
        /// What retry policies match.
        error_type: String,
        /// No retry policy applies.
        non_retryable: bool,
        /// Values for whoever handles it.
        details: Vec<Payload>,
        /// Overrides the interval before the next attempt (ACT-10).
        next_retry_delay: Option<Duration>,
        /// Whether it counts as an error.
        category: FailureCategory,
    },
    /// A timeout struck.
    Timeout {
        /// Which one.
        timeout_type: TimeoutType,
        /// What the last recorded heartbeat carried.
        last_heartbeat_details: Vec<Payload>,
    },
    /// Something honoured a cancel request.
    Cancelled {
        /// Values for whoever handles it.
        details: Vec<Payload>,
        /// Who reported it.
        identity: String,
    },
    /// An execution was terminated.
    Terminated {
        /// By whom.
        identity: String,
    },
    /// The server failed.
    Server {
        /// Trying again is no use.
        non_retryable: bool,
    },
    /// The execution was reset.
    ResetWorkflow {
        /// What the last recorded heartbeat carried.
        last_heartbeat_details: Vec<Payload>,
    },
    /// An activity did not succeed; its cause says why.
    Activity {
        /// Event that scheduled it.
        scheduled_event_id: i64,
        /// Event that started it.
        started_event_id: i64,
        /// The worker of the last attempt.
        identity: String,
        /// The activity's type.
        activity_type: String,
        /// The activity's ID.
        activity_id: String,
        /// Why there was no further attempt (ACT-11).
        retry_state: RetryState,
    },
    /// A child workflow did not succeed; its cause says why.
    ChildWorkflow {
        /// Namespace of the child; empty is the caller's.
        namespace: String,
        /// Workflow ID of the child.
        workflow_id: String,
        /// Run ID of the child.
        run_id: String,
        /// Type of the child.
        workflow_type: String,
        /// Event that initiated it.
        initiated_event_id: i64,
        /// Event that started it.
        started_event_id: i64,
        /// Why there was no further attempt.
        retry_state: RetryState,
    },
    /// A Nexus operation did not succeed; its cause says why.
    NexusOperation {
        /// Event that scheduled it.
        scheduled_event_id: i64,
        /// The endpoint called.
        endpoint: String,
        /// The service called.
        service: String,
        /// The operation called.
        operation: String,
        /// The token of an asynchronous operation.
        operation_token: String,
    },
    /// A Nexus handler refused.
    NexusHandler {
        /// Type of the handler's error.
        error_type: String,
        /// Whether the caller retries.
        retry_behavior: NexusRetryBehavior,
    },
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>, kind: FailureKind) -> Self {
        Self(Box::new(FailureNode {
            message: message.into(),
            source: SOURCE.to_owned(),
            stack_trace: String::new(),
            encoded_attributes: None,
            kind,
            cause: None,
        }))
    }

    pub(crate) fn caused_by(mut self, cause: Failure) -> Self {
        self.0.cause = Some(cause);
        self
    }

    pub(crate) fn cancelled(message: impl Into<String>, details: Vec<Payload>) -> Self {
        let identity = String::new();
        Self::new(message, FailureKind::Cancelled { details, identity })
    }

    /// This failure, its cause, the cause of that, and so on.
    pub fn chain(&self) -> impl Iterator<Item = &Failure> {
        std::iter::successors(Some(self), |failure| failure.cause.as_ref())
    }

    /// The innermost failure: what really happened.
    pub fn root_cause(&self) -> &Failure {
        self.chain()
            .last()
            .expect("a chain starts with the failure itself")
    }

    /// Whether this is, or was caused by, a cancellation.
    pub fn is_cancelled(&self) -> bool {
        self.chain()
            .any(|failure| matches!(failure.kind, FailureKind::Cancelled { .. }))
    }

    /// The timeout that struck here or in a cause.
    pub fn as_timeout(&self) -> Option<TimeoutType> {
        self.chain().find_map(|failure| match &failure.kind {
            FailureKind::Timeout { timeout_type, .. } => Some(*timeout_type),
            _ => None,
        })
    }

    /// The type of the application failure here or in a cause: what to match
    /// on when a workflow compensates for a particular error.
    pub fn application_type(&self) -> Option<&str> {
        self.chain().find_map(|failure| match &failure.kind {
            FailureKind::Application { error_type, .. } => Some(error_type.as_str()),
            _ => None,
        })
    }

    /// The first detail of the first failure in the chain that carries any.
    pub fn detail<T: DeserializeOwned + 'static>(
        &self,
    ) -> Option<Result<T, PayloadConversionError>> {
        self.chain().find_map(|failure| match &failure.kind {
            FailureKind::Application { details, .. } | FailureKind::Cancelled { details, .. } => {
                details.first().map(Payload::decode)
            }
            _ => None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.cause {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}

/// A failure that an author raises: it fails the run (returned from `run`), the
/// query (from a query handler) or, in a test, the attempt of a mocked activity.
///
/// ```
/// use mainspring_workflow::ApplicationFailure;
///
/// let rejected = ApplicationFailure::builder("approval rejected")
///     .type_name("ApprovalRejected")
///     .non_retryable(true)
///     .detail(&"over budget".to_owned())
///     .build();
/// assert_eq!(rejected.failure().application_type(), Some("ApprovalRejected"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ApplicationFailure(Failure);

impl ApplicationFailure {
    /// A retryable failure without a type.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::builder(error).build()
    }

    /// A failure that no retry policy retries.
    pub fn non_retryable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::builder(error).non_retryable(true).build()
    }

    /// Starts a failure with a message, or with an error, whose own sources
    /// become the causes.
    pub fn builder(error: impl Into<Box<dyn Error + Send + Sync>>) -> ApplicationFailureBuilder {
        let failure = from_error(&*error.into());
        ApplicationFailureBuilder { failure }
    }

    /// The failure as a tree.
    pub fn failure(&self) -> &Failure {
        &self.0
    }
}

fn from_error(error: &(dyn Error + 'static)) -> Failure {
    if let Some(ApplicationFailure(failure)) = error.downcast_ref() {
        return failure.clone();
    }
    if let Some(cause) = error.downcast_ref::<Failure>() {
        return Failure::new(cause.message.clone(), plain_application()).caused_by(cause.clone());
    }
    let failure = Failure::new(error.to_string(), plain_application());
    match error.source() {
        Some(source) => failure.caused_by(from_error(source)),
        None => failure,
    }
}

fn plain_application() -> FailureKind {
    FailureKind::Application {
        error_type: String::new(),
        non_retryable: false,
        details: Vec::new(),
        next_retry_delay: None,
        category: FailureCategory::Unspecified,
    }
}

/// Builds an [`ApplicationFailure`].
#[derive(Clone, Debug)]
pub struct ApplicationFailureBuilder {
    failure: Failure,
}

impl ApplicationFailureBuilder {
    /// The type that retry policies and handlers match.
    pub fn type_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.change(|kind| {
            if let FailureKind::Application { error_type, .. } = kind {
                *error_type = name;
            }
        })
    }

    /// Whether retry policies are overruled.
    pub fn non_retryable(self, value: bool) -> Self {
        self.change(|kind| {
            if let FailureKind::Application { non_retryable, .. } = kind {
                *non_retryable = value;
            }
        })
    }

    /// Appends a value for whoever handles the failure. A value that cannot be
    /// encoded is replaced by the reason, as text.
    pub fn detail<T: Serialize + 'static>(self, value: &T) -> Self {
        let payload = Payload::encode(value).unwrap_or_else(|error| {
            Payload::encode(&error.to_string()).expect("text is always valid JSON")
        });
        self.change(|kind| {
            if let FailureKind::Application { details, .. } = kind {
                details.push(payload);
            }
        })
    }

    /// The wait before the next attempt, whatever the retry policy says.
    pub fn next_retry_delay(self, delay: Duration) -> Self {
        self.change(|kind| {
            if let FailureKind::Application {
                next_retry_delay, ..
            } = kind
            {
                *next_retry_delay = Some(delay);
            }
        })
    }

    /// Whether it counts as an error in logs and metrics.
    pub fn category(self, value: FailureCategory) -> Self {
        self.change(|kind| {
            if let FailureKind::Application { category, .. } = kind {
                *category = value;
            }
        })
    }

    /// The failure that led to this one.
    pub fn cause(mut self, cause: Failure) -> Self {
        self.failure.0.cause = Some(cause);
        self
    }

    /// The finished failure.
    pub fn build(self) -> ApplicationFailure {
        ApplicationFailure(self.failure)
    }

    fn change(mut self, change: impl FnOnce(&mut FailureKind)) -> Self {
        change(&mut self.failure.0.kind);
        self
    }
}

impl fmt::Display for ApplicationFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl From<ApplicationFailure> for Failure {
    fn from(failure: ApplicationFailure) -> Self {
        failure.0
    }
}

impl Error for ApplicationFailure {}

impl From<&str> for ApplicationFailure {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for ApplicationFailure {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<Box<dyn Error + Send + Sync>> for ApplicationFailure {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        Self::new(error)
    }
}

impl From<Failure> for ApplicationFailure {
    fn from(failure: Failure) -> Self {
        Self::new(failure)
    }
}

impl From<ApplicationFailureBuilder> for ApplicationFailure {
    fn from(builder: ApplicationFailureBuilder) -> Self {
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_survives_the_list_form() {
        let charge = ApplicationFailure::builder("card declined")
            .type_name("CardDeclined")
            .detail(&42)
            .next_retry_delay(Duration::from_secs(3))
            .build();
        let kind = FailureKind::Activity {
            scheduled_event_id: 5,
            started_event_id: 6,
            identity: "worker-1".into(),
            activity_type: "ChargePayment".into(),
            activity_id: "1".into(),
            retry_state: RetryState::MaximumAttemptsReached,
        };
        let tree = Failure::new("activity failed", kind).caused_by(charge.into());
        let list: wire::Failure = tree.clone().into();
        assert_eq!(list.len(), 2);
        assert_eq!(from_wire(list), tree);
        assert_eq!(tree.application_type(), Some("CardDeclined"));
        assert_eq!(tree.detail::<i32>(), Some(Ok(42)));
        assert_eq!(tree.to_string(), "activity failed: card declined");
    }

    #[test]
    fn the_sources_of_an_error_become_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        let error = Outer("x".parse::<u8>().unwrap_err());
        let failure = ApplicationFailure::new(error);
        assert_eq!(failure.failure().chain().count(), 2);
    }

    #[test]
    fn an_empty_list_is_read_without_a_panic() {
        assert!(from_wire(Vec::new()).message.contains("without content"));
    }
}
