//! The approval story without a server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::testing::{TestRun, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{Failure, FailureKind};

use crate::{ApprovalSignal, ApprovalWorkflow, CHARGE_PAYMENT};

/// The orders that were charged.
type Charges = Rc<RefCell<Vec<String>>>;

const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn start() -> (TestRun<ApprovalWorkflow>, Charges) {
    let charges = Charges::default();
    let mut env = TestWorkflowEnvironment::new().workflow_id("order-1");
    let charged = charges.clone();
    env.activity(CHARGE_PAYMENT, move |order| {
        charged.borrow_mut().push(order);
        Ok(())
    });
    (env.start("order-1".to_owned()), charges)
}

fn decision(approved: bool, reason: &str) -> ApprovalSignal {
    ApprovalSignal {
        approved,
        reason: reason.to_owned(),
    }
}

fn failure_of(run: &mut TestRun<ApprovalWorkflow>) -> Failure {
    match run.result() {
        Err(TestRunError::Failed(failure)) => failure,
        other => panic!("the approval must fail, got {other:?}"),
    }
}

fn status(run: &mut TestRun<ApprovalWorkflow>) -> String {
    run.query("status", ()).unwrap()
}

#[test]
fn an_order_is_charged_when_somebody_approves_it_a_month_later() {
    let (mut run, charges) = start();
    run.signal_after(THIRTY_DAYS, "approval", decision(true, "fine"));
    run.advance(THIRTY_DAYS - Duration::from_secs(1));
    assert_eq!(status(&mut run), "waiting for approval");
    assert!(charges.borrow().is_empty());
    run.result().unwrap();
    assert_eq!(*charges.borrow(), ["order-1"]);
    assert_eq!(status(&mut run), "charged");
    run.check_replay().unwrap();
}

#[test]
fn wf_21_a_refusal_fails_the_run_with_its_reason() {
    let (mut run, charges) = start();
    run.signal("approval", decision(false, "over budget"));
    let failure = failure_of(&mut run);
    assert_eq!(failure.message, "approval rejected");
    assert_eq!(failure.application_type(), Some("ApprovalRejected"));
    assert_eq!(failure.detail::<String>(), Some(Ok("over budget".into())));
    assert!(matches!(
        failure.kind,
        FailureKind::Application {
            non_retryable: false,
            ..
        }
    ));
    assert!(charges.borrow().is_empty());
    assert_eq!(status(&mut run), "rejected");
    run.check_replay().unwrap();
}

#[test]
fn msg_01_the_first_decision_holds_even_if_it_came_before_the_first_line() {
    let (mut run, charges) = start();
    run.signal("approval", decision(true, "first"));
    run.signal("approval", decision(false, "second"));
    run.result().unwrap();
    assert_eq!(*charges.borrow(), ["order-1"]);
    run.check_replay().unwrap();
}

#[test]
fn what_is_no_decision_is_left_out_and_the_wait_goes_on() {
    let (mut run, charges) = start();
    run.signal("approval", "yes");
    assert_eq!(status(&mut run), "waiting for approval");
    run.signal("approval", decision(true, ""));
    run.result().unwrap();
    assert_eq!(*charges.borrow(), ["order-1"]);
}

#[test]
fn the_signal_is_the_json_that_go_writes() {
    let read = |json| serde_json::from_str::<ApprovalSignal>(json).unwrap();
    let full = read(r#"{"Approved":true,"Reason":"manual approval completed"}"#);
    assert!(full.approved);
    assert_eq!(full.reason, "manual approval completed");
    assert!(!read("{}").approved, "what is left out is no approval");
}

#[test]
fn a_cancel_ends_the_wait_and_nothing_is_charged() {
    let (mut run, charges) = start();
    run.request_cancel_after(THIRTY_DAYS, "order withdrawn");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    assert!(charges.borrow().is_empty());
    run.check_replay().unwrap();
}
