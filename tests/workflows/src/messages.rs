//! Workflows that are driven by messages: updates, their validators, handlers that
//! wait, handlers for every name.

use std::time::Duration;

use mainspring_workflow::{
    ActivityOptions, ApplicationFailure, ContinueAsNewOptions, Payload, SyncWorkflowContext,
    WorkflowContext, WorkflowContextView, WorkflowResult, workflow, workflow_methods,
};
use serde_json::Value;

use crate::DO;

/// A number that updates change; signal `close` ends the run with it.
#[workflow]
#[derive(Default)]
pub struct Account {
    balance: i64,
    signals: u64,
    closed: bool,
}

#[workflow_methods]
impl Account {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, opening: i64) -> WorkflowResult<i64> {
        ctx.state_mut(|account| account.balance += opening);
        ctx.wait_condition(|account| account.closed).await?;
        Ok(ctx.state(|account| account.balance))
    }

    /// Adds to the balance and gives the new one.
    #[update]
    fn add(&mut self, ctx: &mut SyncWorkflowContext<Self>, amount: i64) -> i64 {
        self.balance += amount;
        ctx.set_current_details(format!("balance {}", self.balance));
        self.balance
    }

    #[update_validator(add)]
    fn check_add(
        &self,
        _ctx: &WorkflowContextView,
        amount: &i64,
    ) -> Result<(), ApplicationFailure> {
        if self.balance + amount < 0 {
            return Err(
                ApplicationFailure::builder("the balance cannot be negative")
                    .type_name("Overdrawn")
                    .build(),
            );
        }
        Ok(())
    }

    /// Lets an activity say what to add.
    #[update]
    async fn add_from_activity(
        ctx: &mut WorkflowContext<Self>,
        input: Value,
    ) -> WorkflowResult<i64> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
        let answer = ctx.execute_activity(DO, input, options).await?;
        Ok(ctx.state_mut(|account| {
            account.balance += answer.as_i64().unwrap_or_default();
            account.balance
        }))
    }

    /// Answers when so many signals `poke` have come.
    #[update]
    async fn wait_for_signals(ctx: &mut WorkflowContext<Self>, count: u64) -> WorkflowResult<u64> {
        ctx.wait_condition(|account| account.signals >= count)
            .await?;
        Ok(ctx.state(|account| account.signals))
    }

    /// Fails, and the run goes on.
    #[update]
    fn refuse(&mut self) -> Result<(), ApplicationFailure> {
        Err(ApplicationFailure::builder("never")
            .type_name("Never")
            .build())
    }

    /// Panics: a bug, not a failure.
    #[update]
    fn panic(&mut self) {
        panic!("there is a bug in the update")
    }

    /// Closes the account and gives the balance.
    #[update]
    fn close_now(&mut self) -> i64 {
        self.closed = true;
        self.balance
    }

    #[signal]
    fn poke(&mut self) {
        self.signals += 1;
    }

    #[signal]
    fn close(&mut self) {
        self.closed = true;
    }

    /// The balance now.
    #[query]
    fn balance(&self) -> i64 {
        self.balance
    }
}

/// Writes down every message, whatever its name; `end` ends the run.
#[workflow]
#[derive(Default)]
pub struct Listener {
    heard: Vec<String>,
}

#[workflow_methods]
impl Listener {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        ctx.wait_condition(|state| state.heard.iter().any(|name| name == "end"))
            .await?;
        Ok(ctx.state(|state| state.heard.clone()))
    }

    #[signal(dynamic)]
    fn any_signal(&mut self, name: String, _arguments: Vec<Payload>) {
        self.heard.push(name);
    }

    #[update(dynamic)]
    fn any_update(&mut self, name: String, arguments: Vec<Payload>) -> usize {
        self.heard.push(name);
        arguments.len()
    }

    #[query(dynamic)]
    fn any_query(&self, name: String, _arguments: Vec<Payload>) -> String {
        format!("{name}? {}", self.heard.join(","))
    }
}

/// Continues as new at signal `roll`, after it has been busy for a while.
#[workflow]
#[derive(Default)]
pub struct Roller {
    generation: u32,
    rolls: bool,
}

#[workflow_methods]
impl Roller {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, generation: u32) -> WorkflowResult<u32> {
        ctx.state_mut(|state| state.generation = generation);
        ctx.wait_condition(|state| state.rolls).await?;
        ctx.continue_as_new(generation + 1, ContinueAsNewOptions::default())?;
        Ok(generation)
    }

    /// So long that messages come in meanwhile.
    #[signal]
    fn roll(&mut self) {
        let mut number = u64::from(self.generation);
        for round in 0..100_000_000_u64 {
            number = std::hint::black_box(number ^ round);
        }
        self.rolls = true;
    }

    /// Answers which run of the chain it is.
    #[update]
    async fn generation(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.wait_condition(|state| state.generation > 0).await?;
        Ok(ctx.state(|state| state.generation))
    }

    /// Never answers.
    #[update]
    async fn for_ever(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(ctx.wait_condition(|_| false).await?)
    }
}
