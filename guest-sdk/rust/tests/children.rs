//! Children and messages to other workflows, with mocks (WF-10, WF-11, WF-16).

use std::time::Duration;

use mainspring_workflow::testing::{Command, TestWorkflowEnvironment};
use mainspring_workflow::{
    ApplicationFailure, ChildCancellationType, ChildWorkflow, ChildWorkflowOptions,
    WorkflowContext, WorkflowResult, join_all, workflow, workflow_methods,
};

const SHIP: ChildWorkflow<String, u64> = ChildWorkflow::new("Ship");

/// Ships parcels, each by a child; answers what they cost.
#[workflow]
#[derive(Default)]
struct Shipping;

#[workflow_methods]
impl Shipping {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, parcels: Vec<String>) -> WorkflowResult<u64> {
        let ship = |parcel: &String| {
            let options = ChildWorkflowOptions::new().workflow_id(format!("ship-{parcel}"));
            ctx.child_workflow(SHIP, parcel.clone(), options)
        };
        let children: Vec<_> = parcels.iter().map(ship).collect();
        for child in &children {
            assert!(!child.started().await?.is_empty());
            child.signal("hurry", ()).await?;
        }
        let results = children.iter().map(|child| child.result());
        let mut sum = 0;
        for cost in join_all(results.collect::<Vec<_>>()).await {
            sum += cost?;
        }
        Ok(sum)
    }
}

#[test]
fn wf_10_children_run_side_by_side_and_their_failures_are_the_parents() {
    let mut env = TestWorkflowEnvironment::new();
    env.child_workflow(SHIP, |parcel: String| match parcel.as_str() {
        "broken" => Err(ApplicationFailure::non_retryable("it fell")),
        parcel => Ok(parcel.len() as u64),
    })
    .takes(Duration::from_secs(60));
    let mut run = env.start::<Shipping>(vec!["a".to_owned(), "bbb".to_owned()]);
    assert_eq!(run.result().unwrap(), 4);
    assert_eq!(run.elapsed(), Duration::from_secs(60));
    run.check_replay().unwrap();
    let asked = run.commands();
    let is_child = |command: &&Command| matches!(command, Command::StartChildWorkflow { .. });
    assert_eq!(asked.iter().filter(is_child).count(), 2);

    let mut run = env.start::<Shipping>(vec!["broken".to_owned()]);
    let error = run.result().unwrap_err().to_string();
    assert!(error.contains("it fell"), "{error}");
}

/// Cancels a child and says how that looked.
#[workflow]
#[derive(Default)]
struct Canceller;

#[workflow_methods]
impl Canceller {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, early: bool) -> WorkflowResult<String> {
        let options =
            ChildWorkflowOptions::new().cancellation_type(ChildCancellationType::TryCancel);
        let child = ctx.child_workflow(SHIP, "parcel".to_owned(), options);
        if !early {
            child.started().await?;
        }
        child.cancel("too late");
        let Err(error) = child.result().await else {
            panic!("it was cancelled");
        };
        assert!(error.is_cancelled() && !error.is_already_started());
        Ok(error.to_string())
    }
}

#[test]
fn wf_11_a_cancelled_child_is_heard_of_at_once() {
    let mut env = TestWorkflowEnvironment::new();
    env.child_workflow(SHIP, |_| Ok(1))
        .takes(Duration::from_secs(60));
    for early in [true, false] {
        let mut run = env.start::<Canceller>(early);
        assert!(run.result().unwrap().contains("canceled"));
        assert_eq!(run.elapsed(), Duration::ZERO);
        run.check_replay().unwrap();
    }
}

/// Tells two others something.
#[workflow]
#[derive(Default)]
struct Teller;

#[workflow_methods]
impl Teller {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, _: ()) -> WorkflowResult<bool> {
        ctx.external_workflow("there").signal("news", 7_u64).await?;
        ctx.external_workflow("there").cancel("enough").await?;
        let missing = ctx.external_workflow("nowhere").signal("news", ()).await;
        Ok(missing.is_err_and(|error| error.is_not_found()))
    }
}

#[test]
fn wf_16_messages_arrive_or_fail() {
    let mut env = TestWorkflowEnvironment::new();
    env.missing_workflow("nowhere");
    let mut run = env.start::<Teller>(());
    assert!(run.result().unwrap());
    run.check_replay().unwrap();
    assert_eq!(run.commands().len(), 4);
}
