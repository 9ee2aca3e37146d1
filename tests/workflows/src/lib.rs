//! Small workflows that the end-to-end tests drive: each shows one thing, and its
//! input decides the rest.

mod chains;
mod messages;

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityCancellationType, ActivityOptions, ApplicationFailure, RetryPolicy,
    WorkflowContext, WorkflowResult, WorkflowTermination, join_all, workflow, workflow_methods,
};
use serde::Deserialize;
use serde_json::Value;

/// The one activity: its worker does what the input says.
pub(crate) const DO: Activity<Value, Value> = Activity::new("Do");

/// How to call the activity; lengths in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    input: Value,
    start_to_close_ms: Option<u64>,
    schedule_to_close_ms: Option<u64>,
    schedule_to_start_ms: Option<u64>,
    heartbeat_ms: Option<u64>,
    initial_interval_ms: Option<u64>,
    maximum_interval_ms: Option<u64>,
    backoff_coefficient: Option<f64>,
    maximum_attempts: Option<u32>,
    #[serde(default)]
    non_retryable: Vec<String>,
    task_queue: Option<String>,
    activity_id: Option<String>,
}

impl Call {
    fn options(&self) -> ActivityOptions {
        let ms = Duration::from_millis;
        let attempt = ms(self.start_to_close_ms.unwrap_or(10_000));
        let mut options = ActivityOptions::start_to_close_timeout(attempt);
        options.schedule_to_close_timeout = self.schedule_to_close_ms.map(ms);
        options.schedule_to_start_timeout = self.schedule_to_start_ms.map(ms);
        options.heartbeat_timeout = self.heartbeat_ms.map(ms);
        options.task_queue = self.task_queue.clone();
        options.activity_id = self.activity_id.clone();
        options.cancellation_type = ActivityCancellationType::WaitCancellationCompleted;
        options.retry_policy = Some(RetryPolicy {
            initial_interval: ms(self.initial_interval_ms.unwrap_or(50)),
            maximum_interval: self.maximum_interval_ms.map(ms),
            backoff_coefficient: self.backoff_coefficient.unwrap_or(2.0),
            maximum_attempts: self.maximum_attempts.unwrap_or(0),
            non_retryable_error_types: self.non_retryable.clone(),
            ..RetryPolicy::default()
        });
        options
    }
}

/// One activity; its result or its failure is the workflow's.
#[workflow]
#[derive(Default)]
pub struct OneActivity;

#[workflow_methods]
impl OneActivity {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, call: Call) -> WorkflowResult<Value> {
        let result = ctx
            .execute_activity(DO, call.input.clone(), call.options())
            .await;
        Ok(result?)
    }
}

/// Collects signals `add` until there are as many as asked for.
#[workflow]
#[derive(Default)]
pub struct Collector {
    items: Vec<Value>,
}

#[workflow_methods]
impl Collector {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: usize) -> WorkflowResult<Vec<Value>> {
        ctx.wait_condition(|state| state.items.len() >= count)
            .await?;
        Ok(ctx.state(|state| state.items.clone()))
    }

    /// Keeps one item.
    #[signal]
    fn add(&mut self, item: Value) {
        self.items.push(item);
    }

    /// What came so far.
    #[query]
    fn items(&self) -> Vec<Value> {
        self.items.clone()
    }
}

/// Sleeps; a cancel makes it clean up first.
#[workflow]
#[derive(Default)]
pub struct Sleeper;

#[workflow_methods]
impl Sleeper {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, sleep_ms: u64) -> WorkflowResult<String> {
        let slept = ctx.timer(Duration::from_millis(sleep_ms)).await.fired();
        if slept.is_ok() {
            return Ok("slept".to_owned());
        }
        let cleanup = serde_json::json!({"do": "clean up"});
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        ctx.shielded()
            .execute_activity(DO, cleanup, options)
            .await?;
        Err(WorkflowTermination::cancelled())
    }
}

/// Many activities at once; answers the sum of their results.
#[workflow]
#[derive(Default)]
pub struct FanOut;

#[workflow_methods]
impl FanOut {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: u64) -> WorkflowResult<u64> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        let calls = (0..count).map(|n| {
            let input = serde_json::json!({"do": "echo", "value": n});
            ctx.start_activity(DO, input, &options)
        });
        let mut sum = 0;
        for result in join_all(calls.collect::<Vec<_>>()).await {
            sum += result?.as_u64().unwrap_or(0);
        }
        Ok(sum)
    }
}

/// Fails as it is told.
#[workflow]
#[derive(Default)]
pub struct Failer;

#[workflow_methods]
impl Failer {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, message: String) -> WorkflowResult<()> {
        let failure = ApplicationFailure::builder(message)
            .type_name("Declined")
            .detail(&"a detail")
            .build();
        Err(WorkflowTermination::failed_application(failure))
    }
}

/// Panics: a bug, not a failure.
#[workflow]
#[derive(Default)]
pub struct Panicker;

#[workflow_methods]
impl Panicker {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.timer(Duration::from_millis(10)).await;
        panic!("there is a bug in the workflow")
    }
}

pub use chains::{Chain, Flaky, Grower, LastLink, SlowToContinue, Subscription, Ticker};
pub use messages::{Account, Listener, Roller};

mainspring_workflow::export!(
    OneActivity,
    Collector,
    Sleeper,
    FanOut,
    Failer,
    Panicker,
    Account,
    Listener,
    Roller,
    Chain,
    LastLink,
    Subscription,
    Grower,
    SlowToContinue,
    Flaky,
    Ticker,
);
