//! The order story without a server: mocked activities, skipped time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::testing::{TestRun, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{ApplicationFailure, FailureKind, RetryState};

use crate::{
    CHARGE_PAYMENT, GENERATE_INVOICE, NOTIFY_WAREHOUSE, OrderInput, OrderWorkflow,
    RESERVE_INVENTORY, SEND_CONFIRMATION_EMAIL,
};

/// What the mocks were asked to do, in order.
type Calls = Rc<RefCell<Vec<String>>>;

const HAPPY_CALLS: [&str; 5] = [
    "reserve order-1",
    "charge order-1",
    "invoice order-1",
    "email user-9",
    "warehouse order-1",
];

fn environment() -> (TestWorkflowEnvironment, Calls) {
    let calls = Calls::default();
    let mut env = TestWorkflowEnvironment::new().workflow_id("order-1");
    let steps = [
        (RESERVE_INVENTORY, "reserve"),
        (CHARGE_PAYMENT, "charge"),
        (GENERATE_INVOICE, "invoice"),
        (SEND_CONFIRMATION_EMAIL, "email"),
        (NOTIFY_WAREHOUSE, "warehouse"),
    ];
    for (activity, name) in steps {
        let calls = calls.clone();
        env.activity(activity, move |key| {
            calls.borrow_mut().push(format!("{name} {key}"));
            Ok(())
        });
    }
    (env, calls)
}

fn start(env: &mut TestWorkflowEnvironment) -> TestRun<OrderWorkflow> {
    env.start(OrderInput {
        order_id: "order-1".into(),
        user_id: "user-9".into(),
    })
}

#[test]
fn an_order_goes_through_its_five_steps() {
    let (mut env, calls) = environment();
    let mut run = start(&mut env);
    run.result().unwrap();
    assert_eq!(*calls.borrow(), HAPPY_CALLS);
    assert_eq!(run.query::<String>("status", ()).unwrap(), "completed");
    run.check_replay().unwrap();
}

#[test]
fn the_input_is_the_json_that_go_writes() {
    let input: OrderInput =
        serde_json::from_str(r#"{"OrderID":"order-1","UserID":"user-9"}"#).unwrap();
    assert_eq!(
        (input.order_id.as_str(), input.user_id.as_str()),
        ("order-1", "user-9")
    );
}

#[test]
fn a_payment_that_fails_three_times_is_charged_at_the_fourth() {
    let (mut env, calls) = environment();
    let mut attempts = 0;
    let charged = calls.clone();
    env.activity(CHARGE_PAYMENT, move |key| {
        attempts += 1;
        if attempts < 4 {
            return Err("payment provider timed out".into());
        }
        charged.borrow_mut().push(format!("charge {key}"));
        Ok(())
    });
    let mut run = start(&mut env);
    run.advance(Duration::from_secs(13));
    assert_eq!(
        run.query::<String>("status", ()).unwrap(),
        "charging payment"
    );
    run.result().unwrap();
    // 2 + 4 + 8 seconds of backoff.
    assert_eq!(run.elapsed(), Duration::from_secs(14));
    assert_eq!(*calls.borrow(), HAPPY_CALLS);
    run.check_replay().unwrap();
}

#[test]
fn five_failed_attempts_fail_the_order_before_the_next_step() {
    let (mut env, calls) = environment();
    env.activity(CHARGE_PAYMENT, |_| Err("payment provider is down".into()));
    let mut run = start(&mut env);
    let Err(TestRunError::Failed(failure)) = run.result() else {
        panic!("the order must fail")
    };
    assert!(matches!(
        &failure.kind,
        FailureKind::Activity { activity_type, retry_state: RetryState::MaximumAttemptsReached, .. }
            if activity_type == "ChargePayment"
    ));
    assert_eq!(failure.root_cause().message, "payment provider is down");
    assert_eq!(run.elapsed(), Duration::from_secs(2 + 4 + 8 + 16));
    assert_eq!(*calls.borrow(), ["reserve order-1"]);
}

#[test]
fn a_declined_card_is_not_tried_again() {
    let (mut env, calls) = environment();
    env.activity(CHARGE_PAYMENT, |_| {
        Err(ApplicationFailure::non_retryable("card declined"))
    });
    let mut run = start(&mut env);
    assert!(matches!(run.result(), Err(TestRunError::Failed(_))));
    assert_eq!(run.elapsed(), Duration::ZERO);
    assert_eq!(*calls.borrow(), ["reserve order-1"]);
}

#[test]
fn a_cancel_between_two_steps_closes_the_order_as_cancelled() {
    let (mut env, calls) = environment();
    env.activity(GENERATE_INVOICE, |_| Ok(()))
        .takes(Duration::from_secs(30));
    let mut run = start(&mut env);
    run.request_cancel_after(Duration::from_secs(10), "customer called");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    assert_eq!(*calls.borrow(), ["reserve order-1", "charge order-1"]);
    run.check_replay().unwrap();
}
