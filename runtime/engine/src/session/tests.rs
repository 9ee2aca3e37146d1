//! The conversation, from the code's side and the driver's.

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::Payload;
use temporalio_protos::temporal::api::history::v1::{
    ActivityTaskCompletedEventAttributes, ActivityTaskScheduledEventAttributes,
    TimerFiredEventAttributes, TimerStartedEventAttributes,
    WorkflowExecutionSignaledEventAttributes, WorkflowExecutionStartedEventAttributes,
};

use super::*;
use crate::guest::{ActivityCancellation, Outcome, ScheduleActivity};
use crate::history;
use crate::ids::{RunId, WorkflowKey};

pub(super) fn session() -> Session {
    session_with(&Limits::default())
}

fn session_with(limits: &Limits) -> Session {
    let run_id = RunId::new(uuid::Uuid::from_u128(1));
    let facts = RunFacts {
        key: WorkflowKey {
            namespace: "default".into(),
            workflow_id: "w".into(),
        },
        run_id,
        start_time: Timestamp::from_nanos(1),
        started: WorkflowExecutionStartedEventAttributes {
            original_execution_run_id: run_id.to_string(),
            ..WorkflowExecutionStartedEventAttributes::default()
        },
        user_metadata: None,
    };
    Session::new(Arc::new(facts), limits)
}

pub(super) fn begin(session: &mut Session, batch: Vec<HistoryEvent>) {
    session.begin_task(TaskInput {
        scheduled_event_id: 2,
        now: Timestamp::from_nanos(5),
        replaying: false,
        batch,
        update: None,
        info: TaskInfo::default(),
    });
}

fn event(event_id: i64, attributes: Attributes) -> HistoryEvent {
    history::event(event_id, Timestamp::from_nanos(9), attributes)
}

fn signal(event_id: i64) -> HistoryEvent {
    let attributes = WorkflowExecutionSignaledEventAttributes::default();
    event(
        event_id,
        Attributes::WorkflowExecutionSignaledEventAttributes(attributes),
    )
}

fn fired(event_id: i64, started_event_id: i64) -> HistoryEvent {
    event(
        event_id,
        Attributes::TimerFiredEventAttributes(TimerFiredEventAttributes {
            started_event_id,
            ..TimerFiredEventAttributes::default()
        }),
    )
}

fn timer_started(event_id: i64) -> HistoryEvent {
    let attributes = TimerStartedEventAttributes::default();
    event(
        event_id,
        Attributes::TimerStartedEventAttributes(attributes),
    )
}

fn activity_scheduled(event_id: i64) -> HistoryEvent {
    let attributes = ActivityTaskScheduledEventAttributes::default();
    event(
        event_id,
        Attributes::ActivityTaskScheduledEventAttributes(attributes),
    )
}

fn activity_completed(event_id: i64, scheduled_event_id: i64) -> HistoryEvent {
    event(
        event_id,
        Attributes::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
            scheduled_event_id,
            ..ActivityTaskCompletedEventAttributes::default()
        }),
    )
}

fn request(cancellation: ActivityCancellation) -> ScheduleActivity {
    ScheduleActivity {
        handle: 0,
        activity_type: "Charge".into(),
        activity_id: String::new(),
        task_queue: None,
        input: None,
        header: None,
        schedule_to_close_timeout: None,
        schedule_to_start_timeout: None,
        start_to_close_timeout: Some(Duration::from_secs(1)),
        heartbeat_timeout: None,
        retry_policy: None,
        cancellation,
        priority: None,
        metadata: None,
    }
}

pub(super) fn second() -> Duration {
    Duration::from_secs(1)
}

fn handle_of(event: Option<GuestEvent>) -> Handle {
    match event {
        Some(GuestEvent::Resolved { handle, .. }) => handle,
        other => panic!("no resolution: {other:?}"),
    }
}

#[test]
fn ids_come_from_handles_and_handles_from_the_order_of_the_calls() {
    let mut session = session();
    begin(&mut session, vec![]);
    assert_eq!(session.start_timer(second(), None), Ok(1));
    let activity = session.start_activity(request(ActivityCancellation::TryCancel));
    assert_eq!(activity, Ok(2));
    let commands = session.finish_task(None).commands;
    let Command::ScheduleActivity(scheduled) = &commands[1] else {
        panic!("{commands:?}");
    };
    assert_eq!(scheduled.activity_id, "2");
}

#[test]
fn what_is_known_at_once_comes_before_the_next_recorded_event() {
    let mut session = session();
    begin(&mut session, vec![]);
    let (first, second) = (
        session.start_timer(second(), None).unwrap(),
        session.start_timer(second(), None).unwrap(),
    );
    session.finish_task(None);
    session.observe(&[timer_started(5), timer_started(6)]);
    begin(&mut session, vec![signal(7), signal(8)]);
    assert!(matches!(
        session.next_event(),
        Some(GuestEvent::Signal { event_id: 7, .. })
    ));
    session.cancel(second, "").unwrap();
    session.cancel(first, "").unwrap();
    assert_eq!(handle_of(session.next_event()), second);
    assert_eq!(handle_of(session.next_event()), first);
    assert!(matches!(
        session.next_event(),
        Some(GuestEvent::Signal { event_id: 8, .. })
    ));
    assert_eq!(session.next_event(), None);
    let commands = session.finish_task(None).commands;
    assert!(matches!(
        commands[0],
        Command::CancelTimer {
            started_event_id: Some(6),
            ..
        }
    ));
}

#[test]
fn cancelling_what_the_batch_answers_is_a_no_op() {
    let mut session = session();
    begin(&mut session, vec![]);
    let timer = session.start_timer(second(), None).unwrap();
    session.finish_task(None);
    session.observe(&[timer_started(5)]);
    begin(&mut session, vec![signal(7), fired(8, 5)]);
    session.next_event();
    session.cancel(timer, "").unwrap();
    assert!(matches!(
        session.next_event(),
        Some(GuestEvent::Resolved { handle, outcome: Outcome::Success(None) }) if handle == timer
    ));
    assert!(session.finish_task(None).commands.is_empty());
}

#[test]
fn act_13_the_three_ways_to_cancel_an_activity() {
    for (cancellation, asks, resolves) in [
        (ActivityCancellation::TryCancel, true, true),
        (ActivityCancellation::WaitCompleted, true, false),
        (ActivityCancellation::Abandon, false, true),
    ] {
        let mut session = session();
        begin(&mut session, vec![]);
        let handle = session.start_activity(request(cancellation)).unwrap();
        session.finish_task(None);
        session.observe(&[activity_scheduled(5)]);
        begin(&mut session, vec![signal(7)]);
        session.next_event();
        session.cancel(handle, "").unwrap();
        session.cancel(handle, "").unwrap();
        assert_eq!(session.next_event().is_some(), resolves, "{cancellation:?}");
        let commands = session.finish_task(None).commands;
        assert_eq!(commands.len(), usize::from(asks), "{cancellation:?}");
        begin(&mut session, vec![activity_completed(12, 5)]);
        let heard = session.next_event().is_some();
        assert_eq!(
            heard, !resolves,
            "an answer is heard once: {cancellation:?}"
        );
    }
}

#[test]
fn a_wait_ends_with_an_event_or_with_its_time() {
    let mut timed = session();
    begin(&mut timed, vec![]);
    assert_eq!(timed.begin_wait(second()), Ok(false));
    assert_eq!(timed.poll_wait(), Ok(None));
    timed.finish_task(None);
    timed.observe(&[timer_started(5)]);
    begin(&mut timed, vec![fired(8, 5)]);
    assert_eq!(timed.poll_wait(), Ok(Some(false)));
    assert_eq!(
        timed.next_event(),
        None,
        "the wait's own timer is not heard of"
    );

    let mut interrupted = session();
    begin(&mut interrupted, vec![]);
    assert_eq!(interrupted.begin_wait(second()), Ok(false));
    interrupted.finish_task(None);
    interrupted.observe(&[timer_started(5)]);
    begin(&mut interrupted, vec![signal(7), fired(8, 5)]);
    assert_eq!(interrupted.poll_wait(), Ok(Some(true)));
    assert!(matches!(
        interrupted.next_event(),
        Some(GuestEvent::Signal { .. })
    ));
    assert_eq!(
        interrupted.next_event(),
        None,
        "it fired too, and nobody asked"
    );
    assert!(interrupted.finish_task(None).commands.is_empty());

    let mut withdrawn = session();
    begin(&mut withdrawn, vec![]);
    assert_eq!(withdrawn.begin_wait(second()), Ok(false));
    withdrawn.finish_task(None);
    withdrawn.observe(&[timer_started(5)]);
    begin(&mut withdrawn, vec![signal(7)]);
    assert_eq!(withdrawn.poll_wait(), Ok(Some(true)));
    let commands = withdrawn.finish_task(None).commands;
    assert!(matches!(commands[..], [Command::CancelTimer { .. }]));
}

#[test]
fn what_breaks_a_rule_is_a_fault_that_says_which() {
    let mut session = session();
    begin(&mut session, vec![]);
    let cause = |result: Result<Handle, GuestFault>| result.unwrap_err().cause;
    let no_timeout = ScheduleActivity {
        start_to_close_timeout: None,
        ..request(ActivityCancellation::TryCancel)
    };
    assert_eq!(
        cause(session.start_activity(no_timeout)),
        WorkflowTaskFailedCause::BadScheduleActivityAttributes
    );
    let named = || ScheduleActivity {
        activity_id: "mine".into(),
        ..request(ActivityCancellation::TryCancel)
    };
    session.start_activity(named()).unwrap();
    assert_eq!(
        cause(session.start_activity(named())),
        WorkflowTaskFailedCause::ScheduleActivityDuplicateId
    );
    assert!(session.cancel(99, "").unwrap_err().message.contains("99"));
    assert!(session.random_bytes(65_537).is_err());
    assert!(
        session.answer_query("query", Ok(None)).is_err(),
        "nothing was asked"
    );
}

#[test]
fn limits_are_named() {
    let mut few = session_with(&Limits {
        pending_operations: 2,
        ..Limits::default()
    });
    begin(&mut few, vec![]);
    few.start_timer(second(), None).unwrap();
    few.start_timer(second(), None).unwrap();
    let fault = few.start_timer(second(), None).unwrap_err();
    assert!(
        fault.message.contains("limit pending-operations"),
        "{fault}"
    );
    let mut small = session_with(&Limits {
        payload_bytes: 10,
        ..Limits::default()
    });
    begin(&mut small, vec![]);
    let large = ScheduleActivity {
        input: Some(Payloads {
            payloads: vec![Payload {
                data: vec![0; 100],
                ..Payload::default()
            }],
        }),
        ..request(ActivityCancellation::TryCancel)
    };
    let fault = small.start_activity(large).unwrap_err();
    assert!(fault.message.contains("limit payload-bytes"), "{fault}");
}

#[test]
fn msg_08_a_query_may_look_and_answer_and_nothing_else() {
    let mut session = session();
    begin(&mut session, vec![]);
    let timer = session.start_timer(second(), None).unwrap();
    let drawn = session.random_u64();
    session.finish_task(None);
    session.begin_query("status".into(), None, None);
    let Some(GuestEvent::Query { id, name, .. }) = session.next_event() else {
        panic!("no query");
    };
    assert_eq!(name, "status");
    assert!(session.start_timer(second(), None).is_err());
    assert!(session.cancel(timer, "").is_err());
    session.random_u64();
    session.answer_query(&id, Ok(None)).unwrap();
    assert!(session.answer_query(&id, Ok(None)).is_err(), "once");
    assert_eq!(session.finish_query(), Some(Ok(None)));
    assert!(session.is_tainted());
    assert!(!session.must_rebuild());
    let mut again = self::session();
    begin(&mut again, vec![]);
    assert_eq!(
        again.random_u64(),
        drawn,
        "a task draws the same in every replay"
    );
}

#[test]
fn a_close_is_the_last_command_and_says_what_was_not_taken() {
    let mut session = session();
    begin(&mut session, vec![signal(2), signal(3)]);
    session.next_event();
    let output = session.finish_task(Some(RunEnd::Completed(None)));
    assert_eq!(output.untaken, 1);
    assert_eq!(
        output.commands,
        [Command::CompleteWorkflow { result: None }]
    );
}

fn json(data: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: data.as_bytes().to_vec(),
        ..Payload::default()
    }
}

#[test]
fn wf_27_an_upsert_is_seen_at_once_and_a_null_removes() {
    let mut session = session();
    begin(&mut session, Vec::new());
    let color = |value: Option<Payload>| vec![("Color".to_owned(), value)];
    session
        .upsert_search_attributes(color(Some(json("\"red\""))))
        .unwrap();
    assert_eq!(
        session.search_attributes().indexed_fields["Color"],
        json("\"red\"")
    );
    session.upsert_search_attributes(color(None)).unwrap();
    assert!(session.search_attributes().indexed_fields.is_empty());
    session
        .upsert_memo(vec![("note".into(), Some(json("1")))])
        .unwrap();
    session.upsert_memo(Vec::new()).unwrap();
    let commands = session.finish_task(None).commands;
    let [
        Command::UpsertSearchAttributes { whole: first, .. },
        Command::UpsertSearchAttributes { changed, whole },
        Command::UpsertMemo { whole: memo, .. },
    ] = commands.as_slice()
    else {
        panic!("an empty upsert is none: {commands:?}");
    };
    assert!(first.indexed_fields.contains_key("Color"));
    assert!(crate::search::is_null(&changed.indexed_fields["Color"]));
    assert!(whole.indexed_fields.is_empty());
    assert_eq!(memo.fields["note"], json("1"));

    session.begin_query("q".into(), None, None);
    let fault = session
        .upsert_memo(vec![("note".into(), None)])
        .unwrap_err();
    assert!(fault.message.contains("only look"), "{fault}");
}

#[test]
fn an_upsert_is_bounded_as_any_call() {
    let limits = Limits {
        task_operations: 1,
        payload_bytes: 10,
        ..Limits::default()
    };
    let mut session = session_with(&limits);
    begin(&mut session, Vec::new());
    let large = vec![("note".into(), Some(json("\"more than ten bytes\"")))];
    let fault = session.upsert_memo(large).unwrap_err();
    assert!(fault.message.contains("limit payload-bytes"), "{fault}");
    session.upsert_memo(vec![("note".into(), None)]).unwrap();
    let fault = session
        .upsert_memo(vec![("note".into(), None)])
        .unwrap_err();
    assert!(fault.message.contains("limit task-operations"), "{fault}");
}

#[test]
fn a_sleep_ends_with_its_own_timer_and_leaves_the_rest_for_later() {
    let mut session = session();
    begin(&mut session, vec![]);
    session.begin_sleep(second()).unwrap();
    assert!(!session.sleep_is_over());
    session.finish_task(None);
    session.observe(&[timer_started(5)]);
    begin(&mut session, vec![signal(7)]);
    assert!(!session.sleep_is_over(), "no event but its own ends it");
    session.finish_task(None);
    session.begin_query("q".into(), None, None);
    assert!(!session.sleep_is_over());
    assert_eq!(session.finish_query(), None);
    begin(&mut session, vec![fired(12, 5)]);
    assert!(session.sleep_is_over());
    assert!(matches!(
        session.next_event(),
        Some(GuestEvent::Signal { .. })
    ));
    assert_eq!(session.next_event(), None);
}
