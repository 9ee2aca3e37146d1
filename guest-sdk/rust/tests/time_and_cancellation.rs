//! Timers, the clock, random values, scopes, and the replay check itself.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use mainspring_workflow::testing::{Command, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    Activity, ActivityOptions, CancellableFuture, TimerOptions, TimerResult,
    WorkflowCancellationToken, WorkflowContext, WorkflowResult, WorkflowTermination, join,
    workflow, workflow_methods,
};

const REFUND: Activity<String, String> = Activity::new("Refund");
const SHIP: Activity<String, String> = Activity::new("Ship");

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(600))
}

/// Sleeps for a week and says what time it was.
#[workflow]
#[derive(Default)]
struct Sleeper;

#[workflow_methods]
impl Sleeper {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, days: u32) -> WorkflowResult<Vec<u64>> {
        let seconds = || {
            let since = ctx.workflow_time().duration_since(UNIX_EPOCH);
            since.expect("virtual time starts after 1970").as_secs()
        };
        let before = seconds();
        ctx.timer(Duration::from_secs(86_400) * days)
            .await
            .fired()?;
        let cancelled = ctx.timer(TimerOptions::new(Duration::from_secs(5)).summary("never"));
        cancelled.cancel();
        assert_eq!(cancelled.await, TimerResult::Cancelled);
        Ok(vec![before, seconds()])
    }
}

#[test]
fn a_week_passes_in_no_time() {
    let mut env =
        TestWorkflowEnvironment::new().start_time(UNIX_EPOCH + Duration::from_secs(1_000));
    let mut run = env.start::<Sleeper>(7);
    assert_eq!(run.result().unwrap(), [1_000, 1_000 + 7 * 86_400]);
    run.check_replay().unwrap();
}

#[test]
fn a_cancel_request_ends_the_sleep_and_closes_the_run_as_cancelled() {
    let mut run = TestWorkflowEnvironment::new().start::<Sleeper>(7);
    run.request_cancel_after(Duration::from_secs(3_600), "changed my mind");
    assert_eq!(
        run.result(),
        Err(TestRunError::Cancelled {
            details: Vec::new()
        })
    );
    assert_eq!(run.elapsed(), Duration::from_secs(3_600));
    let commands = run.commands();
    assert!(
        matches!(
            commands.as_slice(),
            [
                Command::StartTimer { handle: 1, .. },
                Command::Cancel { handle: 1 },
                Command::CancelWorkflow { .. }
            ]
        ),
        "{commands:?}"
    );
    run.check_replay().unwrap();
}

/// Ships; if cancelled meanwhile, refunds before it closes.
#[workflow]
#[derive(Default)]
struct Shipment;

#[workflow_methods]
impl Shipment {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, order: String) -> WorkflowResult<String> {
        match ctx.execute_activity(SHIP, &order, options()).await {
            Err(error) if error.is_cancelled() => {
                // In the cancelled scope nothing starts any more …
                let refused = ctx.execute_activity(REFUND, &order, options()).await;
                assert!(refused.is_err_and(|error| error.is_cancelled()));
                // … in a shielded one it does.
                let receipt = ctx
                    .shielded()
                    .execute_activity(REFUND, &order, options())
                    .await?;
                let reason = ctx.cancelled().await.unwrap_or_default();
                Err(WorkflowTermination::cancelled_with_details(&format!(
                    "{receipt} ({reason})"
                ))?)
            }
            result => Ok(result?),
        }
    }
}

#[test]
fn cleanup_runs_in_a_shielded_scope() {
    let mut env = TestWorkflowEnvironment::new();
    env.activity(SHIP, |_| Ok("shipped".to_owned()))
        .takes(Duration::from_secs(300));
    env.activity(REFUND, |order| Ok(format!("refunded {order}")));
    let mut run = env.start::<Shipment>("o1".to_owned());
    run.request_cancel_after(Duration::from_secs(10), "too slow");
    let Err(TestRunError::Cancelled { details }) = run.result() else {
        panic!("the run closes as cancelled")
    };
    let text: String = details
        .first()
        .expect("there are details")
        .decode()
        .unwrap();
    assert_eq!(text, "refunded o1 (too slow)");
    assert_eq!(run.scheduled_activities(), ["Ship", "Refund"]);
    run.check_replay().unwrap();
}

/// Cancels a scope of its own; nobody asked the run to cancel.
#[workflow]
#[derive(Default)]
struct OwnScope;

#[workflow_methods]
impl OwnScope {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, propagate: bool) -> WorkflowResult<u32> {
        let scope = ctx.cancellation_token().child_token();
        let scoped = ctx.with_cancellation_token(scope.clone());
        let detached = TimerOptions::new(Duration::from_secs(3))
            .cancellation_token(WorkflowCancellationToken::new());
        let (first, second) = (
            scoped.timer(Duration::from_secs(9)),
            scoped.timer(Duration::from_secs(8)),
        );
        let outside = scoped.timer(detached);
        scope.cancel_with_reason("enough");
        let (first, second, outside) = join!(first, second, outside);
        assert_eq!(
            [first, second, outside],
            [
                TimerResult::Cancelled,
                TimerResult::Cancelled,
                TimerResult::Fired
            ]
        );
        assert!(scoped.wait_condition(|_| false).await.is_err());
        if propagate {
            first.fired()?;
        }
        Ok(3)
    }
}

#[test]
fn a_scope_cancels_what_was_started_in_it_and_nothing_else() {
    let mut env = TestWorkflowEnvironment::new();
    let mut run = env.start::<OwnScope>(false);
    assert_eq!(run.result().unwrap(), 3);
    assert_eq!(run.elapsed(), Duration::from_secs(3));
    run.check_replay().unwrap();
    // A cancellation of the run's own making is not a cancelled run.
    let own = env.start::<OwnScope>(true).result();
    assert!(
        matches!(&own, Err(TestRunError::Failed(failure)) if failure.is_cancelled()),
        "{own:?}"
    );
}

/// Draws values.
#[workflow]
#[derive(Default)]
struct Dice;

#[workflow_methods]
impl Dice {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<(u64, String, Vec<u8>, bool)> {
        let fraction = ctx.random::<f64>();
        let drawn = (
            ctx.random::<u64>(),
            ctx.uuid4(),
            ctx.random_bytes(100),
            (0.0..1.0).contains(&fraction),
        );
        ctx.timer(Duration::from_secs(drawn.0 % 100))
            .await
            .fired()?;
        Ok(drawn)
    }
}

#[test]
fn random_values_are_equal_in_replay_and_differ_between_seeds() {
    let mut run = TestWorkflowEnvironment::new().seed(1).start::<Dice>(());
    let first = run.result().unwrap();
    run.check_replay().unwrap();
    let again = TestWorkflowEnvironment::new()
        .seed(1)
        .start::<Dice>(())
        .result()
        .unwrap();
    let other = TestWorkflowEnvironment::new()
        .seed(2)
        .start::<Dice>(())
        .result()
        .unwrap();
    assert_eq!(first, again);
    assert_ne!(first.1, other.1);
    assert_eq!(
        (
            first.1.len(),
            first.1.as_bytes().get(14),
            first.2.len(),
            first.3
        ),
        (36, Some(&b'4'), 100, true)
    );
}

thread_local! {
    static RUNS: Cell<u64> = const { Cell::new(0) };
}

/// Looks at something that no history holds.
#[workflow]
#[derive(Default)]
struct Unrecorded;

#[workflow_methods]
impl Unrecorded {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let runs = RUNS.with(|runs| runs.replace(runs.get() + 1));
        ctx.timer(Duration::from_secs(1)).await.fired()?;
        ctx.timer(Duration::from_secs(10 + runs)).await.fired()?;
        Ok(())
    }
}

#[test]
fn the_replay_check_finds_what_is_not_recorded() {
    let mut run = TestWorkflowEnvironment::new().start::<Unrecorded>(());
    run.result().unwrap();
    let difference = run.check_replay().unwrap_err();
    assert_eq!(difference.task, 2);
    assert!(difference.to_string().contains("11s"), "{difference}");
}
