//! Workflows that start, signal and cancel others, as their input says.

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring_workflow::{
    ApplicationFailure, ChildCancellationType, ChildWorkflowDefinition,
    ChildWorkflowExecutionError, ChildWorkflowHandle, ChildWorkflowOptions, ContinueAsNewOptions,
    ExternalWorkflowError, FailureKind, ParentClosePolicy, Payload, RetryPolicy, WorkflowContext,
    WorkflowIdReusePolicy, WorkflowResult, WorkflowTermination, join_all, workflow,
    workflow_methods,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A child whose type is known at run time.
struct Named(String);

impl ChildWorkflowDefinition for Named {
    type Input = Value;
    type Output = Value;

    fn name(&self) -> &str {
        &self.0
    }
}

/// How to start a child; lengths in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Child {
    workflow: String,
    input: Value,
    id: Option<String>,
    policy: Option<String>,
    cancellation: Option<String>,
    reuse: Option<String>,
    task_queue: Option<String>,
    execution_timeout_ms: Option<u64>,
    run_timeout_ms: Option<u64>,
    maximum_attempts: Option<u32>,
    #[serde(default)]
    cron: String,
    #[serde(default)]
    memo: BTreeMap<String, String>,
    version: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

impl Child {
    fn options(&self) -> ChildWorkflowOptions {
        let ms = Duration::from_millis;
        let memo = self.memo.iter();
        let memo = memo.map(|(name, text)| (name.clone(), Payload::encode(text).expect("text")));
        let mut options = ChildWorkflowOptions::new();
        options.workflow_id = self.id.clone();
        options.task_queue = self.task_queue.clone();
        options.execution_timeout = self.execution_timeout_ms.map(ms);
        options.run_timeout = self.run_timeout_ms.map(ms);
        options.cron_schedule = self.cron.clone();
        options.memo = memo.collect();
        options.version = self.version.clone();
        let attributes = self.attributes.iter();
        let attributes =
            attributes.map(|(name, value)| (name.clone(), Payload::encode(value).expect("JSON")));
        options.search_attributes = attributes.collect();
        options.retry_policy = self.maximum_attempts.map(|maximum_attempts| RetryPolicy {
            initial_interval: ms(10),
            maximum_attempts,
            ..RetryPolicy::default()
        });
        options.parent_close_policy = match self.policy.as_deref() {
            None => ParentClosePolicy::Unspecified,
            Some("terminate") => ParentClosePolicy::Terminate,
            Some("abandon") => ParentClosePolicy::Abandon,
            Some("request-cancel") => ParentClosePolicy::RequestCancel,
            Some(other) => panic!("no policy {other}"),
        };
        options.cancellation_type = match self.cancellation.as_deref() {
            None | Some("wait-completed") => ChildCancellationType::WaitCancellationCompleted,
            Some("wait-requested") => ChildCancellationType::WaitCancellationRequested,
            Some("try") => ChildCancellationType::TryCancel,
            Some("abandon") => ChildCancellationType::Abandon,
            Some(other) => panic!("no cancellation type {other}"),
        };
        options.workflow_id_reuse_policy = match self.reuse.as_deref() {
            None => WorkflowIdReusePolicy::Unspecified,
            Some("reject") => WorkflowIdReusePolicy::RejectDuplicate,
            Some("failed-only") => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
            Some("terminate") => WorkflowIdReusePolicy::TerminateIfRunning,
            Some(other) => panic!("no reuse policy {other}"),
        };
        options
    }
}

/// Children, and what to do once they are asked for: `wait` for their results,
/// `leave` or `fail` when they have started, `hang` until something happens,
/// `cancel` when they have started, `withdraw` before they could, `signal` them.
#[derive(Clone, Debug, Deserialize)]
pub struct Family {
    children: Vec<Child>,
    then: String,
}

/// Starts children and answers how each one ended.
#[workflow]
#[derive(Default)]
pub struct Parent;

#[workflow_methods]
impl Parent {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, family: Family) -> WorkflowResult<Value> {
        let shielded = ctx.shielded();
        let start = |child: &Child| {
            shielded.child_workflow(
                Named(child.workflow.clone()),
                child.input.clone(),
                child.options(),
            )
        };
        let children: Vec<_> = family.children.iter().map(start).collect();
        if family.then == "withdraw" {
            children.iter().for_each(|child| child.cancel("withdrawn"));
            return Ok(results(&children).await);
        }
        if family.then == "signal" {
            // Not started yet: the signals wait for that.
            let signals = children.iter().map(|child| child.signal("add", 1));
            for delivered in join_all(signals.collect::<Vec<_>>()).await {
                delivered?;
            }
            return Ok(results(&children).await);
        }
        if family.then == "wait" {
            return Ok(results(&children).await);
        }
        let mut started = Vec::new();
        for child in &children {
            started.push(child.started().await?);
        }
        match family.then.as_str() {
            "leave" => Ok(json!(started)),
            "fail" => Err(ApplicationFailure::non_retryable("as told").into()),
            "cancel" => {
                children.iter().for_each(|child| child.cancel("as told"));
                Ok(results(&children).await)
            }
            "hang" => {
                ctx.cancelled().await;
                Err(WorkflowTermination::cancelled())
            }
            other => panic!("nothing is called {other}"),
        }
    }
}

async fn results(children: &[ChildWorkflowHandle<Value>]) -> Value {
    let results = children.iter().map(ChildWorkflowHandle::result);
    let results = join_all(results.collect::<Vec<_>>()).await;
    results.into_iter().map(told).collect()
}

/// A result or what is told of a failure, as JSON.
fn told(result: Result<Value, ChildWorkflowExecutionError>) -> Value {
    let error = match result {
        Ok(result) => return json!({"ok": result}),
        Err(error) => error,
    };
    let kind = if error.is_already_started() {
        "already started"
    } else if error.is_cancelled() {
        "cancelled"
    } else if error.is_terminated() {
        "terminated"
    } else if error.as_timeout().is_some() {
        "timed out"
    } else {
        "failed"
    };
    let cause = error.cause().map(|cause| cause.message.clone());
    json!({"error": kind, "message": error.to_string(), "cause": cause})
}

/// One child; its result or its failure is the workflow's.
#[workflow]
#[derive(Default)]
pub struct FailWithChild;

#[workflow_methods]
impl FailWithChild {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, child: Child) -> WorkflowResult<Value> {
        let named = Named(child.workflow.clone());
        let handle = ctx.child_workflow(named, child.input.clone(), child.options());
        Ok(handle.result().await?)
    }
}

/// Whom to send what.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    to: String,
    run: Option<String>,
    signal: Option<String>,
    input: Value,
}

/// Sends one signal (or, without a name, a cancel request); answers what came of it.
#[workflow]
#[derive(Default)]
pub struct Messenger {
    items: Vec<Value>,
}

#[workflow_methods]
impl Messenger {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, message: Message) -> WorkflowResult<Value> {
        let mut other = ctx.external_workflow(message.to.clone());
        if let Some(run_id) = message.run.clone() {
            other = other.run_id(run_id);
        }
        let delivered = match &message.signal {
            Some(name) => other.signal(name, message.input.clone()).await,
            None => other.cancel("as told").await,
        };
        Ok(match delivered {
            Ok(()) => json!({"delivered": ctx.state(|state| state.items.clone())}),
            Err(error) => json!({"refused": error_type(&error), "message": error.to_string()}),
        })
    }

    /// What it sends to itself.
    #[signal]
    fn add(&mut self, item: Value) {
        self.items.push(item);
    }
}

fn error_type(error: &ExternalWorkflowError) -> String {
    match error {
        ExternalWorkflowError::Failed(failure) => match &failure.kind {
            FailureKind::Application { error_type, .. } => error_type.clone(),
            other => format!("{other:?}"),
        },
        other => other.to_string(),
    }
}

/// Passes a ball on for ever: each member signals the next.
#[workflow]
#[derive(Default)]
pub struct Ring {
    balls: u64,
    seen: u64,
}

#[workflow_methods]
impl Ring {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, next: String) -> WorkflowResult<()> {
        loop {
            ctx.wait_condition(|state| state.balls > 0).await?;
            ctx.state_mut(|state| {
                state.balls -= 1;
                state.seen += 1;
            });
            ctx.external_workflow(next.clone())
                .signal("ball", ())
                .await?;
        }
    }

    /// The ball comes.
    #[signal]
    fn ball(&mut self) {
        self.balls += 1;
    }

    /// How often it came.
    #[query]
    fn seen(&self) -> u64 {
        self.seen
    }
}

/// What a storm asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct StormInput {
    children: u64,
    workflow: String,
    input: Value,
}

/// Children without end, all at once; answers how many succeeded.
#[workflow]
#[derive(Default)]
pub struct Storm;

#[workflow_methods]
impl Storm {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, storm: StormInput) -> WorkflowResult<usize> {
        let start = |_| {
            let child = Named(storm.workflow.clone());
            ctx.child_workflow(child, storm.input.clone(), ChildWorkflowOptions::new())
        };
        let children: Vec<_> = (0..storm.children).map(start).collect();
        let results = children.iter().map(ChildWorkflowHandle::result);
        let results = join_all(results.collect::<Vec<_>>()).await;
        Ok(results.iter().filter(|result| result.is_ok()).count())
    }
}

/// A tree whose leaves report to one collector each, by a signal.
#[derive(Clone, Debug, Deserialize)]
pub struct TreeInput {
    depth: u64,
    width: u64,
    name: String,
    report_to: String,
    pause_ms: u64,
}

/// Starts children of its own kind down to a depth; everyone reports its name once.
/// Answers how many there were.
#[workflow]
#[derive(Default)]
pub struct Tree;

#[workflow_methods]
impl Tree {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, tree: TreeInput) -> WorkflowResult<u64> {
        let width = if tree.depth == 0 { 0 } else { tree.width };
        let start = |n| {
            let name = format!("{}.{n}", tree.name);
            let input = json!({
                "depth": tree.depth - 1, "width": tree.width, "name": name,
                "report_to": tree.report_to, "pause_ms": tree.pause_ms,
            });
            let options = ChildWorkflowOptions::new().workflow_id(name);
            ctx.child_workflow(Named("Tree".to_owned()), input, options)
        };
        let children: Vec<_> = (0..width).map(start).collect();
        let collector = ctx.external_workflow(tree.report_to.clone());
        collector.signal("add", json!(tree.name)).await?;
        ctx.timer(Duration::from_millis(tree.pause_ms))
            .await
            .fired()?;
        let results = children.iter().map(ChildWorkflowHandle::result);
        let mut sum = 1;
        for result in join_all(results.collect::<Vec<_>>()).await {
            sum += result?.as_u64().unwrap_or(0);
        }
        Ok(sum)
    }
}

/// What a rolling collector has and wants.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Rolled {
    #[serde(default)]
    items: Vec<Value>,
    want: usize,
}

/// Collects signals `add` as a collector does, and continues as new with every one.
#[workflow]
#[derive(Default)]
pub struct Rolling {
    new: Vec<Value>,
}

#[workflow_methods]
impl Rolling {
    #[run]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        mut rolled: Rolled,
    ) -> WorkflowResult<Vec<Value>> {
        ctx.wait_condition(|state| !state.new.is_empty()).await?;
        rolled
            .items
            .extend(ctx.state_mut(|state| std::mem::take(&mut state.new)));
        if rolled.items.len() >= rolled.want {
            return Ok(rolled.items);
        }
        ctx.continue_as_new(rolled, ContinueAsNewOptions::default())?;
        unreachable!("a run that continues as new has ended")
    }

    /// Keeps one item.
    #[signal]
    fn add(&mut self, item: Value) {
        self.new.push(item);
    }
}
