//! One test per line of the machine's table.

use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;

use super::*;
use crate::guest::ActivityCancellation;

const START: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn asked() -> ScheduleActivity {
    ScheduleActivity {
        handle: 1,
        activity_type: "Charge".into(),
        activity_id: "1".into(),
        task_queue: None,
        input: None,
        header: None,
        schedule_to_close_timeout: None,
        schedule_to_start_timeout: None,
        start_to_close_timeout: Some(Duration::from_secs(10)),
        heartbeat_timeout: None,
        retry_policy: None,
        cancellation: ActivityCancellation::TryCancel,
        priority: None,
        metadata: None,
    }
}

fn queued(asked: &ScheduleActivity) -> PendingActivity {
    let run_id = RunId::new(uuid::Uuid::from_u128(1));
    let event = scheduled_event(asked.clone(), &"orders".into(), None, None, 4);
    PendingActivity::schedule(run_id, 5, "Order", &event, START)
}

fn started(asked: &ScheduleActivity) -> PendingActivity {
    let mut activity = queued(asked);
    activity.start(START, "worker-1", 42).unwrap();
    activity
}

fn timeout_of(due: Due) -> (TimeoutType, RetryState, Failure) {
    let Due::TimedOut {
        failure,
        retry_state,
    } = due
    else {
        panic!("not timed out: {due:?}");
    };
    let Some(FailureInfo::TimeoutFailureInfo(info)) = &failure.failure_info else {
        panic!("no timeout failure: {failure:?}");
    };
    (info.timeout_type(), retry_state, failure)
}

fn oops() -> Failure {
    failure::application("oops".into(), "Oops", String::new())
}

#[test]
fn act_04_start_to_close_ends_an_attempt_and_it_is_retried() {
    let mut activity = started(&asked());
    assert_eq!(activity.wake(at(9)), Due::Nothing);
    assert_eq!(activity.wake(at(10)), Due::Retrying);
    assert_eq!((activity.attempt(), activity.is_queued()), (2, false));
    assert_eq!(activity.wake(at(10)), Due::Nothing);
    assert_eq!(activity.wake(at(11)), Due::Requeued);
    assert!(activity.is_queued());
}

#[test]
fn act_05_schedule_to_start_is_per_attempt_and_final() {
    let asked = ScheduleActivity {
        schedule_to_start_timeout: Some(Duration::from_secs(3)),
        ..asked()
    };
    let mut activity = started(&asked);
    assert_eq!(activity.fail(at(5), oops(), 4_096), AfterFailure::Retrying);
    assert_eq!(activity.wake(at(6)), Due::Requeued);
    assert_eq!(activity.wake(at(8)), Due::Nothing);
    let (timeout, state, failure) = timeout_of(activity.wake(at(9)));
    assert_eq!(timeout, TimeoutType::ScheduleToStart);
    assert_eq!(state, RetryState::NonRetryableFailure);
    assert_eq!(failure.cause.unwrap().message, "oops");
}

#[test]
fn act_03_schedule_to_close_covers_attempts_and_backoff() {
    let asked = ScheduleActivity {
        schedule_to_close_timeout: Some(Duration::from_secs(20)),
        ..asked()
    };
    let mut activity = started(&asked);
    assert_eq!(activity.fail(at(1), oops(), 4_096), AfterFailure::Retrying);
    let (timeout, state, _) = timeout_of(activity.wake(at(20)));
    assert_eq!(
        (timeout, state),
        (TimeoutType::ScheduleToClose, RetryState::Timeout)
    );
}

#[test]
fn act_03_a_retry_that_would_come_too_late_is_not_made() {
    let asked = ScheduleActivity {
        schedule_to_close_timeout: Some(Duration::from_millis(10_500)),
        ..asked()
    };
    let mut activity = started(&asked);
    let (timeout, state, failure) = timeout_of(activity.wake(at(10)));
    assert_eq!(
        (timeout, state),
        (TimeoutType::ScheduleToClose, RetryState::Timeout)
    );
    assert_eq!(
        failure.cause.unwrap().message,
        "activity StartToClose timeout"
    );
    let mut activity = started(&asked);
    assert_eq!(
        activity.fail(at(10), oops(), 4_096),
        AfterFailure::Closed(RetryState::Timeout)
    );
}

#[test]
fn act_06_heartbeats_keep_an_attempt_alive_and_are_capped_by_it() {
    let asked = ScheduleActivity {
        heartbeat_timeout: Some(Duration::from_secs(4)),
        ..asked()
    };
    let mut activity = started(&asked);
    activity.heartbeat(at(3), None).unwrap();
    assert_eq!(activity.next_due(), Some(at(7)));
    activity.heartbeat(at(6), None).unwrap();
    assert_eq!(
        activity.next_due(),
        Some(at(10)),
        "start-to-close bounds it"
    );
    let mut silent = started(&asked);
    assert_eq!(silent.wake(at(4)), Due::Retrying);
    assert_eq!(
        silent.last_failure().unwrap().message,
        "activity Heartbeat timeout"
    );
    assert_eq!(
        Timeouts::effective(
            &ScheduleActivity {
                heartbeat_timeout: Some(Duration::from_secs(60)),
                ..asked
            },
            None
        )
        .heartbeat,
        Some(Duration::from_secs(10))
    );
}

#[test]
fn act_07_the_next_attempt_reads_the_last_heartbeat() {
    use temporalio_protos::temporal::api::common::v1::Payload;
    let details = Payloads {
        payloads: vec![Payload {
            data: b"7".to_vec(),
            ..Payload::default()
        }],
    };
    let mut activity = started(&asked());
    activity.heartbeat(at(1), Some(details.clone())).unwrap();
    assert_eq!(activity.wake(at(10)), Due::Retrying);
    assert_eq!(activity.wake(at(11)), Due::Requeued);
    let attempt = activity.start(at(11), "worker-2", 43).unwrap();
    assert_eq!(attempt.heartbeat_details, Some(details));
    assert_eq!(attempt.attempt, 2);
    assert_eq!(attempt.attempt_scheduled_at, at(11));
}

#[test]
fn act_14_a_running_activity_hears_of_a_cancel_by_its_heartbeat() {
    let mut activity = started(&asked());
    assert!(!activity.request_cancel(9), "it runs: the worker decides");
    let reply = activity.heartbeat(at(1), None).unwrap();
    assert!(reply.cancel_requested);
    assert_eq!(
        activity.fail(at(2), oops(), 4_096),
        AfterFailure::Closed(RetryState::CancelRequested)
    );
    assert!(
        queued(&asked()).request_cancel(9),
        "nobody has it: it closes"
    );
}

#[test]
fn a_token_is_good_for_its_own_attempt_only() {
    let mut activity = started(&asked());
    assert_eq!(activity.check_token(1, 42), Ok(()));
    assert_eq!(activity.check_token(1, 41), Err(NotRunning));
    assert_eq!(activity.check_token(2, 42), Err(NotRunning));
    activity.give_back(1, 42).unwrap();
    assert_eq!(activity.check_token(1, 42), Err(NotRunning));
    assert_eq!(activity.start(at(1), "worker-2", 43).unwrap().attempt, 1);
    assert_eq!(activity.start(at(1), "worker-3", 44), Err(NotRunning));
}

#[test]
fn rows_survive_the_trip_and_count_their_writes() {
    let mut activity = started(&asked());
    activity.fail(at(1), oops(), 4_096);
    let row = activity.next_row();
    assert_eq!(row.stamp, 1);
    assert_eq!(row.queued_at, None);
    assert_eq!(PendingActivity::from_row(&row).unwrap(), activity);
    let broken = ActivityRow {
        state: vec![0xFF],
        ..row
    };
    assert!(PendingActivity::from_row(&broken).is_err());
}

#[test]
fn act_03_one_of_the_two_timeouts_is_required() {
    let none = ScheduleActivity {
        start_to_close_timeout: None,
        ..asked()
    };
    assert!(check(&none).unwrap_err().contains("start-to-close"));
    assert!(check(&asked()).is_ok());
}
