//! Workflows that are sent messages.

use std::time::Duration;

use mainspring_workflow::{
    ApplicationFailure, CancellableFuture, SyncWorkflowContext, WorkflowContext,
    WorkflowContextView, WorkflowResult, select, workflow, workflow_methods,
};
use serde_json::{Value, json};

use crate::activities::{DO, once};

/// Collects what signals `add` bring until there are as many as asked for; query `items`
/// shows them.
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

    #[signal]
    fn add(&mut self, item: Value) {
        self.items.push(item);
    }

    #[query]
    fn items(&self) -> Vec<Value> {
        self.items.clone()
    }
}

/// Waits for signal `open`, so many milliseconds at most.
#[workflow]
#[derive(Default)]
pub struct Gate {
    open: bool,
}

#[workflow_methods]
impl Gate {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, wait_ms: u64) -> WorkflowResult<String> {
        let mut timer = ctx.timer(Duration::from_millis(wait_ms));
        let mut open = ctx.wait_condition(|state| state.open);
        Ok(select! {
            opened = open => {
                opened?;
                timer.cancel();
                "opened".to_owned()
            }
            fired = timer => {
                fired.fired()?;
                "too late".to_owned()
            }
        })
    }

    #[signal]
    fn open(&mut self) {
        self.open = true;
    }
}

/// A balance that updates change; signal `close` ends the run with it.
#[workflow]
#[derive(Default)]
pub struct Account {
    balance: i64,
    closed: bool,
}

#[workflow_methods]
impl Account {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<i64> {
        ctx.wait_condition(|account| account.closed).await?;
        Ok(ctx.state(|account| account.balance))
    }

    /// Adds to the balance and gives the new one. It cannot become negative.
    #[update]
    fn add(&mut self, _ctx: &mut SyncWorkflowContext<Self>, amount: i64) -> i64 {
        self.balance += amount;
        self.balance
    }

    #[update_validator(add)]
    fn check_add(
        &self,
        _ctx: &WorkflowContextView,
        amount: &i64,
    ) -> Result<(), ApplicationFailure> {
        if self.balance + amount < 0 {
            let failure = ApplicationFailure::builder("the balance cannot be negative");
            return Err(failure.type_name("Overdrawn").build());
        }
        Ok(())
    }

    /// Lets an activity say what to add.
    #[update]
    async fn add_from_activity(
        ctx: &mut WorkflowContext<Self>,
        amount: i64,
    ) -> WorkflowResult<i64> {
        let input = json!({"do": "echo", "value": amount});
        let added = ctx.execute_activity(DO, input, once()).await?;
        Ok(ctx.state_mut(|account| {
            account.balance += added.as_i64().unwrap_or_default();
            account.balance
        }))
    }

    /// Fails, and the run goes on.
    #[update]
    fn refuse(&mut self) -> Result<(), ApplicationFailure> {
        let failure = ApplicationFailure::builder("never");
        Err(failure.type_name("Never").build())
    }

    #[signal]
    fn close(&mut self) {
        self.closed = true;
    }
}
