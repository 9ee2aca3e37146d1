//! Failures: the tree that every SDK shares (WF-21).
//!
//! A [`Failure`] is what came back from the world: an activity that failed
//! carries the application failure of its last attempt as its cause, a timed-out
//! one the timeout. An [`ApplicationFailure`] is what a workflow author makes to
//! fail a run on purpose. In the contract a tree is a list, outermost first; the
//! conversions are at the end of this file.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::mainspring::workflow::types as wire;
use crate::duration;
use crate::payload::{self, Payload, PayloadConversionError};

pub use wire::{FailureCategory, NexusRetryBehavior, RetryState, TimeoutType};

/// The `source` that this SDK writes into the failures that it makes.
const SOURCE: &str = "RustSDK";

/// One failure with its causes.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
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
    pub cause: Option<Box<Failure>>,
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
        Self {
            message: message.into(),
            source: SOURCE.to_owned(),
            stack_trace: String::new(),
            encoded_attributes: None,
            kind,
            cause: None,
        }
    }

    pub(crate) fn caused_by(mut self, cause: Failure) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    pub(crate) fn cancelled(message: impl Into<String>, details: Vec<Payload>) -> Self {
        let identity = String::new();
        Self::new(message, FailureKind::Cancelled { details, identity })
    }

    /// This failure, its cause, the cause of that, and so on.
    pub fn chain(&self) -> impl Iterator<Item = &Failure> {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }

    /// The innermost failure: what really happened.
    pub fn root_cause(&self) -> &Failure {
        self.chain().last().expect("a chain starts with the failure itself")
    }

    /// Whether this is, or was caused by, a cancellation.
    pub fn is_cancelled(&self) -> bool {
        self.chain().any(|failure| matches!(failure.kind, FailureKind::Cancelled { .. }))
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
    pub fn detail<T: DeserializeOwned + 'static>(&self) -> Option<Result<T, PayloadConversionError>> {
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
            if let FailureKind::Application { next_retry_delay, .. } = kind {
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
        self.failure.cause = Some(Box::new(cause));
        self
    }

    /// The finished failure.
    pub fn build(self) -> ApplicationFailure {
        ApplicationFailure(self.failure)
    }

    fn change(mut self, change: impl FnOnce(&mut FailureKind)) -> Self {
        change(&mut self.failure.kind);
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

impl From<Failure> for wire::Failure {
    fn from(failure: Failure) -> Self {
        let mut nodes = Vec::new();
        let mut next = Some(Box::new(failure));
        while let Some(failure) = next {
            let failure = *failure;
            nodes.push(wire::FailureNode {
                message: failure.message,
                source: failure.source,
                stack_trace: failure.stack_trace,
                encoded_attributes: failure.encoded_attributes.map(Into::into),
                kind: failure.kind.into(),
            });
            next = failure.cause;
        }
        nodes
    }
}

/// Reads a list of nodes. The contract says that it is never empty; an empty one
/// becomes a failure that says so, since a workflow can do nothing about it.
pub(crate) fn from_wire(nodes: wire::Failure) -> Failure {
    nodes
        .into_iter()
        .rev()
        .fold(None, |cause: Option<Failure>, node| {
            Some(Failure {
                message: node.message,
                source: node.source,
                stack_trace: node.stack_trace,
                encoded_attributes: node.encoded_attributes.map(Into::into),
                kind: node.kind.into(),
                cause: cause.map(Box::new),
            })
        })
        .unwrap_or_else(|| Failure::new("the host sent a failure without content", plain_application()))
}

impl From<FailureKind> for wire::FailureKind {
    fn from(kind: FailureKind) -> Self {
        use FailureKind as Kind;
        match kind {
            Kind::Application { error_type, non_retryable, details, next_retry_delay, category } => {
                Self::Application(wire::ApplicationFailure {
                    error_type,
                    non_retryable,
                    details: payload::to_wire(details),
                    next_retry_delay: next_retry_delay.map(duration::to_ns),
                    category,
                })
            }
            Kind::Timeout { timeout_type, last_heartbeat_details } => {
                Self::Timeout(wire::TimeoutFailure {
                    timeout: timeout_type,
                    last_heartbeat_details: payload::to_wire(last_heartbeat_details),
                })
            }
            Kind::Cancelled { details, identity } => Self::Cancelled(wire::CancelledFailure {
                details: payload::to_wire(details),
                identity,
            }),
            Kind::Terminated { identity } => Self::Terminated(identity),
            Kind::Server { non_retryable } => Self::Server(non_retryable),
            Kind::ResetWorkflow { last_heartbeat_details } => {
                Self::ResetWorkflow(payload::to_wire(last_heartbeat_details))
            }
            Kind::Activity {
                scheduled_event_id,
                started_event_id,
                identity,
                activity_type,
                activity_id,
                retry_state,
            } => Self::Activity(wire::ActivityFailure {
                scheduled_event_id,
                started_event_id,
                identity,
                activity_type,
                activity_id,
                retry_state,
            }),
            Kind::ChildWorkflow {
                namespace,
                workflow_id,
                run_id,
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state,
            } => Self::ChildWorkflow(wire::ChildWorkflowFailure {
                execution: wire::Execution { namespace, workflow_id, run_id },
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state,
            }),
            Kind::NexusOperation { scheduled_event_id, endpoint, service, operation, operation_token } => {
                Self::NexusOperation(wire::NexusOperationFailure {
                    scheduled_event_id,
                    endpoint,
                    service,
                    operation,
                    operation_token,
                })
            }
            Kind::NexusHandler { error_type, retry_behavior } => {
                Self::NexusHandler(wire::NexusHandlerFailure { error_type, retry_behavior })
            }
        }
    }
}

impl From<wire::FailureKind> for FailureKind {
    fn from(kind: wire::FailureKind) -> Self {
        use wire::FailureKind as Kind;
        match kind {
            Kind::Application(node) => Self::Application {
                error_type: node.error_type,
                non_retryable: node.non_retryable,
                details: payload::from_wire(node.details),
                next_retry_delay: node.next_retry_delay.map(duration::from_ns),
                category: node.category,
            },
            Kind::Timeout(node) => Self::Timeout {
                timeout_type: node.timeout,
                last_heartbeat_details: payload::from_wire(node.last_heartbeat_details),
            },
            Kind::Cancelled(node) => Self::Cancelled {
                details: payload::from_wire(node.details),
                identity: node.identity,
            },
            Kind::Terminated(identity) => Self::Terminated { identity },
            Kind::Server(non_retryable) => Self::Server { non_retryable },
            Kind::ResetWorkflow(details) => Self::ResetWorkflow {
                last_heartbeat_details: payload::from_wire(details),
            },
            Kind::Activity(node) => Self::Activity {
                scheduled_event_id: node.scheduled_event_id,
                started_event_id: node.started_event_id,
                identity: node.identity,
                activity_type: node.activity_type,
                activity_id: node.activity_id,
                retry_state: node.retry_state,
            },
            Kind::ChildWorkflow(node) => Self::ChildWorkflow {
                namespace: node.execution.namespace,
                workflow_id: node.execution.workflow_id,
                run_id: node.execution.run_id,
                workflow_type: node.workflow_type,
                initiated_event_id: node.initiated_event_id,
                started_event_id: node.started_event_id,
                retry_state: node.retry_state,
            },
            Kind::NexusOperation(node) => Self::NexusOperation {
                scheduled_event_id: node.scheduled_event_id,
                endpoint: node.endpoint,
                service: node.service,
                operation: node.operation,
                operation_token: node.operation_token,
            },
            Kind::NexusHandler(node) => Self::NexusHandler {
                error_type: node.error_type,
                retry_behavior: node.retry_behavior,
            },
        }
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
