//! The events that say how a letter was received and how a child closed.

use temporalio_protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType as WireType};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ChildWorkflowExecutionCanceledEventAttributes, ChildWorkflowExecutionCompletedEventAttributes,
    ChildWorkflowExecutionFailedEventAttributes, ChildWorkflowExecutionTerminatedEventAttributes,
    ChildWorkflowExecutionTimedOutEventAttributes,
    ExternalWorkflowExecutionCancelRequestedEventAttributes,
    ExternalWorkflowExecutionSignaledEventAttributes,
    RequestCancelExternalWorkflowExecutionFailedEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionFailedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
};

use crate::ids::RunId;
use crate::letter::Answer;

pub(super) fn signal_answered(
    sent: SignalExternalWorkflowExecutionInitiatedEventAttributes,
    initiated_event_id: i64,
    answer: &Answer,
) -> Attributes {
    match answer.outcome() {
        Ok(run_id) => Attributes::ExternalWorkflowExecutionSignaledEventAttributes(
            ExternalWorkflowExecutionSignaledEventAttributes {
                initiated_event_id,
                namespace: sent.namespace,
                workflow_execution: reached(sent.workflow_execution, run_id),
                ..ExternalWorkflowExecutionSignaledEventAttributes::default()
            },
        ),
        Err(cause) => Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(
            SignalExternalWorkflowExecutionFailedEventAttributes {
                cause,
                workflow_task_completed_event_id: sent.workflow_task_completed_event_id,
                namespace: sent.namespace,
                workflow_execution: sent.workflow_execution,
                initiated_event_id,
                ..SignalExternalWorkflowExecutionFailedEventAttributes::default()
            },
        ),
    }
}

pub(super) fn cancel_answered(
    sent: RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    initiated_event_id: i64,
    answer: &Answer,
) -> Attributes {
    match answer.outcome() {
        Ok(run_id) => Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
            ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id,
                namespace: sent.namespace,
                workflow_execution: reached(sent.workflow_execution, run_id),
                ..ExternalWorkflowExecutionCancelRequestedEventAttributes::default()
            },
        ),
        Err(cause) => Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
            RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                cause,
                workflow_task_completed_event_id: sent.workflow_task_completed_event_id,
                namespace: sent.namespace,
                workflow_execution: sent.workflow_execution,
                initiated_event_id,
                ..RequestCancelExternalWorkflowExecutionFailedEventAttributes::default()
            },
        ),
    }
}

/// The run that a letter reached.
fn reached(asked: Option<WorkflowExecution>, run_id: RunId) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        run_id: run_id.to_string(),
        ..asked.unwrap_or_default()
    })
}

/// What the events about a child's close have in common.
pub(super) struct ClosedChild {
    pub(super) namespace: String,
    pub(super) execution: Option<WorkflowExecution>,
    pub(super) workflow_type: Option<WireType>,
    pub(super) initiated_event_id: i64,
    pub(super) started_event_id: i64,
}

impl ClosedChild {
    /// The parent's event for the child's.
    pub(super) fn event(self, close: Option<&Attributes>) -> Attributes {
        use Attributes as A;
        let Self {
            namespace,
            execution: workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        } = self;
        match close {
            Some(A::WorkflowExecutionCompletedEventAttributes(close)) => {
                A::ChildWorkflowExecutionCompletedEventAttributes(
                    ChildWorkflowExecutionCompletedEventAttributes {
                        result: close.result.clone(),
                        namespace,
                        workflow_execution,
                        workflow_type,
                        initiated_event_id,
                        started_event_id,
                        ..ChildWorkflowExecutionCompletedEventAttributes::default()
                    },
                )
            }
            Some(A::WorkflowExecutionFailedEventAttributes(close)) => {
                A::ChildWorkflowExecutionFailedEventAttributes(
                    ChildWorkflowExecutionFailedEventAttributes {
                        failure: close.failure.clone(),
                        namespace,
                        workflow_execution,
                        workflow_type,
                        initiated_event_id,
                        started_event_id,
                        retry_state: close.retry_state,
                        ..ChildWorkflowExecutionFailedEventAttributes::default()
                    },
                )
            }
            Some(A::WorkflowExecutionCanceledEventAttributes(close)) => {
                A::ChildWorkflowExecutionCanceledEventAttributes(
                    ChildWorkflowExecutionCanceledEventAttributes {
                        details: close.details.clone(),
                        namespace,
                        workflow_execution,
                        workflow_type,
                        initiated_event_id,
                        started_event_id,
                        ..ChildWorkflowExecutionCanceledEventAttributes::default()
                    },
                )
            }
            Some(A::WorkflowExecutionTimedOutEventAttributes(close)) => {
                A::ChildWorkflowExecutionTimedOutEventAttributes(
                    ChildWorkflowExecutionTimedOutEventAttributes {
                        namespace,
                        workflow_execution,
                        workflow_type,
                        initiated_event_id,
                        started_event_id,
                        retry_state: close.retry_state,
                        ..ChildWorkflowExecutionTimedOutEventAttributes::default()
                    },
                )
            }
            _ => A::ChildWorkflowExecutionTerminatedEventAttributes(
                ChildWorkflowExecutionTerminatedEventAttributes {
                    namespace,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                    ..ChildWorkflowExecutionTerminatedEventAttributes::default()
                },
            ),
        }
    }
}
