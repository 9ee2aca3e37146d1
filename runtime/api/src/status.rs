//! From the server's errors to gRPC statuses, with the typed details that
//! official clients read.

use mainspring_server::ServerError;
use prost::{Message, Name};
use temporalio_protos::google::rpc;
use temporalio_protos::temporal::api::errordetails::v1::multi_operation_execution_failure::OperationStatus;
use temporalio_protos::temporal::api::errordetails::v1::{
    MultiOperationExecutionFailure, NamespaceNotFoundFailure, NotFoundFailure, QueryFailedFailure,
    WorkflowExecutionAlreadyStartedFailure,
};
use temporalio_protos::temporal::api::failure::v1::MultiOperationExecutionAborted;
use tonic::{Code, Status};

/// The status that stands for an error.
pub(crate) fn of(error: ServerError) -> Status {
    let message = error.to_string();
    match error {
        ServerError::NamespaceNotFound(namespace) => detailed(
            Code::NotFound,
            message,
            &NamespaceNotFoundFailure {
                namespace: namespace.to_string(),
            },
        ),
        ServerError::NotFound(_) => detailed(Code::NotFound, message, &NotFoundFailure::default()),
        ServerError::AlreadyStarted {
            run_id,
            start_request_id,
            ..
        } => detailed(
            Code::AlreadyExists,
            message,
            &WorkflowExecutionAlreadyStartedFailure {
                start_request_id,
                run_id: run_id.to_string(),
                ..WorkflowExecutionAlreadyStartedFailure::default()
            },
        ),
        ServerError::QueryFailed { failure, .. } => detailed(
            Code::InvalidArgument,
            message,
            &QueryFailedFailure {
                failure: failure.map(|failure| *failure),
            },
        ),
        ServerError::InvalidArgument(_) => Status::invalid_argument(message),
        ServerError::AlreadyExists(_) => Status::already_exists(message),
        ServerError::FailedPrecondition(_) => Status::failed_precondition(message),
        ServerError::ResourceExhausted(_) => Status::resource_exhausted(message),
        ServerError::Unavailable(_) => Status::unavailable(message),
        ServerError::Unimplemented(_) => Status::unimplemented(message),
        ServerError::Internal(_) => {
            tracing::error!(message, "a request failed inside the server");
            Status::internal(message)
        }
    }
}

/// The status of a multi-operation of which one part was refused; the other was
/// not done, or not alone.
pub(crate) fn of_operations(start: Option<Status>, update: Option<Status>) -> Status {
    let (code, what) = match (&start, &update) {
        (Some(status), _) => (status.code(), format!("start failed: {}", status.message())),
        (None, Some(status)) => (
            status.code(),
            format!("update failed: {}", status.message()),
        ),
        (None, None) => (Code::Internal, "nothing was refused".to_owned()),
    };
    let statuses = [start, update].map(|status| match status {
        Some(status) => OperationStatus {
            code: status.code() as i32,
            message: status.message().to_owned(),
            details: rpc::Status::decode(status.details())
                .map(|details| details.details)
                .unwrap_or_default(),
        },
        None => OperationStatus {
            code: Code::Aborted as i32,
            message: "Operation was aborted.".to_owned(),
            details: vec![any(&MultiOperationExecutionAborted::default())],
        },
    });
    let failure = MultiOperationExecutionFailure {
        statuses: statuses.into(),
    };
    let message = format!("Update-with-Start could not be executed: {what}");
    detailed(code, message, &failure)
}

/// A status whose details carry a typed failure.
fn detailed<F: Message + Name>(code: Code, message: String, failure: &F) -> Status {
    let details = rpc::Status {
        code: code as i32,
        message: message.clone(),
        details: vec![any(failure)],
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}

fn any<F: Message + Name>(failure: &F) -> prost_wkt_types::Any {
    prost_wkt_types::Any {
        type_url: format!("type.googleapis.com/{}", F::full_name()),
        value: failure.encode_to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainspring_engine::ids::RunId;

    #[test]
    fn an_id_that_is_taken_names_the_run_that_has_it() {
        let run_id = RunId::parse("0193d5a0-0000-7000-8000-000000000001").unwrap();
        let status = of(ServerError::AlreadyStarted {
            message: "taken".into(),
            run_id,
            start_request_id: "r".into(),
        });
        assert_eq!(status.code(), Code::AlreadyExists);
        let details = rpc::Status::decode(status.details()).unwrap();
        let any = &details.details[0];
        assert!(
            any.type_url
                .ends_with("temporal.api.errordetails.v1.WorkflowExecutionAlreadyStartedFailure")
        );
        let failure = WorkflowExecutionAlreadyStartedFailure::decode(&any.value[..]).unwrap();
        assert_eq!(failure.run_id, run_id.to_string());
    }
}
