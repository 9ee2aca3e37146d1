//! Workflows that end in other ways, go on as others, and start, signal and cancel others.

use mainspring_workflow::{
    ApplicationFailure, ChildWorkflowDefinition, ChildWorkflowOptions, ContinueAsNewOptions,
    MemoUpdate, Payload, SearchAttributeUpdate, WorkflowContext, WorkflowResult, workflow,
    workflow_methods,
};
use serde_json::{Value, json};

/// Gives its input back.
#[workflow]
#[derive(Default)]
pub struct Echo;

#[workflow_methods]
impl Echo {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, value: Value) -> WorkflowResult<Value> {
        Ok(value)
    }
}

/// Fails with type `Declined`, a detail and, if asked for, without retry.
#[workflow]
#[derive(Default)]
pub struct Fails;

#[workflow_methods]
impl Fails {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, final_one: bool) -> WorkflowResult<()> {
        let failure = ApplicationFailure::builder("no funds")
            .type_name("Declined")
            .non_retryable(final_one)
            .detail(&json!({"short": 5}))
            .build();
        Err(failure.into())
    }
}

/// Draws random numbers and IDs, and looks at its clock, before and after a timer: what
/// must differ differs, and time does not go back.
#[workflow]
#[derive(Default)]
pub struct Random;

#[workflow_methods]
impl Random {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        let before = (ctx.random::<u64>(), ctx.uuid4(), ctx.workflow_time());
        ctx.timer(std::time::Duration::from_millis(10))
            .await
            .fired()?;
        let after = (ctx.random::<u64>(), ctx.uuid4(), ctx.workflow_time());
        Ok(before.0 != after.0 && before.1 != after.1 && before.2 < after.2)
    }
}

/// Continues as new until the count is zero.
#[workflow]
#[derive(Default)]
pub struct Countdown;

#[workflow_methods]
impl Countdown {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, left: u64) -> WorkflowResult<String> {
        if left > 0 {
            ctx.continue_as_new(left - 1, ContinueAsNewOptions::default())?;
        }
        Ok("lift-off".to_owned())
    }
}

/// Sets a search attribute and a field of the memo, sleeps, and takes them away.
#[workflow]
#[derive(Default)]
pub struct Labels;

#[workflow_methods]
impl Labels {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let red = Payload::encode(&"red")?;
        ctx.upsert_search_attributes([SearchAttributeUpdate::raw("Colour", Some(red))]);
        ctx.upsert_memo([MemoUpdate::set("note", &"hello")]);
        ctx.timer(std::time::Duration::from_millis(10))
            .await
            .fired()?;
        ctx.upsert_search_attributes([SearchAttributeUpdate::raw("Colour", None)]);
        Ok(())
    }
}

/// The child of [`ChildCancelled`].
struct Sleeping;

impl ChildWorkflowDefinition for Sleeping {
    type Input = ();
    type Output = ();

    fn name(&self) -> &str {
        "Cancellable"
    }
}

/// A child by its type's name.
struct Named(&'static str);

impl ChildWorkflowDefinition for Named {
    type Input = Value;
    type Output = Value;

    fn name(&self) -> &str {
        self.0
    }
}

/// The result of a child `Echo`, whose ID is the parent's and `-child`.
#[workflow]
#[derive(Default)]
pub struct Child;

#[workflow_methods]
impl Child {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, value: Value) -> WorkflowResult<Value> {
        let child = ctx.child_workflow(Named("Echo"), value, options(ctx));
        Ok(child.result().await?)
    }
}

fn options<W>(ctx: &WorkflowContext<W>) -> ChildWorkflowOptions {
    let mut options = ChildWorkflowOptions::new();
    options.workflow_id = Some(format!("{}-child", ctx.info().workflow_id()));
    options
}

/// A child that fails; its parent does not catch it.
#[workflow]
#[derive(Default)]
pub struct ChildFails;

#[workflow_methods]
impl ChildFails {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Value> {
        let child = ctx.child_workflow(Named("Fails"), json!(true), options(ctx));
        Ok(child.result().await?)
    }
}

/// A child that is cancelled with its parent, which waits for its end.
#[workflow]
#[derive(Default)]
pub struct ChildCancelled;

#[workflow_methods]
impl ChildCancelled {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let child = ctx.child_workflow(Sleeping, (), options(ctx));
        Ok(child.result().await?)
    }
}

/// Signals `add` to the workflow ID of its input, then asks it to cancel itself; answers
/// whether either found it.
#[workflow]
#[derive(Default)]
pub struct Messenger;

#[workflow_methods]
impl Messenger {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, to: String) -> WorkflowResult<Vec<bool>> {
        let other = ctx.external_workflow(to);
        let signalled = other.signal("add", json!("hello")).await;
        let cancelled = other.cancel("").await;
        Ok(vec![signalled.is_ok(), cancelled.is_ok()])
    }
}
