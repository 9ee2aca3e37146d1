//! Failure trees: a list of nodes in the contract, nested on the wire.

use temporalio_protos::temporal::api::common::v1::{ActivityType, WorkflowExecution, WorkflowType};
use temporalio_protos::temporal::api::enums::v1 as enums;
use temporalio_protos::temporal::api::failure::v1 as wire;
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;

use super::payload::{
    duration_ns, payload_to_wire, payload_to_wit, payloads_to_wire, payloads_to_wit, wire_duration,
};
use crate::bindings::mainspring::workflow::types as wit;

/// Causes are followed this deep; what lies deeper is dropped.
const DEEPEST: usize = 50;

/// Nests a list of nodes, outermost first. An empty list becomes a failure that
/// says so: code that gives none must not bring the host down.
pub(crate) fn to_wire(nodes: Vec<wit::FailureNode>) -> wire::Failure {
    let mut nested: Option<wire::Failure> = None;
    for node in nodes.into_iter().take(DEEPEST).rev() {
        nested = Some(node_to_wire(node, nested.map(Box::new)));
    }
    nested.unwrap_or_else(|| wire::Failure {
        message: "the workflow gave a failure without content".to_owned(),
        ..wire::Failure::default()
    })
}

/// Lays a nested failure out, outermost first.
pub(crate) fn to_wit(failure: wire::Failure) -> Vec<wit::FailureNode> {
    let mut nodes = Vec::new();
    let mut next = Some(failure);
    while let Some(mut failure) = next {
        next = failure.cause.take().map(|cause| *cause);
        nodes.push(node_to_wit(failure));
        if nodes.len() == DEEPEST {
            break;
        }
    }
    nodes
}

fn node_to_wire(node: wit::FailureNode, cause: Option<Box<wire::Failure>>) -> wire::Failure {
    wire::Failure {
        message: node.message,
        source: node.source,
        stack_trace: node.stack_trace,
        encoded_attributes: node.encoded_attributes.map(payload_to_wire),
        cause,
        failure_info: Some(kind_to_wire(node.kind)),
    }
}

fn kind_to_wire(kind: wit::FailureKind) -> FailureInfo {
    use wit::FailureKind as Kind;
    match kind {
        Kind::Application(f) => FailureInfo::ApplicationFailureInfo(wire::ApplicationFailureInfo {
            r#type: f.error_type,
            non_retryable: f.non_retryable,
            details: payloads_to_wire(f.details),
            next_retry_delay: f.next_retry_delay.map(wire_duration),
            category: match f.category {
                wit::FailureCategory::Unspecified => enums::ApplicationErrorCategory::Unspecified,
                wit::FailureCategory::Benign => enums::ApplicationErrorCategory::Benign,
            } as i32,
        }),
        Kind::Timeout(f) => FailureInfo::TimeoutFailureInfo(wire::TimeoutFailureInfo {
            timeout_type: match f.timeout {
                wit::TimeoutType::StartToClose => enums::TimeoutType::StartToClose,
                wit::TimeoutType::ScheduleToStart => enums::TimeoutType::ScheduleToStart,
                wit::TimeoutType::ScheduleToClose => enums::TimeoutType::ScheduleToClose,
                wit::TimeoutType::Heartbeat => enums::TimeoutType::Heartbeat,
            } as i32,
            last_heartbeat_details: payloads_to_wire(f.last_heartbeat_details),
        }),
        Kind::Cancelled(f) => FailureInfo::CanceledFailureInfo(wire::CanceledFailureInfo {
            details: payloads_to_wire(f.details),
            identity: f.identity,
        }),
        Kind::Terminated(identity) => {
            FailureInfo::TerminatedFailureInfo(wire::TerminatedFailureInfo { identity })
        }
        Kind::Server(non_retryable) => {
            FailureInfo::ServerFailureInfo(wire::ServerFailureInfo { non_retryable })
        }
        Kind::ResetWorkflow(details) => {
            FailureInfo::ResetWorkflowFailureInfo(wire::ResetWorkflowFailureInfo {
                last_heartbeat_details: payloads_to_wire(details),
            })
        }
        Kind::Activity(f) => FailureInfo::ActivityFailureInfo(wire::ActivityFailureInfo {
            scheduled_event_id: f.scheduled_event_id,
            started_event_id: f.started_event_id,
            identity: f.identity,
            activity_type: Some(ActivityType {
                name: f.activity_type,
            }),
            activity_id: f.activity_id,
            retry_state: retry_state_to_wire(f.retry_state) as i32,
        }),
        Kind::ChildWorkflow(f) => FailureInfo::ChildWorkflowExecutionFailureInfo(
            wire::ChildWorkflowExecutionFailureInfo {
                namespace: f.execution.namespace,
                workflow_execution: Some(WorkflowExecution {
                    workflow_id: f.execution.workflow_id,
                    run_id: f.execution.run_id,
                }),
                workflow_type: Some(WorkflowType {
                    name: f.workflow_type,
                }),
                initiated_event_id: f.initiated_event_id,
                started_event_id: f.started_event_id,
                retry_state: retry_state_to_wire(f.retry_state) as i32,
            },
        ),
        Kind::NexusOperation(f) => {
            FailureInfo::NexusOperationExecutionFailureInfo(wire::NexusOperationFailureInfo {
                scheduled_event_id: f.scheduled_event_id,
                endpoint: f.endpoint,
                service: f.service,
                operation: f.operation,
                operation_token: f.operation_token,
                ..wire::NexusOperationFailureInfo::default()
            })
        }
        Kind::NexusHandler(f) => {
            FailureInfo::NexusHandlerFailureInfo(wire::NexusHandlerFailureInfo {
                r#type: f.error_type,
                retry_behavior: match f.retry_behavior {
                    wit::NexusRetryBehavior::Unspecified => {
                        enums::NexusHandlerErrorRetryBehavior::Unspecified
                    }
                    wit::NexusRetryBehavior::Retryable => {
                        enums::NexusHandlerErrorRetryBehavior::Retryable
                    }
                    wit::NexusRetryBehavior::NonRetryable => {
                        enums::NexusHandlerErrorRetryBehavior::NonRetryable
                    }
                } as i32,
            })
        }
    }
}

fn node_to_wit(failure: wire::Failure) -> wit::FailureNode {
    wit::FailureNode {
        message: failure.message,
        source: failure.source,
        stack_trace: failure.stack_trace,
        encoded_attributes: failure.encoded_attributes.map(payload_to_wit),
        kind: kind_to_wit(failure.failure_info),
    }
}

fn kind_to_wit(info: Option<FailureInfo>) -> wit::FailureKind {
    use wit::FailureKind as Kind;
    match info {
        Some(FailureInfo::ApplicationFailureInfo(f)) => {
            let category = match f.category() {
                enums::ApplicationErrorCategory::Unspecified => wit::FailureCategory::Unspecified,
                enums::ApplicationErrorCategory::Benign => wit::FailureCategory::Benign,
            };
            Kind::Application(wit::ApplicationFailure {
                next_retry_delay: duration_ns(f.next_retry_delay.as_ref()),
                error_type: f.r#type,
                non_retryable: f.non_retryable,
                details: payloads_to_wit(f.details),
                category,
            })
        }
        // A worker that does not say what failed: the most general kind.
        None => Kind::Application(wit::ApplicationFailure {
            error_type: String::new(),
            non_retryable: false,
            details: Vec::new(),
            next_retry_delay: None,
            category: wit::FailureCategory::Unspecified,
        }),
        Some(FailureInfo::TimeoutFailureInfo(f)) => Kind::Timeout(wit::TimeoutFailure {
            timeout: match f.timeout_type() {
                enums::TimeoutType::Unspecified | enums::TimeoutType::StartToClose => {
                    wit::TimeoutType::StartToClose
                }
                enums::TimeoutType::ScheduleToStart => wit::TimeoutType::ScheduleToStart,
                enums::TimeoutType::ScheduleToClose => wit::TimeoutType::ScheduleToClose,
                enums::TimeoutType::Heartbeat => wit::TimeoutType::Heartbeat,
            },
            last_heartbeat_details: payloads_to_wit(f.last_heartbeat_details),
        }),
        Some(FailureInfo::CanceledFailureInfo(f)) => Kind::Cancelled(wit::CancelledFailure {
            details: payloads_to_wit(f.details),
            identity: f.identity,
        }),
        Some(FailureInfo::TerminatedFailureInfo(f)) => Kind::Terminated(f.identity),
        Some(FailureInfo::ServerFailureInfo(f)) => Kind::Server(f.non_retryable),
        Some(FailureInfo::ResetWorkflowFailureInfo(f)) => {
            Kind::ResetWorkflow(payloads_to_wit(f.last_heartbeat_details))
        }
        Some(FailureInfo::ActivityFailureInfo(f)) => {
            let retry_state = retry_state_to_wit(f.retry_state());
            Kind::Activity(wit::ActivityFailure {
                scheduled_event_id: f.scheduled_event_id,
                started_event_id: f.started_event_id,
                identity: f.identity,
                activity_type: f.activity_type.unwrap_or_default().name,
                activity_id: f.activity_id,
                retry_state,
            })
        }
        Some(FailureInfo::ChildWorkflowExecutionFailureInfo(f)) => {
            let retry_state = retry_state_to_wit(f.retry_state());
            let execution = f.workflow_execution.unwrap_or_default();
            Kind::ChildWorkflow(wit::ChildWorkflowFailure {
                execution: wit::Execution {
                    namespace: f.namespace,
                    workflow_id: execution.workflow_id,
                    run_id: execution.run_id,
                },
                workflow_type: f.workflow_type.unwrap_or_default().name,
                initiated_event_id: f.initiated_event_id,
                started_event_id: f.started_event_id,
                retry_state,
            })
        }
        Some(FailureInfo::NexusOperationExecutionFailureInfo(f)) => {
            Kind::NexusOperation(wit::NexusOperationFailure {
                scheduled_event_id: f.scheduled_event_id,
                endpoint: f.endpoint,
                service: f.service,
                operation: f.operation,
                operation_token: f.operation_token,
            })
        }
        Some(FailureInfo::NexusHandlerFailureInfo(f)) => {
            use enums::NexusHandlerErrorRetryBehavior as Behavior;
            let retry_behavior = match f.retry_behavior() {
                Behavior::Unspecified => wit::NexusRetryBehavior::Unspecified,
                Behavior::Retryable => wit::NexusRetryBehavior::Retryable,
                Behavior::NonRetryable => wit::NexusRetryBehavior::NonRetryable,
            };
            Kind::NexusHandler(wit::NexusHandlerFailure {
                error_type: f.r#type,
                retry_behavior,
            })
        }
    }
}

fn retry_state_to_wire(state: wit::RetryState) -> enums::RetryState {
    match state {
        wit::RetryState::Unspecified => enums::RetryState::Unspecified,
        wit::RetryState::InProgress => enums::RetryState::InProgress,
        wit::RetryState::NonRetryableFailure => enums::RetryState::NonRetryableFailure,
        wit::RetryState::Timeout => enums::RetryState::Timeout,
        wit::RetryState::MaximumAttemptsReached => enums::RetryState::MaximumAttemptsReached,
        wit::RetryState::RetryPolicyNotSet => enums::RetryState::RetryPolicyNotSet,
        wit::RetryState::InternalServerError => enums::RetryState::InternalServerError,
        wit::RetryState::CancelRequested => enums::RetryState::CancelRequested,
    }
}

fn retry_state_to_wit(state: enums::RetryState) -> wit::RetryState {
    match state {
        enums::RetryState::Unspecified => wit::RetryState::Unspecified,
        enums::RetryState::InProgress => wit::RetryState::InProgress,
        enums::RetryState::NonRetryableFailure => wit::RetryState::NonRetryableFailure,
        enums::RetryState::Timeout => wit::RetryState::Timeout,
        enums::RetryState::MaximumAttemptsReached => wit::RetryState::MaximumAttemptsReached,
        enums::RetryState::RetryPolicyNotSet => wit::RetryState::RetryPolicyNotSet,
        enums::RetryState::InternalServerError => wit::RetryState::InternalServerError,
        enums::RetryState::CancelRequested => wit::RetryState::CancelRequested,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainspring_engine::failure::{self, ActivityIdentity};

    #[test]
    fn wf_21_a_failure_tree_survives_the_trip() {
        let mut tree = failure::activity(
            "activity task failed",
            ActivityIdentity {
                scheduled_event_id: 5,
                started_event_id: 9,
                activity_type: "Charge".into(),
                activity_id: "1".into(),
                identity: "w".into(),
            },
            enums::RetryState::MaximumAttemptsReached,
            Some(failure::application("no".into(), "Declined", "at".into())),
        );
        if let Some(cause) = &mut tree.cause {
            cause.cause = Some(Box::new(failure::canceled("c", None)));
        }
        assert_eq!(to_wire(to_wit(tree.clone())), tree);
    }

    #[test]
    fn an_empty_failure_is_no_panic() {
        assert!(to_wire(Vec::new()).message.contains("without content"));
    }
}
