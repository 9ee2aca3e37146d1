//! What a caller is told when a request cannot be served. One variant per kind
//! of answer; the front door maps each to its status code in one place.

use mainspring_engine::ids::{Namespace, RunId};
use mainspring_sandbox::Refusal;
use mainspring_store::StoreError;
use temporalio_protos::temporal::api::failure::v1::Failure;

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No such namespace.
    #[error("namespace {0} is not found; register it with `mainspring namespace create {0}`")]
    NamespaceNotFound(Namespace),
    /// The named thing (a workflow, a run, an activity, a component …) is not
    /// there, or not any more.
    #[error("{0}")]
    NotFound(String),
    /// The request breaks a rule; the sentence says which.
    #[error("{0}")]
    InvalidArgument(String),
    /// The workflow ID is taken (LIF-01..03).
    #[error("{message}")]
    AlreadyStarted {
        /// Which rule refused it.
        message: String,
        /// The run that holds the ID.
        run_id: RunId,
        /// The request that started that run.
        start_request_id: String,
    },
    /// Something of that name is there.
    #[error("{0}")]
    AlreadyExists(String),
    /// Not in this state.
    #[error("{0}")]
    FailedPrecondition(String),
    /// A limit was reached; the sentence names it.
    #[error("{0}")]
    ResourceExhausted(String),
    /// The query ran and failed, or could not run on this code.
    #[error("{message}")]
    QueryFailed {
        /// What the handler said.
        message: String,
        /// The failure as the handler gave it, if it gave one.
        failure: Option<Box<Failure>>,
    },
    /// Not now: shutting down, or the database did not answer. Nothing was
    /// acknowledged; trying again is safe.
    #[error("{0}")]
    Unavailable(String),
    /// A bug or a damaged record of ours.
    #[error("{0}")]
    Internal(String),
    /// Asked for something that this server does not do yet.
    #[error("{0}")]
    Unimplemented(String),
}

impl From<StoreError> for ServerError {
    fn from(error: StoreError) -> Self {
        match error {
            // The same query meets the same rows: clients that try again what is
            // exhausted would walk them for a minute and never be told.
            StoreError::TooManyRows { .. } => ServerError::InvalidArgument(format!(
                "{error} (limit list-rows-examined); narrow it by WorkflowId, ParentWorkflowId, \
                 RootWorkflowId, WorkflowType, ExecutionStatus or a range of StartTime or \
                 CloseTime, or sort by StartTime"
            )),
            StoreError::Corrupt { .. } | StoreError::Damaged { .. } => {
                ServerError::Internal(error.to_string())
            }
            other => ServerError::Unavailable(other.to_string()),
        }
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        if refusal.is_limit() {
            ServerError::ResourceExhausted(message)
        } else {
            ServerError::InvalidArgument(message)
        }
    }
}
