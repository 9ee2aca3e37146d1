//! What the code is told where another run did not take what it was sent.

use temporalio_protos::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelCause,
    SignalExternalWorkflowExecutionFailedCause as SignalCause,
    StartChildWorkflowExecutionFailedCause as StartCause,
};
use temporalio_protos::temporal::api::failure::v1::Failure;

use crate::failure;

pub(super) fn start_failed(cause: StartCause, namespace: &str) -> Failure {
    let (error_type, message) = match cause {
        StartCause::WorkflowAlreadyExists => (
            "WorkflowExecutionAlreadyStarted",
            "a workflow execution with this ID is there already".to_owned(),
        ),
        StartCause::NamespaceNotFound => (
            "NamespaceNotFound",
            "a child can only be started in the namespace of its parent".to_owned(),
        ),
        // The one reason that has no cause of its own in the history's vocabulary.
        StartCause::Unspecified | StartCause::InvalidVersioningOverride => (
            "WorkflowTypeNotFound",
            format!(
                "no component in namespace {namespace} exports the type in the version asked for"
            ),
        ),
    };
    non_retryable(message, error_type)
}

pub(super) fn signal_failed(to: &str, cause: i32) -> Failure {
    let cause = SignalCause::try_from(cause).unwrap_or_default();
    let (error_type, why) = match cause {
        SignalCause::ExternalWorkflowExecutionNotFound => (
            "ExternalWorkflowExecutionNotFound",
            "it was not found, or is closed",
        ),
        SignalCause::NamespaceNotFound => (
            "NamespaceNotFound",
            "a workflow can only signal others of its own namespace",
        ),
        SignalCause::SignalCountLimitExceeded => (
            "SignalCountLimitExceeded",
            "its history has reached its limit",
        ),
        SignalCause::Unspecified => ("SignalFailed", "it was refused"),
    };
    non_retryable(format!("unable to signal {to}: {why}"), error_type)
}

pub(super) fn cancel_failed(to: &str, cause: CancelCause) -> Failure {
    let (error_type, why) = match cause {
        CancelCause::ExternalWorkflowExecutionNotFound => (
            "ExternalWorkflowExecutionNotFound",
            "it was not found, or is closed",
        ),
        CancelCause::NamespaceNotFound => (
            "NamespaceNotFound",
            "a workflow can only cancel others of its own namespace",
        ),
        CancelCause::Unspecified => ("CancelFailed", "its history has reached its limit"),
    };
    non_retryable(format!("unable to cancel {to}: {why}"), error_type)
}

fn non_retryable(message: String, error_type: &str) -> Failure {
    use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;
    let mut failure = failure::application(message, error_type, String::new());
    if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info {
        info.non_retryable = true;
    }
    failure
}
