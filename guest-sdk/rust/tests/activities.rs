//! Activities as a workflow meets them: results, failures, retries, cancels.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::testing::{Command, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    Activity, ActivityCancellationType, ActivityExecutionError, ActivityOptions,
    ApplicationFailure, Args, CancellableFuture, FailureKind, RetryPolicy, RetryState, TimeoutType,
    WorkflowContext, WorkflowResult, join_all, workflow, workflow_methods,
};

const DOUBLE: Activity<u32, u32> = Activity::new("Double");
const TRANSFER: Activity<Args<(String, u64)>, ()> = Activity::new("Transfer");
const SLOW: Activity<(), String> = Activity::new("Slow");

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(60))
}

/// Doubles each number, all at once.
#[workflow]
#[derive(Default)]
struct DoubleAll;

#[workflow_methods]
impl DoubleAll {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, numbers: Vec<u32>) -> WorkflowResult<Vec<u32>> {
        let calls = numbers
            .into_iter()
            .map(|number| ctx.execute_activity(DOUBLE, number, options()));
        join_all(calls.collect::<Vec<_>>())
            .await
            .into_iter()
            .map(|result| Ok(result?))
            .collect()
    }
}

#[test]
fn many_activities_run_at_once_and_answer_in_the_order_of_the_calls() {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(DOUBLE, |number| Ok(number * 2))
        .takes(Duration::from_secs(7));
    let mut run = env.start::<DoubleAll>((1..=100).collect());
    assert_eq!(
        run.result().unwrap(),
        (1..=100).map(|number| number * 2).collect::<Vec<u32>>()
    );
    assert_eq!(run.elapsed(), Duration::from_secs(7));
    run.check_replay().unwrap();
}

#[test]
fn a_failure_that_no_retry_cures_fails_the_run_with_its_causes() {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(DOUBLE, |number| {
        Err(ApplicationFailure::builder("too large")
            .type_name("Overflow")
            .non_retryable(true)
            .detail(&number)
            .build())
    });
    let mut run = env.start::<DoubleAll>(vec![9]);
    let Err(TestRunError::Failed(failure)) = run.result() else {
        panic!("the run must fail")
    };
    let FailureKind::Activity {
        activity_type,
        retry_state,
        ..
    } = &failure.kind
    else {
        panic!("the outer failure is the activity's: {failure:?}")
    };
    assert_eq!(
        (activity_type.as_str(), *retry_state),
        ("Double", RetryState::NonRetryableFailure)
    );
    assert_eq!(failure.application_type(), Some("Overflow"));
    assert_eq!(failure.detail::<u32>(), Some(Ok(9)));
    assert!(matches!(
        run.commands().last(),
        Some(Command::FailWorkflow { .. })
    ));
}

/// Two arguments, own ID and queue, a result that is thrown away.
#[workflow]
#[derive(Default)]
struct Transfer;

#[workflow_methods]
impl Transfer {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, from: String, amount: u64) -> WorkflowResult<()> {
        let options = ActivityOptions::with_schedule_to_close_timeout(Duration::from_secs(10))
            .activity_id("the-transfer")
            .task_queue("bank")
            .retry_policy(RetryPolicy {
                maximum_attempts: 1,
                ..RetryPolicy::default()
            });
        Ok(ctx
            .execute_activity(TRANSFER, (from, amount), options)
            .await?)
    }
}

#[test]
fn arguments_and_options_reach_the_activity() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let mut env = TestWorkflowEnvironment::new();
    let heard = seen.clone();
    env.activity(TRANSFER, move |Args(arguments)| {
        heard.borrow_mut().push(arguments);
        Ok(())
    });
    let mut run = env.start::<Transfer>(Args(("ada".to_owned(), 5)));
    run.result().unwrap();
    assert_eq!(*seen.borrow(), [("ada".to_owned(), 5)]);
    let commands = run.commands();
    let Some(Command::ScheduleActivity {
        activity_id,
        task_queue,
        input,
        ..
    }) = commands.first()
    else {
        panic!("the first command schedules the activity: {commands:?}")
    };
    assert_eq!(
        (activity_id.as_str(), task_queue.as_deref(), input.len()),
        ("the-transfer", Some("bank"), 2)
    );
}

#[test]
fn one_attempt_allowed_is_one_attempt_made() {
    let attempts = Rc::new(RefCell::new(0));
    let mut env = TestWorkflowEnvironment::new();
    let counted = attempts.clone();
    env.activity(TRANSFER, move |_| {
        *counted.borrow_mut() += 1;
        Err("no".into())
    });
    let result = env.start::<Transfer>(Args(("ada".to_owned(), 5))).result();
    assert!(matches!(result, Err(TestRunError::Failed(_))), "{result:?}");
    assert_eq!(*attempts.borrow(), 1);
}

/// Calls a slow activity and cancels it after a second.
#[workflow]
#[derive(Default)]
struct Impatient;

#[workflow_methods]
impl Impatient {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, wait: bool) -> WorkflowResult<String> {
        let cancellation_type = if wait {
            ActivityCancellationType::WaitCancellationCompleted
        } else {
            ActivityCancellationType::TryCancel
        };
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .cancellation_type(cancellation_type);
        let slow = ctx.execute_activity(SLOW, (), options);
        let _ = ctx.timer(Duration::from_secs(1)).await;
        slow.cancel();
        slow.cancel();
        match slow.await {
            Ok(answer) => Ok(answer),
            Err(ActivityExecutionError::Cancelled(_)) => Ok("cancelled".to_owned()),
            Err(error) => Err(error.into()),
        }
    }
}

#[test]
fn a_cancel_resolves_at_once_or_when_the_activity_says_so() {
    let impatient = |wait: bool, stops: bool| {
        let mut env = TestWorkflowEnvironment::new();
        let mock = env
            .activity(SLOW, |()| Ok("done".to_owned()))
            .takes(Duration::from_secs(5));
        if stops {
            mock.stops_on_cancel();
        }
        let mut run = env.start::<Impatient>(wait);
        let answer = run.result().unwrap();
        run.check_replay().unwrap();
        let cancels = run
            .commands()
            .iter()
            .filter(|command| matches!(command, Command::Cancel { .. }))
            .count();
        assert_eq!(cancels, 1);
        (answer, run.elapsed().as_secs())
    };
    assert_eq!(impatient(false, false), ("cancelled".to_owned(), 1));
    assert_eq!(impatient(true, false), ("done".to_owned(), 5));
    assert_eq!(impatient(true, true), ("cancelled".to_owned(), 1));
}

/// An attempt that outlives its timeout is tried again until the limit.
#[workflow]
#[derive(Default)]
struct TimesOut;

#[workflow_methods]
impl TimesOut {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(2))
            .retry_policy(RetryPolicy {
                maximum_attempts: 2,
                ..RetryPolicy::default()
            });
        let error = ctx
            .execute_activity(SLOW, (), options)
            .await
            .expect_err("it takes longer");
        assert_eq!(error.as_timeout(), Some(TimeoutType::StartToClose));
        Err(error.into())
    }
}

#[test]
fn attempts_time_out_and_are_retried() {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(SLOW, |()| panic!("never finishes"))
        .takes(Duration::from_secs(3));
    let mut run = env.start::<TimesOut>(());
    assert!(matches!(run.result(), Err(TestRunError::Failed(_))));
    // Two attempts of 2 s and 1 s between them.
    assert_eq!(run.elapsed(), Duration::from_secs(5));
    assert_eq!(run.scheduled_activities(), ["Slow"]);
}

#[test]
#[should_panic(expected = "has no mock")]
fn an_activity_without_a_mock_fails_the_test() {
    let _ = TestWorkflowEnvironment::new()
        .start::<DoubleAll>(vec![1])
        .result();
}
