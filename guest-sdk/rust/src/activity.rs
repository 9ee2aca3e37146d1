//! Activities: the only way in which a workflow touches the world.
//!
//! A workflow names an activity with its types, `Activity<Input, Output>`, and
//! does not implement it: activities run in workers, in any language. Retries,
//! timeouts and backoff happen on the server and leave no trace in the code; the
//! future resolves when the activity is over for good (ACT-01..13).

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::FusedFuture;

use crate::answer::{Answer, operation_error};
use crate::bindings::mainspring::workflow::{activities as wire, types};
use crate::cancellation::{CancellableFuture, WorkflowCancellationToken};
use crate::definition::definition;
use crate::payload::{self, FromPayloads, IntoPayloads};
use crate::runtime::Runtime;
use crate::timer::metadata;
use crate::{duration, host};

definition! {
    /// An activity that a workflow can call: its type name, its arguments and its
    /// result.
    trait ActivityDefinition;
    /// The activity type under which workers register it.
    fn name;
    /// Declares an activity by name and types.
    ///
    /// ```
    /// use mainspring_workflow::{Activity, Args};
    ///
    /// /// Charges the order and returns the payment's ID.
    /// const CHARGE_PAYMENT: Activity<String, String> = Activity::new("ChargePayment");
    /// /// Two arguments, no result.
    /// const TRANSFER: Activity<Args<(String, u64)>, ()> = Activity::new("Transfer");
    /// # let _ = (CHARGE_PAYMENT, TRANSFER);
    /// ```
    struct Activity;
    /// The activity that workers register under this type name.
    fn new;
}

/// When a failed attempt is tried again (ACT-08). `default()` is what activities
/// get without a policy: after 1 s, then twice as long each time up to 100 times
/// the first interval, without end.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Wait before the second attempt.
    pub initial_interval: Duration,
    /// What each wait is multiplied by; at least 1.
    pub backoff_coefficient: f64,
    /// The longest wait; absent is 100 times the first.
    pub maximum_interval: Option<Duration>,
    /// Attempts in all; 0 is unlimited, 1 is no retry.
    pub maximum_attempts: u32,
    /// Application failure types that end the retries, matched exactly.
    pub non_retryable_error_types: Vec<String>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            backoff_coefficient: 2.0,
            maximum_interval: None,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
        }
    }
}

impl From<RetryPolicy> for types::RetryPolicy {
    fn from(policy: RetryPolicy) -> Self {
        Self {
            initial_interval: Some(duration::to_ns(policy.initial_interval)),
            backoff_coefficient: Some(policy.backoff_coefficient),
            maximum_interval: policy.maximum_interval.map(duration::to_ns),
            maximum_attempts: Some(i32::try_from(policy.maximum_attempts).unwrap_or(i32::MAX)),
            non_retryable_error_types: policy.non_retryable_error_types,
        }
    }
}

impl From<&types::RetryPolicy> for RetryPolicy {
    fn from(policy: &types::RetryPolicy) -> Self {
        let default = Self::default();
        Self {
            initial_interval: policy
                .initial_interval
                .map_or(default.initial_interval, duration::from_ns),
            backoff_coefficient: policy
                .backoff_coefficient
                .unwrap_or(default.backoff_coefficient),
            maximum_interval: policy.maximum_interval.map(duration::from_ns),
            maximum_attempts: policy
                .maximum_attempts
                .and_then(|attempts| u32::try_from(attempts).ok())
                .unwrap_or(default.maximum_attempts),
            non_retryable_error_types: policy.non_retryable_error_types.clone(),
        }
    }
}

/// Who goes first when a task queue has a backlog. Zero and empty take the
/// defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Priority {
    /// 1 (first) to 5.
    pub priority_key: u8,
    /// Work of one key shares the queue fairly with work of the others.
    pub fairness_key: String,
    /// The share of this key.
    pub fairness_weight: f32,
}

impl From<Priority> for types::Priority {
    fn from(priority: Priority) -> Self {
        Self {
            key: i32::from(priority.priority_key),
            fairness_key: priority.fairness_key,
            fairness_weight: priority.fairness_weight,
        }
    }
}

/// What a workflow sees when it cancels an activity (ACT-13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActivityCancellationType {
    /// Resolve at once as cancelled and ask the worker to stop.
    #[default]
    TryCancel,
    /// Ask the worker to stop and resolve when it reports back.
    WaitCancellationCompleted,
    /// Resolve at once as cancelled and tell nobody.
    Abandon,
}

impl From<ActivityCancellationType> for wire::CancellationType {
    fn from(cancellation_type: ActivityCancellationType) -> Self {
        match cancellation_type {
            ActivityCancellationType::TryCancel => Self::TryCancel,
            ActivityCancellationType::WaitCancellationCompleted => Self::WaitCancellationCompleted,
            ActivityCancellationType::Abandon => Self::Abandon,
        }
    }
}

/// How an activity is run. One of the two close timeouts is required, so every
/// constructor takes one.
///
/// ```
/// use std::time::Duration;
/// use mainspring_workflow::{ActivityOptions, RetryPolicy};
///
/// let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
///     .heartbeat_timeout(Duration::from_secs(5))
///     .retry_policy(RetryPolicy { maximum_attempts: 5, ..RetryPolicy::default() })
///     .build();
/// assert_eq!(options.schedule_to_close_timeout, None);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActivityOptions {
    /// One attempt, from its pick-up by a worker (ACT-04).
    pub start_to_close_timeout: Option<Duration>,
    /// All attempts and the waits between them (ACT-03).
    pub schedule_to_close_timeout: Option<Duration>,
    /// How long one task may wait for a worker; never retried (ACT-05).
    pub schedule_to_start_timeout: Option<Duration>,
    /// The longest gap between two heartbeats (ACT-06).
    pub heartbeat_timeout: Option<Duration>,
    /// Absent: retried with the defaults.
    pub retry_policy: Option<RetryPolicy>,
    /// What a cancel does.
    pub cancellation_type: ActivityCancellationType,
    /// The scope it hangs on; absent is the context's.
    pub cancellation_token: Option<WorkflowCancellationToken>,
    /// Unique among the open activities of the run; absent: assigned.
    pub activity_id: Option<String>,
    /// Absent: the task queue of the run.
    pub task_queue: Option<String>,
    /// What a person reads about it.
    pub summary: Option<String>,
    /// Its place in a backlog.
    pub priority: Option<Priority>,
    /// What travels beside the input, besides what the workflow propagates (WF-24).
    pub headers: BTreeMap<String, payload::Payload>,
}

impl ActivityOptions {
    /// Options with this timeout for each attempt.
    pub fn start_to_close_timeout(timeout: Duration) -> Self {
        Self::with_start_to_close_timeout(timeout).build()
    }

    /// Options with this timeout for all attempts together.
    pub fn schedule_to_close_timeout(timeout: Duration) -> Self {
        Self::with_schedule_to_close_timeout(timeout).build()
    }

    /// Starts options with this timeout for each attempt.
    pub fn with_start_to_close_timeout(timeout: Duration) -> ActivityOptionsBuilder {
        ActivityOptionsBuilder::new().start_to_close_timeout(timeout)
    }

    /// Starts options with this timeout for all attempts together.
    pub fn with_schedule_to_close_timeout(timeout: Duration) -> ActivityOptionsBuilder {
        ActivityOptionsBuilder::new().schedule_to_close_timeout(timeout)
    }

    fn into_wire(
        self,
        activity_type: String,
        input: Vec<payload::Payload>,
        mut headers: BTreeMap<String, payload::Payload>,
    ) -> wire::ActivityOptions {
        headers.extend(self.headers);
        wire::ActivityOptions {
            activity_type,
            activity_id: self.activity_id,
            task_queue: self.task_queue,
            input: payload::to_wire(input),
            headers: payload::fields_to_wire(headers),
            schedule_to_close_timeout: self.schedule_to_close_timeout.map(duration::to_ns),
            schedule_to_start_timeout: self.schedule_to_start_timeout.map(duration::to_ns),
            start_to_close_timeout: self.start_to_close_timeout.map(duration::to_ns),
            heartbeat_timeout: self.heartbeat_timeout.map(duration::to_ns),
            retry_policy: self.retry_policy.map(Into::into),
            cancellation_type: self.cancellation_type.into(),
            priority: self.priority.map(Into::into),
            metadata: metadata(self.summary.as_deref()),
        }
    }
}

/// One set of options serves many calls: pass it by reference.
impl From<&ActivityOptions> for ActivityOptions {
    fn from(options: &ActivityOptions) -> Self {
        options.clone()
    }
}

impl From<ActivityOptionsBuilder> for ActivityOptions {
    fn from(builder: ActivityOptionsBuilder) -> Self {
        builder.build()
    }
}

/// Builds [`ActivityOptions`]; each method sets the field of its name.
#[derive(Clone, Debug)]
pub struct ActivityOptionsBuilder {
    options: ActivityOptions,
}

macro_rules! optional_fields {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](ActivityOptions#structfield.", stringify!($field), ").")]
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            self.options.$field = Some(value.into());
            self
        }
    )+};
}

impl ActivityOptionsBuilder {
    fn new() -> Self {
        Self {
            options: ActivityOptions {
                start_to_close_timeout: None,
                schedule_to_close_timeout: None,
                schedule_to_start_timeout: None,
                heartbeat_timeout: None,
                retry_policy: None,
                cancellation_type: ActivityCancellationType::default(),
                cancellation_token: None,
                activity_id: None,
                task_queue: None,
                summary: None,
                priority: None,
                headers: BTreeMap::new(),
            },
        }
    }

    optional_fields! {
        start_to_close_timeout: Duration,
        schedule_to_close_timeout: Duration,
        schedule_to_start_timeout: Duration,
        heartbeat_timeout: Duration,
        retry_policy: RetryPolicy,
        cancellation_token: WorkflowCancellationToken,
        activity_id: String,
        task_queue: String,
        summary: String,
        priority: Priority,
    }

    /// Adds one of the [`headers`](ActivityOptions#structfield.headers).
    pub fn header(mut self, name: impl Into<String>, value: payload::Payload) -> Self {
        self.options.headers.insert(name.into(), value);
        self
    }

    /// Sets [`cancellation_type`](ActivityOptions#structfield.cancellation_type).
    pub fn cancellation_type(mut self, cancellation_type: ActivityCancellationType) -> Self {
        self.options.cancellation_type = cancellation_type;
        self
    }

    /// The finished options.
    pub fn build(self) -> ActivityOptions {
        self.options
    }
}

operation_error! {
    /// How an activity ended if not with a result.
    enum ActivityExecutionError;
    /// It failed or timed out for good. The tree starts with what the server
    /// knows about the activity; its cause is what the last attempt said.
    Failed;
    /// It was cancelled, or its scope was before it could start.
    Cancelled;
    /// The arguments or the result did not convert.
    Serialization;
    /// What the last attempt said, under the server's account of the activity.
    fn cause;
}

/// A scheduled activity. Await it, cancel it, or drop it: dropped, it runs on and
/// its answer is thrown away.
#[must_use = "the activity is scheduled, but nothing waits for its result"]
pub struct ActivityFuture<O> {
    answer: Answer<ActivityExecutionError>,
    output: PhantomData<fn() -> O>,
}

impl<O: FromPayloads> ActivityFuture<O> {
    #[track_caller]
    pub(crate) fn start<I: IntoPayloads>(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        name: &str,
        input: &I,
        options: ActivityOptions,
    ) -> Self {
        let answer = match input.to_payloads() {
            Ok(input) => Self::schedule(runtime, scope, name, input, options),
            Err(error) => Answer::refused(error.into()),
        };
        Self {
            answer,
            output: PhantomData,
        }
    }

    #[track_caller]
    fn schedule(
        runtime: &Runtime,
        scope: &WorkflowCancellationToken,
        name: &str,
        input: Vec<payload::Payload>,
        options: ActivityOptions,
    ) -> Answer<ActivityExecutionError> {
        let token = options
            .cancellation_token
            .clone()
            .unwrap_or_else(|| scope.clone());
        if token.is_cancelled() {
            let message = format!("activity {name:?} was not scheduled: its scope is cancelled");
            return Answer::scope_cancelled(message);
        }
        let headers = runtime.propagated.borrow().clone();
        let handle = host::start_activity(options.into_wire(name.to_owned(), input, headers));
        let what = format!("activity {name:?}");
        Answer::Asked(runtime.operations.add(handle, &token, what))
    }
}

impl<O: FromPayloads> Future for ActivityFuture<O> {
    type Output = Result<O, ActivityExecutionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll(context)
    }
}

impl<O: FromPayloads> FusedFuture for ActivityFuture<O> {
    fn is_terminated(&self) -> bool {
        self.answer.is_told()
    }
}

impl<O: FromPayloads> CancellableFuture for ActivityFuture<O> {
    fn cancel(&self) {
        if let Answer::Asked(operation) = &self.answer {
            operation.cancel("");
        }
    }
}
