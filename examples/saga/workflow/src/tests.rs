//! The saga without a server: what is done, and what is undone.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::testing::{TestRun, TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    Activity, ActivityDefinition as _, ApplicationFailure, Failure, FailureKind,
};

use crate::{
    BOOK_FLIGHT, BOOK_HOTEL, CANCEL_FLIGHT, CANCEL_HOTEL, CHARGE_CARD, HELD, REFUND_CARD, Trip,
    TripWorkflow,
};

const ALL: [Activity<Trip, ()>; 6] = [
    BOOK_HOTEL,
    BOOK_FLIGHT,
    CHARGE_CARD,
    CANCEL_HOTEL,
    CANCEL_FLIGHT,
    REFUND_CARD,
];
const HOUR: Duration = Duration::from_secs(3_600);

/// A world where everything works but what is named here, each step in ten seconds.
struct World {
    env: TestWorkflowEnvironment,
    done: Rc<RefCell<Vec<String>>>,
}

impl World {
    fn where_fails(fails: &[&'static str]) -> Self {
        let mut env = TestWorkflowEnvironment::new();
        let done = Rc::new(RefCell::new(Vec::new()));
        for activity in ALL {
            let name = activity.name().to_owned();
            let (done, fails) = (done.clone(), fails.contains(&name.as_str()));
            env.activity(activity, move |_| {
                if fails {
                    return Err(ApplicationFailure::non_retryable(format!("{name} fails")));
                }
                done.borrow_mut().push(name.clone());
                Ok(())
            })
            .takes(Duration::from_secs(10));
        }
        Self { env, done }
    }

    fn start(&mut self) -> TestRun<TripWorkflow> {
        self.env.start(Trip {
            trip_id: "trip-1".to_owned(),
            destination: "Lisbon".to_owned(),
        })
    }

    /// What was done, and in which order.
    fn done(&self) -> Vec<String> {
        self.done.borrow().clone()
    }
}

fn status(run: &mut TestRun<TripWorkflow>) -> String {
    run.query("status", ()).expect("the query is answered")
}

fn failure_of(run: &mut TestRun<TripWorkflow>) -> Failure {
    match run.result() {
        Err(TestRunError::Failed(failure)) => failure,
        other => panic!("the trip must fail, got {other:?}"),
    }
}

#[test]
fn a_confirmed_trip_is_booked_and_nothing_is_undone() {
    let mut world = World::where_fails(&[]);
    let mut run = world.start();
    run.advance(HOUR);
    assert_eq!(status(&mut run), "waiting for the traveller");
    run.signal("confirm", ());
    run.result().expect("the trip is booked");
    assert_eq!(world.done(), ["BookHotel", "BookFlight", "ChargeCard"]);
    assert_eq!(status(&mut run), "booked");
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn a_flight_that_is_sold_out_gives_the_hotel_back() {
    let mut world = World::where_fails(&["BookFlight"]);
    let mut run = world.start();
    let failure = failure_of(&mut run);
    assert_eq!(failure.root_cause().message, "BookFlight fails");
    // The flight's too: whether it was booked is not for the workflow to guess.
    assert_eq!(world.done(), ["BookHotel", "CancelFlight", "CancelHotel"]);
    assert_eq!(status(&mut run), "undone");
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn a_payment_that_fails_undoes_everything_the_latest_first() {
    let mut world = World::where_fails(&["ChargeCard"]);
    let mut run = world.start();
    run.signal("confirm", ());
    failure_of(&mut run);
    assert_eq!(
        world.done(),
        [
            "BookHotel",
            "BookFlight",
            "RefundCard",
            "CancelFlight",
            "CancelHotel"
        ]
    );
}

#[test]
fn wf_09_a_traveller_who_cancels_while_the_bookings_are_held_gets_out_of_all() {
    let mut world = World::where_fails(&[]);
    let mut run = world.start();
    run.request_cancel_after(HOUR, "ill");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    assert_eq!(
        world.done(),
        ["BookHotel", "BookFlight", "CancelFlight", "CancelHotel"]
    );
    assert_eq!(status(&mut run), "undone");
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn wf_09_a_cancel_in_the_middle_of_a_booking_undoes_that_booking_too() {
    let mut world = World::where_fails(&[]);
    let mut run = world.start();
    run.request_cancel_after(Duration::from_secs(15), "ill");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    let scheduled = run.scheduled_activities();
    assert_eq!(
        scheduled,
        ["BookHotel", "BookFlight", "CancelFlight", "CancelHotel"]
    );
    run.check_replay().expect("the code is deterministic");
}

#[test]
fn a_traveller_who_says_nothing_has_a_day() {
    let mut world = World::where_fails(&[]);
    let mut run = world.start();
    run.advance(HELD);
    assert_eq!(status(&mut run), "waiting for the traveller");
    let failure = failure_of(&mut run);
    assert_eq!(failure.application_type(), Some("NotConfirmed"));
    assert!(matches!(failure.kind, FailureKind::Application { .. }));
    assert_eq!(
        world.done(),
        ["BookHotel", "BookFlight", "CancelFlight", "CancelHotel"]
    );
}

#[test]
fn what_cannot_be_undone_is_said_and_keeps_nothing_else() {
    let mut world = World::where_fails(&["ChargeCard", "CancelFlight"]);
    let mut run = world.start();
    run.signal("confirm", ());
    let failure = failure_of(&mut run);
    assert_eq!(failure.root_cause().message, "ChargeCard fails");
    assert_eq!(
        world.done(),
        ["BookHotel", "BookFlight", "RefundCard", "CancelHotel"]
    );
    assert_eq!(status(&mut run), "partly undone");
    let logs = run.logs();
    assert!(
        logs.iter()
            .any(|line| line.message.contains("trip-1 is left over")),
        "{logs:?}"
    );
}
