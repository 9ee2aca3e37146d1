//! Small workflows that the end-to-end tests drive: each shows one thing, and its
//! input decides the rest.

mod chains;
mod children;
mod messages;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityCancellationType, ActivityOptions, ApplicationFailure, ContinueAsNewOptions, MemoUpdate, Payload,
    RetryPolicy, SearchAttributeUpdate, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination, join_all, workflow, workflow_methods,
};
use children::{FailWithChild, Messenger, Parent, Ring, Rolling, Storm, Tree};
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
    /// `wait` (the default), `try` or `abandon`.
    cancellation: Option<String>,
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
        options.cancellation_type = match self.cancellation.as_deref() {
            None | Some("wait") => ActivityCancellationType::WaitCancellationCompleted,
            Some("try") => ActivityCancellationType::TryCancel,
            Some("abandon") => ActivityCancellationType::Abandon,
            Some(other) => panic!("no cancellation type {other}"),
        };
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

/// What a run's labels become; null removes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    search_attributes: BTreeMap<String, Value>,
    memo: BTreeMap<String, Value>,
    /// The run ends with this change.
    last: bool,
    /// The run continues as new after this change.
    continues: bool,
    /// The run fails after this change.
    fails: bool,
}

/// Sets its search attributes and its memo as signals `change` say.
#[workflow]
#[derive(Default)]
pub struct Labels {
    changes: VecDeque<Change>,
}

#[workflow_methods]
impl Labels {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        loop {
            ctx.wait_condition(|state| !state.changes.is_empty()).await?;
            let Some(change) = ctx.state_mut(|state| state.changes.pop_front()) else {
                continue;
            };
            let attributes = change.search_attributes.iter().map(|(name, value)| {
                // The server knows the types.
                let value = Payload::encode(value).ok().filter(|_| !value.is_null());
                SearchAttributeUpdate::raw(name, value)
            });
            ctx.upsert_search_attributes(attributes);
            let memo = change.memo.iter().map(|(key, value)| MemoUpdate::set(key, value));
            ctx.upsert_memo(memo);
            if change.last {
                return Ok(());
            }
            if change.continues {
                ctx.continue_as_new((), ContinueAsNewOptions::default())?;
            }
            if change.fails {
                return Err(ApplicationFailure::new("as told").into());
            }
        }
    }

    /// Changes labels.
    #[signal]
    fn change(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// What the run itself sees of an attribute and of a field of the memo.
    #[query]
    fn seen(&self, ctx: &WorkflowContextView, name: String) -> [Option<Value>; 2] {
        [
            ctx.search_attribute(&name).and_then(Result::ok),
            ctx.memo(&name).and_then(Result::ok),
        ]
    }
}

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
    FailWithChild,
    Messenger,
    Parent,
    Ring,
    Rolling,
    Storm,
    Tree,
    Labels,
);
