//! Continuing as new, headers, and what a run knows of the run before it.

use std::time::Duration;

use mainspring_workflow::testing::{Command, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    Activity, ActivityOptions, ContinueAsNewOptions, ContinuedInitiator, Payload, WorkflowContext,
    WorkflowResult, workflow, workflow_methods,
};

const BILL: Activity<u32, ()> = Activity::new("Bill");

/// Bills month after month, a run each.
#[workflow]
#[derive(Default)]
struct Subscription {
    cancelled: bool,
}

#[workflow_methods]
impl Subscription {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, month: u32) -> WorkflowResult<u32> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        ctx.execute_activity(BILL, month, options).await?;
        if month == 12 || ctx.state(|state| state.cancelled) {
            return Ok(month);
        }
        let options = ContinueAsNewOptions {
            backoff_start_interval: Some(Duration::from_secs(30 * 24 * 3_600)),
            ..ContinueAsNewOptions::default()
        };
        ctx.continue_as_new(month + 1, options)?;
        unreachable!("a run that continues as new has ended")
    }

    #[signal]
    fn cancel(&mut self) {
        self.cancelled = true;
    }
}

/// Goes on as a subscription.
#[workflow]
#[derive(Default)]
struct Trial;

#[workflow_methods]
impl Trial {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let options = ContinueAsNewOptions::default().with_memo("plan", &"yearly")?;
        ctx.continue_as::<Subscription>(11, options)?;
        unreachable!("a run that continues as new has ended")
    }
}

/// Waits until its history is too long.
#[workflow]
#[derive(Default)]
struct LongHistory;

#[workflow_methods]
impl LongHistory {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, runs: u32) -> WorkflowResult<u32> {
        for _ in 0..3 {
            ctx.timer(Duration::from_secs(60)).await.fired()?;
            if ctx.info().continue_as_new_suggested() {
                ctx.continue_as_new(runs + 1, ContinueAsNewOptions::default())?;
            }
        }
        Ok(runs)
    }
}

fn billing() -> TestWorkflowEnvironment {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(BILL, |_month| Ok(()));
    env
}

#[test]
fn wf_13_a_chain_is_followed_run_by_run() {
    let mut env = billing();
    let mut first = env.start::<Subscription>(1);
    assert!(matches!(first.result(), Err(TestRunError::ContinuedAsNew)));
    first.check_replay().unwrap();
    let Some(Command::ContinueAsNew {
        input,
        workflow_type,
        ..
    }) = first.commands().pop()
    else {
        panic!("the last command continues as new")
    };
    assert_eq!(input, [Payload::encode(&2).unwrap()]);
    assert_eq!(workflow_type, None);
    let mut second = first.successor();
    second.signal("cancel", ());
    assert_eq!(second.result().unwrap(), 2);
    second.check_replay().unwrap();
}

#[test]
fn wf_13_the_result_of_a_chain_is_that_of_its_last_run() {
    let mut env = billing();
    let mut first = env.start::<Subscription>(3);
    assert_eq!(first.chain_result().unwrap(), (12, 10));
}

#[test]
fn wf_13_a_run_may_go_on_as_another_type_with_a_memo_of_its_own() {
    let mut env = billing();
    let mut trial = env.start::<Trial>(());
    assert!(trial.result().is_err());
    let mut subscription = trial.successor_as::<Subscription>();
    assert_eq!(subscription.chain_result().unwrap(), (12, 2));
}

#[test]
fn wf_14_a_suggestion_is_given_where_the_test_says_so_and_is_replayed() {
    let mut env = TestWorkflowEnvironment::new();
    let mut patient = env.start::<LongHistory>(0);
    assert_eq!(patient.result().unwrap(), 0);
    let mut run = env.start::<LongHistory>(0);
    run.advance(Duration::from_secs(90));
    run.suggest_continue_as_new();
    assert!(matches!(run.result(), Err(TestRunError::ContinuedAsNew)));
    assert_eq!(run.elapsed(), Duration::from_secs(120));
    run.check_replay().unwrap();
    assert_eq!(run.successor().result().unwrap(), 1);
}

/// Tells what a run knows of its chain and its headers.
#[workflow]
#[derive(Default)]
struct Knows;

#[workflow_methods]
impl Knows {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, again: bool) -> WorkflowResult<Vec<String>> {
        ctx.propagate_headers(["trace", "absent"]);
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1))
            .header("own", Payload::encode(&"mine")?)
            .build();
        ctx.execute_activity(BILL, 1_u32, options).await?;
        if again {
            ctx.continue_as_new(false, ContinueAsNewOptions::default())?;
        }
        let info = ctx.info();
        Ok(vec![
            info.continued_from_run_id().unwrap_or_default().to_owned(),
            info.first_execution_run_id().to_owned(),
            format!(
                "{:?}",
                info.continued_initiator() == Some(ContinuedInitiator::Workflow)
            ),
            info.header("trace")
                .expect("it has one")
                .decode::<String>()?,
        ])
    }
}

#[test]
fn wf_24_headers_travel_to_activities_and_to_the_successor() {
    let mut env = billing().header("trace", &"abc");
    let mut first = env.start::<Knows>(true);
    assert!(first.result().is_err());
    let mut next = first.successor();
    let known = next.result().unwrap();
    assert_eq!(known[0], known[1], "its predecessor began the chain");
    assert_eq!(known[2..], ["true", "abc"]);
    let Some(Command::ScheduleActivity { headers, .. }) = next.commands().into_iter().next() else {
        panic!("an activity comes first")
    };
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["own", "trace"]);
}
