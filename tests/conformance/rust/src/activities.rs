//! Workflows that call activities.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowResult, join_all, workflow,
    workflow_methods,
};
use serde_json::{Value, json};

/// The one activity: its worker does what the input says.
pub const DO: Activity<Value, Value> = Activity::new("Do");

/// One minute for each attempt, no retry.
pub fn once() -> ActivityOptions {
    let mut options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
    options.retry_policy = Some(RetryPolicy {
        maximum_attempts: 1,
        ..RetryPolicy::default()
    });
    options
}

/// One activity, and its result.
#[workflow]
#[derive(Default)]
pub struct ActivityResult;

#[workflow_methods]
impl ActivityResult {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<Value> {
        let input = json!({"do": "echo", "value": format!("Hello, {name}!")});
        Ok(ctx.execute_activity(DO, input, once()).await?)
    }
}

/// An activity that succeeds at its third attempt.
#[workflow]
#[derive(Default)]
pub struct ActivityRetried;

#[workflow_methods]
impl ActivityRetried {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Value> {
        let mut options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
        options.retry_policy = Some(RetryPolicy {
            initial_interval: Duration::from_millis(10),
            maximum_attempts: 5,
            ..RetryPolicy::default()
        });
        let input = json!({"do": "fail until", "attempt": 3});
        Ok(ctx.execute_activity(DO, input, options).await?)
    }
}

fn declined() -> Value {
    json!({"do": "fail", "type": "Declined", "message": "no funds", "detail": {"short": 5}})
}

/// A failure of an activity that the workflow does not catch.
#[workflow]
#[derive(Default)]
pub struct ActivityFailureReturned;

#[workflow_methods]
impl ActivityFailureReturned {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Value> {
        Ok(ctx.execute_activity(DO, declined(), once()).await?)
    }
}

/// A failure of an activity that the workflow catches: its type, and then another
/// activity.
#[workflow]
#[derive(Default)]
pub struct ActivityFailureCaught;

#[workflow_methods]
impl ActivityFailureCaught {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Value> {
        let Err(error) = ctx.execute_activity(DO, declined(), once()).await else {
            return Ok(json!("it succeeded"));
        };
        let kind = error
            .cause()
            .and_then(|cause| cause.application_type())
            .unwrap_or("none")
            .to_owned();
        let input = json!({"do": "echo", "value": kind});
        Ok(ctx.execute_activity(DO, input, once()).await?)
    }
}

/// Three activities at once; their results in the order of the calls.
#[workflow]
#[derive(Default)]
pub struct Parallel;

#[workflow_methods]
impl Parallel {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<Value>> {
        let calls = ["a", "b", "c"]
            .map(|value| ctx.start_activity(DO, json!({"do": "echo", "value": value}), once()));
        join_all(calls)
            .await
            .into_iter()
            .map(|result| Ok(result?))
            .collect()
    }
}

/// So many activities at once; the sum of their results.
#[workflow]
#[derive(Default)]
pub struct FanOut;

#[workflow_methods]
impl FanOut {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: u64) -> WorkflowResult<u64> {
        let calls = (0..count)
            .map(|value| ctx.start_activity(DO, json!({"do": "echo", "value": value}), once()));
        let mut sum = 0;
        for result in join_all(calls.collect::<Vec<_>>()).await {
            sum += result?.as_u64().unwrap_or_default();
        }
        Ok(sum)
    }
}
