//! How `run` ends other than by its result.

use serde::Serialize;

use crate::activity::ActivityExecutionError;
use crate::cancellation::WorkflowCancellationError;
use crate::child::ChildWorkflowExecutionError;
use crate::external::ExternalWorkflowError;
use crate::failure::{ApplicationFailure, Failure};
use crate::payload::{Payload, PayloadConversionError};

/// What `run` returns.
pub type WorkflowResult<T> = Result<T, WorkflowTermination>;

/// Why a run ends without a result. `?` makes one from each error of this SDK.
///
/// | returned from `run` | what happens |
/// |---|---|
/// | `Cancelled`, after somebody asked the run to cancel | closes as cancelled |
/// | `Cancelled`, and nobody asked | fails: the cancellation was the run's own |
/// | `Failed` | fails with that failure |
/// | `ContinuedAsNew` | closes, and its successor starts |
/// | `TaskFailed` | the workflow task fails and is tried again; the run stays open |
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorkflowTermination {
    /// The run honours a cancel request.
    #[error("workflow cancelled")]
    Cancelled {
        /// Values for whoever waits for the result.
        details: Vec<Payload>,
    },
    /// The run fails.
    #[error("workflow failed: {0}")]
    Failed(Failure),
    /// The run goes on as another; made by
    /// [`continue_as_new`](crate::WorkflowContext::continue_as_new).
    #[error("workflow continues as new")]
    ContinuedAsNew(Continuation),
    /// The code cannot go on, and a corrected version could: nothing about the
    /// run is decided.
    #[error("workflow task failed: {0}")]
    TaskFailed(PayloadConversionError),
}

/// Stands for what `continue_as_new` told the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation(());

impl Continuation {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl WorkflowTermination {
    /// Cancelled, without details.
    pub fn cancelled() -> Self {
        Self::Cancelled {
            details: Vec::new(),
        }
    }

    /// Cancelled, with a value for whoever waits for the result.
    pub fn cancelled_with_details<T: Serialize + 'static>(
        details: &T,
    ) -> Result<Self, PayloadConversionError> {
        Ok(Self::Cancelled {
            details: vec![Payload::encode(details)?],
        })
    }

    /// Failed, as `Err(failure)?` does.
    pub fn failed_application(failure: ApplicationFailure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<ApplicationFailure> for WorkflowTermination {
    fn from(failure: ApplicationFailure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<Failure> for WorkflowTermination {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<WorkflowCancellationError> for WorkflowTermination {
    fn from(_: WorkflowCancellationError) -> Self {
        Self::cancelled()
    }
}

impl From<PayloadConversionError> for WorkflowTermination {
    fn from(error: PayloadConversionError) -> Self {
        Self::TaskFailed(error)
    }
}

impl From<ChildWorkflowExecutionError> for WorkflowTermination {
    fn from(error: ChildWorkflowExecutionError) -> Self {
        match error {
            ChildWorkflowExecutionError::Cancelled(_) => Self::cancelled(),
            ChildWorkflowExecutionError::Failed(failure) => Self::Failed(failure),
            ChildWorkflowExecutionError::Serialization(error) => Self::TaskFailed(error),
        }
    }
}

impl From<ExternalWorkflowError> for WorkflowTermination {
    fn from(error: ExternalWorkflowError) -> Self {
        match error {
            ExternalWorkflowError::Cancelled(_) => Self::cancelled(),
            ExternalWorkflowError::Failed(failure) => Self::Failed(failure),
            ExternalWorkflowError::Serialization(error) => Self::TaskFailed(error),
        }
    }
}

impl From<ActivityExecutionError> for WorkflowTermination {
    fn from(error: ActivityExecutionError) -> Self {
        match error {
            ActivityExecutionError::Cancelled(_) => Self::cancelled(),
            ActivityExecutionError::Failed(failure) => Self::Failed(failure),
            ActivityExecutionError::Serialization(error) => Self::TaskFailed(error),
        }
    }
}
