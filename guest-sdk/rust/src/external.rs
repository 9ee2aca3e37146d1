//! Messages to other workflows: signals and cancel requests, delivered exactly
//! once (WF-16).

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::future::FusedFuture;

use crate::bindings::mainspring::workflow::external::SignalTarget;
use crate::bindings::mainspring::workflow::types;
use crate::cancellation::WorkflowCancellationToken;
use crate::failure::{self, Failure, FailureKind};
use crate::host;
use crate::operations::Operation;
use crate::payload::{self, IntoPayloads, PayloadConversionError};
use crate::runtime::Runtime;

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalWorkflowError {
    /// Nobody took it.
    #[error("{0}")]
    Failed(#[source] Failure),
    /// Its scope was cancelled before it was sent.
    #[error("{0}")]
    Cancelled(#[source] Failure),
    /// The arguments did not convert.
    #[error(transparent)]
    Serialization(#[from] PayloadConversionError),
}

impl ExternalWorkflowError {
    /// Whether there is no such workflow, or it is closed.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Failed(failure) => matches!(
                &failure.kind,
                FailureKind::Application { error_type, .. }
                    if error_type == "ExternalWorkflowExecutionNotFound"
            ),
            Self::Cancelled(_) | Self::Serialization(_) => false,
        }
    }
}

/// Another workflow, from
/// [`external_workflow`](crate::BaseWorkflowContext::external_workflow).
#[derive(Clone)]
pub struct ExternalWorkflowHandle {
    runtime: Rc<Runtime>,
    scope: WorkflowCancellationToken,
    target: types::Execution,
}

impl ExternalWorkflowHandle {
    pub(crate) fn new(
        runtime: Rc<Runtime>,
        scope: WorkflowCancellationToken,
        workflow_id: String,
    ) -> Self {
        Self {
            runtime,
            scope,
            target: types::Execution {
                namespace: String::new(),
                workflow_id,
                run_id: String::new(),
            },
        }
    }

    /// Means this run only, and not whichever is the latest.
    pub fn run_id(mut self, run_id: impl Into<String>) -> Self {
        self.target.run_id = run_id.into();
        self
    }

    /// Sends a signal, by the call itself. The future resolves when it was
    /// delivered.
    #[track_caller]
    pub fn signal(&self, name: &str, input: impl IntoPayloads) -> MessageFuture {
        let target = SignalTarget::Execution(self.target.clone());
        MessageFuture::signal(&self.runtime, &self.scope, target, name, &input)
    }

    /// Asks the workflow to cancel itself, by the call itself. The future resolves
    /// when the request was delivered.
    #[track_caller]
    pub fn cancel(&self, reason: &str) -> MessageFuture {
        if self.scope.is_cancelled() {
            return MessageFuture::scope_cancelled("the cancel request");
        }
        let handle = host::cancel_workflow(self.target.clone(), reason);
        let what = format!("cancel request to {:?}", self.target.workflow_id);
        MessageFuture::sent(&self.runtime, &self.scope, handle, what)
    }
}

enum Progress {
    Refused(Option<ExternalWorkflowError>),
    Sent(Operation),
    Done,
}

/// A message on its way. Dropped, it is delivered all the same.
#[must_use = "the message is sent, but nothing hears whether it was delivered"]
pub struct MessageFuture {
    progress: Progress,
}

impl MessageFuture {
    #[track_caller]
    pub(crate) fn signal<I: IntoPayloads>(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        target: SignalTarget,
        name: &str,
        input: &I,
    ) -> Self {
        if scope.is_cancelled() {
            return Self::scope_cancelled(&format!("signal {name:?}"));
        }
        match input.to_payloads() {
            Ok(input) => {
                let headers = runtime.headers(Vec::new());
                let input = payload::to_wire(input);
                let handle = host::signal_workflow(target, name, input, &headers);
                Self::sent(runtime, scope, handle, format!("signal {name:?}"))
            }
            Err(error) => Self {
                progress: Progress::Refused(Some(error.into())),
            },
        }
    }

    #[track_caller]
    fn sent(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        handle: host::Handle,
        what: String,
    ) -> Self {
        Self {
            progress: Progress::Sent(runtime.operations.add(handle, scope, what)),
        }
    }

    fn scope_cancelled(what: &str) -> Self {
        let message = format!("{what} was not sent: its scope is cancelled");
        Self::refused(Failure::cancelled(message, Vec::new()))
    }

    pub(crate) fn refused(failure: Failure) -> Self {
        Self {
            progress: Progress::Refused(Some(ExternalWorkflowError::Cancelled(failure))),
        }
    }
}

impl Future for MessageFuture {
    type Output = Result<(), ExternalWorkflowError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.progress {
            Progress::Refused(error) => Err(error
                .take()
                .expect("a refusal is replaced by Done when it is reported")),
            Progress::Sent(operation) => match operation.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(types::Outcome::Success(_)) => Ok(()),
                Poll::Ready(types::Outcome::Cancelled(failure)) => Err(
                    ExternalWorkflowError::Cancelled(failure::from_wire(failure)),
                ),
                Poll::Ready(
                    types::Outcome::Failed(failure) | types::Outcome::TimedOut(failure),
                ) => Err(ExternalWorkflowError::Failed(failure::from_wire(failure))),
            },
            Progress::Done => return Poll::Pending,
        };
        self.progress = Progress::Done;
        Poll::Ready(result)
    }
}

impl FusedFuture for MessageFuture {
    fn is_terminated(&self) -> bool {
        matches!(self.progress, Progress::Done)
    }
}
