//! Updates, dynamic handlers, and what a run says of itself.

use std::time::Duration;

use mainspring_workflow::testing::{Command, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    Activity, ActivityOptions, ApplicationFailure, Payload, SyncWorkflowContext, WorkflowContext,
    WorkflowContextView, WorkflowResult, logging, workflow, workflow_methods,
};

const CHECK: Activity<i64, i64> = Activity::new("Check");

/// An account that never goes below zero.
#[workflow]
#[derive(Default)]
struct Account {
    balance: i64,
    closed: bool,
}

#[workflow_methods]
impl Account {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<i64> {
        ctx.wait_condition(|account| account.closed).await?;
        Ok(ctx.state(|account| account.balance))
    }

    /// Adds to the balance.
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
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.balance + amount < 0 {
            return Err("the balance cannot be negative".into());
        }
        Ok(())
    }

    /// Asks somebody first.
    #[update(name = "add-checked")]
    async fn add_checked(ctx: &mut WorkflowContext<Self>, amount: i64) -> WorkflowResult<i64> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(5));
        let amount = ctx.execute_activity(CHECK, amount, options).await?;
        Ok(ctx.state_mut(|account| {
            account.balance += amount;
            account.balance
        }))
    }

    #[update]
    fn refuse(&mut self) -> Result<(), ApplicationFailure> {
        Err(ApplicationFailure::builder("never")
            .type_name("Never")
            .build())
    }

    #[update]
    async fn sleep(ctx: &mut WorkflowContext<Self>, seconds: u64) -> u64 {
        let _ = ctx.timer(Duration::from_secs(seconds)).await;
        seconds
    }

    #[signal(unfinished_policy = "abandon")]
    async fn linger(ctx: &mut WorkflowContext<Self>) {
        let _ = ctx.timer(Duration::from_secs(1_000)).await;
    }

    #[signal]
    fn close(&mut self) {
        self.closed = true;
    }
}

fn environment() -> TestWorkflowEnvironment {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(CHECK, |amount| match amount {
        0 => Err(ApplicationFailure::non_retryable("nothing to add")),
        amount => Ok(amount),
    });
    env
}

#[test]
fn msg_11_an_update_changes_the_state_and_answers() {
    let mut run = environment().start::<Account>(());
    assert_eq!(run.execute_update::<i64>("add", 5_i64), Ok(5));
    assert_eq!(run.execute_update::<i64>("add", 2_i64), Ok(7));
    run.signal("close", ());
    assert_eq!(run.result(), Ok(7));
    run.check_replay().unwrap();
}

#[test]
fn msg_12_a_refused_update_leaves_no_trace() {
    let mut run = environment().start::<Account>(());
    run.settle();
    let before = run.commands();
    let refused = run.execute_update::<i64>("add", -1_i64).unwrap_err();
    assert_eq!(refused.message, "the balance cannot be negative");
    let unknown = run.execute_update::<i64>("ad", 1_i64).unwrap_err();
    assert!(unknown.message.contains("add, add-checked"), "{unknown}");
    let unreadable = run.execute_update::<i64>("add", "one").unwrap_err();
    assert!(unreadable.message.contains("cannot decode"), "{unreadable}");
    assert_eq!(run.commands(), before);
    run.signal("close", ());
    assert_eq!(run.result(), Ok(0));
    run.check_replay().unwrap();
}

#[test]
fn msg_15_a_failing_handler_fails_the_update_and_not_the_run() {
    let mut run = environment().start::<Account>(());
    let failure = run.execute_update::<()>("refuse", ()).unwrap_err();
    assert_eq!(failure.application_type(), Some("Never"));
    let failure = run.execute_update::<i64>("add-checked", 0_i64).unwrap_err();
    assert!(failure.to_string().contains("activity"), "{failure}");
    assert_eq!(run.execute_update::<i64>("add-checked", 3_i64), Ok(3));
    run.signal("close", ());
    assert_eq!(run.result(), Ok(3));
    run.check_replay().unwrap();
}

#[test]
fn an_update_sent_before_the_start_comes_behind_the_early_signals() {
    let mut run = environment().start::<Account>(());
    let id = run.start_update("add", 4_i64);
    run.signal("close", ());
    assert_eq!(run.result(), Ok(4), "the main function begins after both");
    assert_eq!(run.update_outcome::<i64>(&id), Some(Ok(4)));
    assert!(matches!(run.commands()[0], Command::AcceptUpdate { .. }));
    run.check_replay().unwrap();

    let mut run = environment().start::<Account>(());
    let id = run.start_update("add", -4_i64);
    run.signal("close", ());
    assert_eq!(run.result(), Ok(0));
    assert!(run.update_outcome::<i64>(&id).unwrap().is_err());
    run.check_replay().unwrap();
}

#[test]
fn msg_07_handlers_at_work_when_the_run_ends_are_named() {
    let mut run = environment().start::<Account>(());
    let id = run.start_update("sleep", 60_u64);
    run.signal("linger", ());
    run.signal_after(Duration::from_secs(1), "close", ());
    assert_eq!(run.result(), Ok(0));
    assert_eq!(run.update_outcome::<u64>(&id), None);
    let warnings: Vec<_> = run
        .logs()
        .into_iter()
        .filter(|line| line.level == logging::Level::Warn)
        .collect();
    let [warning] = warnings.as_slice() else {
        panic!("one warning: {warnings:?}")
    };
    assert!(warning.message.contains("1 handlers"), "{warning:?}");
    assert!(warning.message.contains("update \"sleep\""), "{warning:?}");
}

#[test]
fn msg_10_the_stack_names_what_the_run_waits_for_and_where() {
    let mut run = environment().start::<Account>(());
    run.start_update("sleep", 60_u64);
    let stack: String = run.query("__stack_trace", ()).unwrap();
    for part in [
        "condition",
        "timer of 60s",
        "updates.rs:",
        "update \"sleep\"",
    ] {
        assert!(stack.contains(part), "{part} is not in {stack}");
    }
    let stack: serde_json::Value = run.query("__enhanced_stack_trace", ()).unwrap();
    assert_eq!(stack["sdk"]["name"], "mainspring-workflow");
    assert_eq!(stack["stacks"].as_array().unwrap().len(), 2);
}

#[test]
fn wf_28_the_metadata_lists_handlers_and_current_details() {
    let mut run = environment().start::<Account>(());
    run.execute_update::<i64>("add", 5_i64).unwrap();
    let payload: Payload = run.query("__temporal_workflow_metadata", ()).unwrap();
    assert_eq!(payload.metadata["encoding"], b"json/protobuf");
    let metadata: serde_json::Value = serde_json::from_slice(&payload.data).unwrap();
    assert_eq!(metadata["currentDetails"], "balance 5");
    assert_eq!(metadata["definition"]["type"], "Account");
    let updates = &metadata["definition"]["updateDefinitions"];
    assert_eq!(updates[0]["name"], "add");
    assert_eq!(updates[0]["description"], "Adds to the balance.");
}

/// Takes whatever comes.
#[workflow]
#[derive(Default)]
struct Anything {
    seen: Vec<String>,
}

#[workflow_methods]
impl Anything {
    #[run(dynamic)]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        arguments: Vec<Payload>,
    ) -> WorkflowResult<Vec<String>> {
        let text = format!("{} of {}", ctx.info().workflow_type(), arguments.len());
        ctx.state_mut(|state| state.seen.push(text));
        ctx.wait_condition(|state| state.seen.iter().any(|seen| seen == "end"))
            .await?;
        Ok(ctx.state(|state| state.seen.clone()))
    }

    #[signal(dynamic)]
    fn signal(&mut self, name: String, _arguments: Vec<Payload>) {
        self.seen.push(name);
    }

    #[query(dynamic)]
    fn query(&self, name: String, arguments: Vec<Payload>) -> String {
        format!("{name} with {}", arguments.len())
    }

    #[update(dynamic)]
    fn update(&mut self, name: String, arguments: Vec<Payload>) -> usize {
        self.seen.push(format!("{name} with {}", arguments.len()));
        self.seen.len()
    }

    #[update_validator(update)]
    fn check(&self, name: &String, _arguments: &Vec<Payload>) -> Result<(), String> {
        if name == "never" {
            Err("never".to_owned())
        } else {
            Ok(())
        }
    }
}

#[test]
fn wf_17_dynamic_handlers_take_every_name() {
    let mut run = TestWorkflowEnvironment::new().start::<Anything>(Payload::default());
    run.signal("one", 1_u8);
    assert_eq!(
        run.query::<String>("two", 2_u8),
        Ok("two with 1".to_owned())
    );
    assert_eq!(run.execute_update::<usize>("three", 3_u8), Ok(3));
    assert_eq!(
        run.execute_update::<usize>("never", ())
            .unwrap_err()
            .message,
        "never"
    );
    run.signal("end", ());
    let seen = run.result().unwrap();
    assert_eq!(seen, ["one", " of 1", "three with 1", "end"]);
    run.check_replay().unwrap();
}

#[test]
fn a_run_that_waits_for_an_update_is_blocked_in_a_test() {
    let mut run = environment().start::<Account>(());
    assert_eq!(run.result(), Err(TestRunError::Blocked));
}
