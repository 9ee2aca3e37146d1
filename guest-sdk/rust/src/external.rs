//! Messages to other workflows: signals and cancel requests, delivered exactly
//! once (WF-16).

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::future::FusedFuture;

use crate::answer::{Answer, operation_error};
use crate::bindings::mainspring::workflow::external::SignalTarget;
use crate::bindings::mainspring::workflow::types;
use crate::cancellation::WorkflowCancellationToken;
use crate::failure::FailureKind;
use crate::host;
use crate::payload::{self, IntoPayloads};
use crate::runtime::Runtime;

operation_error! {
    /// Why a message was not delivered.
    enum ExternalWorkflowError;
    /// Nobody took it.
    Failed;
    /// Its scope was cancelled before it was sent.
    Cancelled;
    /// The arguments did not convert.
    Serialization;
    /// Why, under the server's account of the message.
    fn cause;
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

/// A message on its way. Dropped, it is delivered all the same.
#[must_use = "the message is sent, but nothing hears whether it was delivered"]
pub struct MessageFuture {
    answer: Answer<ExternalWorkflowError>,
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
                answer: Answer::refused(error.into()),
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
            answer: Answer::Asked(runtime.operations.add(handle, scope, what)),
        }
    }

    fn scope_cancelled(what: &str) -> Self {
        Self::not_sent(format!("{what} was not sent: its scope is cancelled"))
    }

    /// A message that there is no sense in sending.
    pub(crate) fn not_sent(why: String) -> Self {
        Self {
            answer: Answer::scope_cancelled(why),
        }
    }
}

impl Future for MessageFuture {
    type Output = Result<(), ExternalWorkflowError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll(context)
    }
}

impl FusedFuture for MessageFuture {
    fn is_terminated(&self) -> bool {
        self.answer.is_told()
    }
}
