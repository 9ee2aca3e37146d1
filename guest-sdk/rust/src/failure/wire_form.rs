//! Failures as the contract carries them: a list of nodes, outermost first.

use super::{Failure, FailureKind, FailureNode, plain_application};
use crate::bindings::mainspring::workflow::types as wire;
use crate::{duration, payload};

impl From<Failure> for wire::Failure {
    fn from(failure: Failure) -> Self {
        let mut nodes = Vec::new();
        let mut next = Some(failure);
        while let Some(failure) = next {
            let failure = *failure.0;
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
            Some(Failure(Box::new(FailureNode {
                message: node.message,
                source: node.source,
                stack_trace: node.stack_trace,
                encoded_attributes: node.encoded_attributes.map(Into::into),
                kind: node.kind.into(),
                cause,
            })))
        })
        .unwrap_or_else(|| {
            Failure::new(
                "the host sent a failure without content",
                plain_application(),
            )
        })
}

impl From<FailureKind> for wire::FailureKind {
    fn from(kind: FailureKind) -> Self {
        use FailureKind as Kind;
        match kind {
            Kind::Application {
                error_type,
                non_retryable,
                details,
                next_retry_delay,
                category,
            } => Self::Application(wire::ApplicationFailure {
                error_type,
                non_retryable,
                details: payload::to_wire(details),
                next_retry_delay: next_retry_delay.map(duration::to_ns),
                category,
            }),
            Kind::Timeout {
                timeout_type,
                last_heartbeat_details,
            } => Self::Timeout(wire::TimeoutFailure {
                timeout: timeout_type,
                last_heartbeat_details: payload::to_wire(last_heartbeat_details),
            }),
            Kind::Cancelled { details, identity } => Self::Cancelled(wire::CancelledFailure {
                details: payload::to_wire(details),
                identity,
            }),
            Kind::Terminated { identity } => Self::Terminated(identity),
            Kind::Server { non_retryable } => Self::Server(non_retryable),
            Kind::ResetWorkflow {
                last_heartbeat_details,
            } => Self::ResetWorkflow(payload::to_wire(last_heartbeat_details)),
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
                execution: wire::Execution {
                    namespace,
                    workflow_id,
                    run_id,
                },
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state,
            }),
            Kind::NexusOperation {
                scheduled_event_id,
                endpoint,
                service,
                operation,
                operation_token,
            } => Self::NexusOperation(wire::NexusOperationFailure {
                scheduled_event_id,
                endpoint,
                service,
                operation,
                operation_token,
            }),
            Kind::NexusHandler {
                error_type,
                retry_behavior,
            } => Self::NexusHandler(wire::NexusHandlerFailure {
                error_type,
                retry_behavior,
            }),
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
