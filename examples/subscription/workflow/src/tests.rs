//! The subscription without a server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::ApplicationFailure;
use mainspring_workflow::testing::{TestRun, TestRunError, TestWorkflowEnvironment};

use super::*;

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A world whose payments are written down: number and cents, or the number that was
/// paid back.
struct World {
    env: TestWorkflowEnvironment,
    payments: Rc<RefCell<Vec<String>>>,
}

impl World {
    /// No card has cover for this period and those after it.
    fn with_cover_before(period: u64) -> Self {
        let mut env = TestWorkflowEnvironment::new();
        let payments = Rc::new(RefCell::new(Vec::new()));
        let taken = payments.clone();
        env.activity(CHARGE, move |charge| {
            if charge.period.number >= period {
                return Err(ApplicationFailure::non_retryable("no cover"));
            }
            let line = format!("{}: {}", charge.period.number, charge.cents);
            taken.borrow_mut().push(line);
            Ok(())
        })
        // Late, so that due dates would drift if they were counted from now on.
        .takes(Duration::from_secs(10));
        let given = payments.clone();
        env.activity(REFUND, move |period| {
            given.borrow_mut().push(format!("{} back", period.number));
            Ok(())
        });
        Self { env, payments }
    }

    fn start(&mut self, periods_per_run: u64) -> TestRun<SubscriptionWorkflow> {
        self.env.start(Subscription {
            customer_id: "customer-1".to_owned(),
            plan: plan("basic", 500),
            period_seconds: MONTH.as_secs(),
            periods_per_run,
            ..Subscription::default()
        })
    }

    fn payments(&self) -> Vec<String> {
        self.payments.borrow().clone()
    }
}

fn plan(name: &str, cents: u64) -> Plan {
    Plan {
        name: name.to_owned(),
        cents,
    }
}

fn state(run: &mut TestRun<SubscriptionWorkflow>) -> Subscription {
    run.query("state", ()).expect("the query is answered")
}

#[test]
fn a_period_is_charged_when_it_begins_and_due_dates_do_not_drift() {
    let mut world = World::with_cover_before(100);
    let mut run = world.start(100);
    run.advance(DAY);
    assert_eq!(world.payments(), ["1: 500"]);
    for period in 2..=10 {
        run.advance(MONTH - 2 * DAY);
        assert_eq!(state(&mut run).periods_paid, period - 1, "a day too early");
        run.advance(2 * DAY);
        assert_eq!(state(&mut run).periods_paid, period);
    }
    run.signal("end", ());
    let ended = run.result().expect("it comes to its end");
    assert_eq!((ended.periods_paid, ended.cents_paid), (10, 5_000));
    // It began with the first charge, and lasted ten periods to the second.
    assert_eq!(run.elapsed(), 10 * MONTH);
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn wf_13_a_run_goes_on_as_another_and_hands_everything_over() {
    let mut world = World::with_cover_before(100);
    let mut run = world.start(2);
    run.advance(DAY);
    let period = run.execute_update::<u64>("change_plan", plan("large", 900));
    assert_eq!(period.expect("the plan exists"), 2);
    let Err(TestRunError::ContinuedAsNew) = run.result() else {
        panic!("it goes on as another")
    };
    let mut next = run.successor();
    next.advance(DAY);
    assert_eq!(world.payments(), ["1: 500", "2: 900", "3: 900"]);
    next.signal("end", ());
    let ended = next.result().expect("it comes to its end");
    assert_eq!((ended.periods_paid, ended.cents_paid), (3, 2_300));
    run.check_replay().expect("the code is deterministic");
    next.check_replay().expect("the code is deterministic");
}

#[test]
fn wf_14_a_history_that_grew_too_long_ends_a_run_before_its_time() {
    let mut world = World::with_cover_before(100);
    let mut run = world.start(100);
    run.advance(DAY);
    run.suggest_continue_as_new();
    assert!(matches!(run.result(), Err(TestRunError::ContinuedAsNew)));
    assert_eq!(
        world.payments(),
        ["1: 500"],
        "the next charge is the next run's"
    );
}

#[test]
fn msg_12_a_plan_that_makes_no_sense_is_refused() {
    let mut world = World::with_cover_before(100);
    let mut run = world.start(100);
    run.advance(DAY);
    for (plan, why) in [
        (plan("basic", 500), "basic is the plan already"),
        (plan("free", 0), "plan free has no price"),
    ] {
        let refused = run.execute_update::<u64>("change_plan", plan);
        let refused = format!("{:?}", refused.expect_err("it is refused"));
        assert!(refused.contains(why), "{refused}");
    }
    run.signal("end", ());
    let late = run.execute_update::<u64>("change_plan", plan("large", 900));
    assert!(late.is_err(), "no period follows");
    assert_eq!(state(&mut run).plan, plan("basic", 500));
}

#[test]
fn lif_11_a_cancelled_subscription_is_over_at_once_and_pays_the_period_back() {
    let mut world = World::with_cover_before(100);
    let mut run = world.start(100);
    run.request_cancel_after(DAY, "moved");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    assert_eq!(world.payments(), ["1: 500", "1 back"]);
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn a_card_without_cover_ends_the_subscription_with_the_reason() {
    let mut world = World::with_cover_before(3);
    let mut run = world.start(100);
    let Err(TestRunError::Failed(failure)) = run.result() else {
        panic!("it must fail")
    };
    assert_eq!(failure.root_cause().message, "no cover");
    assert_eq!(world.payments(), ["1: 500", "2: 500", "3 back"]);
}
