//! Workflows that wait, and are cancelled.

use std::time::Duration;

use mainspring_workflow::{
    ActivityCancellationType, ActivityOptions, TimerOptions, TimerResult,
    WorkflowCancellationToken, WorkflowContext, WorkflowResult, select, workflow, workflow_methods,
};
use serde_json::{Value, json};

use crate::activities::{DO, once};

const HOUR: Duration = Duration::from_secs(3_600);

/// Sleeps so many milliseconds, and says so.
#[workflow]
#[derive(Default)]
pub struct Sleeps;

#[workflow_methods]
impl Sleeps {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, sleep_ms: u64) -> WorkflowResult<String> {
        ctx.timer(Duration::from_millis(sleep_ms)).await.fired()?;
        Ok("slept".to_owned())
    }
}

/// A timer of an hour that its workflow cancels once another one has fired.
#[workflow]
#[derive(Default)]
pub struct TimerCancelled;

#[workflow_methods]
impl TimerCancelled {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let scope = WorkflowCancellationToken::new();
        let hour = ctx.timer(TimerOptions::new(HOUR).cancellation_token(scope.clone()));
        ctx.timer(Duration::from_millis(10)).await.fired()?;
        scope.cancel();
        Ok(match hour.await {
            TimerResult::Cancelled => "cancelled".to_owned(),
            TimerResult::Fired => "fired".to_owned(),
        })
    }
}

/// An activity against a timer of an hour, which is cancelled when it has lost.
#[workflow]
#[derive(Default)]
pub struct Race;

#[workflow_methods]
impl Race {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Value> {
        let scope = WorkflowCancellationToken::new();
        let mut hour = ctx.timer(TimerOptions::new(HOUR).cancellation_token(scope.clone()));
        let input = json!({"do": "echo", "value": "the activity"});
        let mut activity = ctx.start_activity(DO, input, once());
        select! {
            result = activity => {
                scope.cancel();
                Ok(result?)
            }
            _ = hour => Ok(json!("the timer")),
        }
    }
}

/// Sleeps for an hour; a cancel ends the run.
#[workflow]
#[derive(Default)]
pub struct Cancellable;

#[workflow_methods]
impl Cancellable {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(ctx.timer(HOUR).await.fired()?)
    }
}

/// Sleeps for an hour; a cancel makes it clean up before it ends.
#[workflow]
#[derive(Default)]
pub struct Cleanup;

#[workflow_methods]
impl Cleanup {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let slept = ctx.timer(HOUR).await.fired();
        if slept.is_err() {
            ctx.shielded()
                .execute_activity(DO, json!({"do": "clean up"}), once())
                .await?;
        }
        Ok(slept?)
    }
}

/// An activity that is cancelled with its run. The input is the cancellation type: `wait`
/// for the worker, `try` or `abandon`.
#[workflow]
#[derive(Default)]
pub struct ActivityCancelled;

#[workflow_methods]
impl ActivityCancelled {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, kind: String) -> WorkflowResult<Value> {
        let mut options = ActivityOptions::start_to_close_timeout(HOUR);
        options.heartbeat_timeout = Some(Duration::from_secs(60));
        options.cancellation_type = match kind.as_str() {
            "try" => ActivityCancellationType::TryCancel,
            "abandon" => ActivityCancellationType::Abandon,
            _ => ActivityCancellationType::WaitCancellationCompleted,
        };
        let input = json!({"do": "wait for cancel"});
        Ok(ctx.execute_activity(DO, input, options).await?)
    }
}
