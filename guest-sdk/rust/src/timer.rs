//! Durable timers (TIM-01).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::FusedFuture;

use crate::bindings::mainspring::workflow::types::{Outcome, UserMetadata};
use crate::cancellation::{
    CancellableFuture, WorkflowCancellationError, WorkflowCancellationToken,
};
use crate::operations::Operation;
use crate::payload::Payload;
use crate::runtime::Runtime;
use crate::{duration, host};

/// How a timer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerResult {
    /// It was cancelled before its time.
    Cancelled,
    /// Its time has come.
    Fired,
}

impl TimerResult {
    /// `Ok` if it fired: `ctx.timer(day).await.fired()?` stops a cancelled
    /// workflow where it sleeps.
    pub fn fired(self) -> Result<(), WorkflowCancellationError> {
        match self {
            Self::Fired => Ok(()),
            Self::Cancelled => Err(WorkflowCancellationError::of(
                &WorkflowCancellationToken::new(),
            )),
        }
    }
}

/// A timer's length and what goes with it. A plain `Duration` is one, too.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TimerOptions {
    /// From the workflow's clock. Zero resolves in the next batch of events.
    pub duration: Duration,
    /// The scope it hangs on; absent is the context's.
    pub cancellation_token: Option<WorkflowCancellationToken>,
    /// What a person reads about it.
    pub summary: Option<String>,
}

impl TimerOptions {
    /// A timer of this length.
    pub fn new(duration: Duration) -> Self {
        Self {
            duration,
            ..Self::default()
        }
    }

    /// Sets the scope it hangs on.
    pub fn cancellation_token(mut self, token: WorkflowCancellationToken) -> Self {
        self.cancellation_token = Some(token);
        self
    }

    /// Sets what a person reads about it.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }
}

impl From<Duration> for TimerOptions {
    fn from(duration: Duration) -> Self {
        Self::new(duration)
    }
}

/// A running timer. Await it, cancel it, or drop it: dropped, it runs on unheard.
#[must_use = "the timer runs, but nothing waits for it"]
pub struct TimerFuture {
    /// Absent once it has resolved, or if its scope was cancelled before it
    /// could start.
    operation: Option<Operation>,
    done: bool,
}

impl TimerFuture {
    #[track_caller]
    pub(crate) fn start(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        options: TimerOptions,
    ) -> Self {
        let token = options.cancellation_token.as_ref().unwrap_or(scope);
        if token.is_cancelled() {
            return Self {
                operation: None,
                done: false,
            };
        }
        let metadata = metadata(options.summary.as_deref());
        let handle = host::start_timer(duration::to_ns(options.duration), metadata);
        Self {
            operation: Some(runtime.operations.add(
                handle,
                token,
                format!("timer of {:?}", options.duration),
            )),
            done: false,
        }
    }
}

/// The summary as the contract carries it: a JSON text.
pub(crate) fn metadata(summary: Option<&str>) -> UserMetadata {
    UserMetadata {
        summary: summary.map(|text| {
            Payload::encode(&text.to_owned())
                .expect("text is always valid JSON")
                .into()
        }),
        details: None,
    }
}

impl Future for TimerFuture {
    type Output = TimerResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<TimerResult> {
        let result = match self
            .operation
            .as_ref()
            .map(|operation| operation.poll(context))
        {
            None => TimerResult::Cancelled,
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(Outcome::Success(_))) => TimerResult::Fired,
            Some(Poll::Ready(
                Outcome::Cancelled(_) | Outcome::Failed(_) | Outcome::TimedOut(_),
            )) => TimerResult::Cancelled,
        };
        self.done = true;
        Poll::Ready(result)
    }
}

impl FusedFuture for TimerFuture {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl CancellableFuture for TimerFuture {
    fn cancel(&self) {
        if let Some(operation) = &self.operation {
            operation.cancel("");
        }
    }
}
