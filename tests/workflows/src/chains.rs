//! Workflows whose runs are followed by others.

use std::time::Duration;

use mainspring_workflow::{
    ActivityOptions, ApplicationFailure, ContinueAsNewOptions, RetryPolicy, VersioningIntent,
    WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination, workflow,
    workflow_methods,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::DO;

/// What a run knows of its chain.
fn about(info: &WorkflowContextView) -> Value {
    let failure = info.continued_failure();
    let header = info.header("trace").and_then(|h| h.decode::<Value>().ok());
    json!({
        "type": info.workflow_type(),
        "task_queue": info.task_queue(),
        "run_id": info.run_id(),
        "first_run_id": info.first_execution_run_id(),
        "continued_from": info.continued_from_run_id(),
        "initiator": info.continued_initiator().map(|i| format!("{i:?}")),
        "attempt": info.attempt(),
        "failure": failure.map(|failure| failure.message.clone()),
        "last_result": info.last_completion_result::<Value>().and_then(Result::ok),
        "cron": info.cron_schedule(),
        "memo": info.memo::<Value>("note").and_then(Result::ok),
        "header": header,
        "run_timeout_s": info.run_timeout().map(|t| t.as_secs_f64()),
        "execution_timeout_s": info.execution_timeout().map(|t| t.as_secs_f64()),
        "retry_attempts": info.retry_policy().map(|p| p.maximum_attempts),
        "reasons": info.continue_as_new_reasons().len(),
    })
}

/// How a run of a chain goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Runs that follow.
    left: u32,
    /// Runs before.
    done: u32,
    /// Sleeps so long first.
    sleep_ms: u64,
    /// Does something first.
    act: bool,
    /// What the next run changes.
    next: Change,
}

/// What the next run changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    workflow_type: Option<String>,
    task_queue: Option<String>,
    memo: Option<String>,
    memo_bytes: Option<usize>,
    run_timeout_ms: Option<u64>,
    maximum_attempts: Option<u32>,
    backoff_ms: Option<u64>,
    /// How long it sleeps, if not as long as this one.
    sleep_ms: Option<u64>,
    current: bool,
}

/// Goes on as new until nothing is left; the last run tells what it knows.
#[workflow]
#[derive(Default)]
pub struct Chain;

#[workflow_methods]
impl Chain {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, link: Link) -> WorkflowResult<Value> {
        if link.sleep_ms > 0 {
            ctx.timer(Duration::from_millis(link.sleep_ms))
                .await
                .fired()?;
        }
        if link.act {
            ctx.propagate_headers(["trace"]);
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
            let input = json!({"do": "echo", "value": link.done});
            ctx.execute_activity(DO, input, options).await?;
        }
        if link.left == 0 {
            let mut known = about(&ctx.info());
            known["done"] = json!(link.done);
            return Ok(known);
        }
        let change = link.next.clone();
        let ms = Duration::from_millis;
        let mut options = ContinueAsNewOptions {
            workflow_type: change.workflow_type,
            task_queue: change.task_queue,
            run_timeout: change.run_timeout_ms.map(ms),
            backoff_start_interval: change.backoff_ms.map(ms),
            retry_policy: change.maximum_attempts.map(|maximum_attempts| RetryPolicy {
                maximum_attempts,
                ..RetryPolicy::default()
            }),
            ..ContinueAsNewOptions::default()
        };
        if change.current {
            options.versioning_intent = VersioningIntent::Current;
        }
        let memo = change
            .memo_bytes
            .map(|bytes| "x".repeat(bytes))
            .or(change.memo);
        if let Some(memo) = memo {
            options = options.with_memo("note", &memo)?;
        }
        let next = Link {
            left: link.left - 1,
            done: link.done + 1,
            sleep_ms: change.sleep_ms.unwrap_or(link.sleep_ms),
            next: Change::default(),
            ..link
        };
        ctx.continue_as_new(next, options)?;
        unreachable!("a run that continues as new has ended")
    }
}

/// What another type makes of a link.
#[workflow]
#[derive(Default)]
pub struct LastLink;

#[workflow_methods]
impl LastLink {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _link: Link) -> WorkflowResult<Value> {
        Ok(about(&ctx.info()))
    }
}

/// A subscription: counts signals, goes on as new after as many as a run may take,
/// and says how many there were in all when it is told to end.
#[workflow]
#[derive(Default)]
pub struct Subscription {
    heard: Vec<u64>,
    ended: bool,
}

#[workflow_methods]
impl Subscription {
    #[run]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        per_run: usize,
        before: Vec<u64>,
    ) -> WorkflowResult<Vec<u64>> {
        ctx.wait_condition(|state| state.ended || state.heard.len() >= per_run)
            .await?;
        let mut all = before;
        all.extend(ctx.state_mut(|state| std::mem::take(&mut state.heard)));
        if !ctx.state(|state| state.ended) {
            ctx.continue_as_new(
                (per_run, all.clone()).into(),
                ContinueAsNewOptions::default(),
            )?;
        }
        Ok(all)
    }

    #[signal]
    fn add(&mut self, number: u64) {
        self.heard.push(number);
    }

    #[signal]
    fn end(&mut self) {
        self.ended = true;
    }

    /// How many this very run has heard.
    #[query]
    fn heard(&self) -> usize {
        self.heard.len()
    }
}

/// The first run is at work for a while and goes on as new, the next waits for an
/// update.
#[workflow]
#[derive(Default)]
pub struct SlowToContinue {
    told: Option<u64>,
}

#[workflow_methods]
impl SlowToContinue {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, first: bool) -> WorkflowResult<u64> {
        if first {
            let busy = (0..200_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
            std::hint::black_box(busy);
            ctx.continue_as_new(false, ContinueAsNewOptions::default())?;
        }
        ctx.wait_condition(|state| state.told.is_some()).await?;
        Ok(ctx.state(|state| state.told.unwrap_or_default()))
    }

    #[update]
    fn tell(&mut self, number: u64) -> u64 {
        self.told = Some(number);
        number + 1
    }
}

/// Goes on as new once its history has grown too long, and says why.
#[workflow]
#[derive(Default)]
pub struct Grower;

#[workflow_methods]
impl Grower {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, runs: u32) -> WorkflowResult<Value> {
        if runs > 0 {
            return Ok(json!({"runs": runs, "about": about(&ctx.info())}));
        }
        while !ctx.info().continue_as_new_suggested() {
            ctx.timer(Duration::from_millis(1)).await.fired()?;
        }
        assert!(!ctx.info().continue_as_new_reasons().is_empty());
        ctx.continue_as_new(runs + 1, ContinueAsNewOptions::default())?;
        unreachable!("a run that continues as new has ended")
    }
}

/// Fails until an attempt.
#[derive(Clone, Debug, Deserialize)]
pub struct Attempts {
    /// The first attempt that succeeds.
    until: u32,
    /// The type of its failures.
    error_type: Option<String>,
    /// Sleeps so long before it fails.
    #[serde(default)]
    sleep_ms: u64,
}

/// Fails until an attempt of its retry policy.
#[workflow]
#[derive(Default)]
pub struct Flaky;

#[workflow_methods]
impl Flaky {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, asked: Attempts) -> WorkflowResult<Value> {
        let attempt = ctx.info().attempt();
        if attempt >= asked.until {
            return Ok(about(&ctx.info()));
        }
        if asked.sleep_ms > 0 {
            ctx.timer(Duration::from_millis(asked.sleep_ms))
                .await
                .fired()?;
        }
        let failure = ApplicationFailure::builder(format!("attempt {attempt} fails"))
            .type_name(asked.error_type.unwrap_or_else(|| "Flaky".to_owned()))
            .build();
        Err(WorkflowTermination::failed_application(failure))
    }
}

/// A run of a cron schedule: counts on from the last result, and fails where told.
#[workflow]
#[derive(Default)]
pub struct Ticker {
    signals: u32,
}

#[workflow_methods]
impl Ticker {
    #[run]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        fail_at: Option<u64>,
    ) -> WorkflowResult<Value> {
        let info = ctx.info();
        let last = info.last_completion_result::<Value>().and_then(Result::ok);
        let number = last
            .as_ref()
            .map_or(0, |last| last["number"].as_u64().unwrap_or(0))
            + 1;
        let failed_before = info.continued_failure().is_some();
        if fail_at == Some(number) && !failed_before {
            let failure = ApplicationFailure::builder("this tick fails").build();
            return Err(WorkflowTermination::failed_application(failure));
        }
        let signals = ctx.state(|state| state.signals);
        Ok(json!({"number": number, "signals": signals, "about": about(&info)}))
    }

    #[signal]
    fn note(&mut self) {
        self.signals += 1;
    }
}
