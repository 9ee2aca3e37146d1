//! One run, input by input: what stands in its history, what is pending, when it
//! must be looked at next.

use std::time::Duration;

use temporalio_protos::temporal::api::enums::v1::{
    EventType, RetryState, WorkflowExecutionStatus, WorkflowTaskFailedCause,
};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::*;
use crate::activity::ActivityRef;
use crate::failure;
use crate::guest::{ActivityCancellation, Command, ScheduleActivity, StartTimer, TaskFailure};
use crate::history;

const START: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

pub(super) fn request() -> StartRun {
    StartRun {
        key: WorkflowKey {
            namespace: "default".into(),
            workflow_id: "order-1".into(),
        },
        run_id: RunId::new(uuid::Uuid::from_u128(1)),
        workflow_type: "Order".into(),
        task_queue: "orders".into(),
        input: None,
        header: None,
        memo: None,
        search_attributes: None,
        identity: "client".into(),
        request_id: "request-1".into(),
        execution_timeout: None,
        run_timeout: None,
        task_timeout: None,
        retry_policy: None,
        cron_schedule: String::new(),
        start_delay: None,
        user_metadata: None,
        priority: None,
        parent: None,
        digest: Digest::of(b"code"),
        component_name: "orders".into(),
        component_version: "v1".into(),
    }
}

/// A run with the history that was taken out of it so far.
struct Story {
    run: Run,
    history: Vec<HistoryEvent>,
}

impl Story {
    fn begin(request: StartRun) -> Self {
        Self {
            run: Run::start(request, START, &Limits::default()),
            history: Vec::new(),
        }
    }

    /// A started run whose first task issued these commands.
    fn with(commands: Vec<Command>) -> Self {
        let mut story = Self::begin(request());
        story.task(START, commands).unwrap();
        story
    }

    fn task(
        &mut self,
        now: Timestamp,
        commands: Vec<Command>,
    ) -> Result<Vec<HistoryEvent>, TaskRefused> {
        let task = self.run.begin_task(now);
        self.run
            .complete_task(now, &task, commands, &TaskMeta::default())
    }

    /// Commits: takes the change out, keeps its events, and goes on with the run
    /// as a restart would read it back.
    fn commit(&mut self) -> RunChange {
        let change = self.run.take_change().expect("something changed");
        if let Some(batch) = &change.events {
            self.history.extend(history::decode(batch).unwrap());
        }
        change
    }

    fn kinds(&mut self) -> Vec<EventType> {
        if self.run.has_staged() {
            self.commit();
        }
        self.history.iter().map(HistoryEvent::event_type).collect()
    }

    fn start_attempt(&mut self, now: Timestamp, id: i64) -> ActivityRef {
        let attempt = self.run.start_attempt(now, id, "worker", 7).unwrap();
        ActivityRef::Token {
            scheduled_event_id: id,
            attempt: attempt.attempt,
            nonce: 7,
        }
    }
}

fn activity(id: &str) -> Command {
    Command::ScheduleActivity(ScheduleActivity {
        handle: 1,
        activity_type: "Charge".into(),
        activity_id: id.into(),
        task_queue: None,
        input: None,
        header: None,
        schedule_to_close_timeout: None,
        schedule_to_start_timeout: None,
        start_to_close_timeout: Some(Duration::from_secs(60)),
        heartbeat_timeout: None,
        retry_policy: None,
        cancellation: ActivityCancellation::WaitCompleted,
        priority: None,
        metadata: None,
    })
}

fn timer(id: &str, seconds: u64) -> Command {
    Command::StartTimer(StartTimer {
        handle: 1,
        timer_id: id.into(),
        duration: Duration::from_secs(seconds),
        metadata: None,
    })
}

fn complete() -> Command {
    Command::CompleteWorkflow { result: None }
}

fn signal(name: &str) -> SignalInput {
    SignalInput {
        name: name.into(),
        ..SignalInput::default()
    }
}

fn trap() -> TaskFailure {
    TaskFailure {
        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        message: "trapped".into(),
        details: String::new(),
    }
}

fn oops() -> Failure {
    failure::application("oops".into(), "Oops", String::new())
}

use EventType::{
    ActivityTaskCancelRequested, ActivityTaskCanceled, ActivityTaskCompleted,
    ActivityTaskScheduled, ActivityTaskStarted, TimerFired, TimerStarted,
    WorkflowExecutionCompleted, WorkflowExecutionSignaled, WorkflowExecutionStarted,
    WorkflowTaskCompleted, WorkflowTaskFailed, WorkflowTaskScheduled, WorkflowTaskStarted,
};

const FIRST_TASK: [EventType; 4] = [
    WorkflowExecutionStarted,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskCompleted,
];

#[test]
fn a_step_is_what_happened_then_the_task_then_its_commands() {
    let mut story = Story::with(vec![activity("1")]);
    let token = story.start_attempt(at(1), 5);
    story
        .run
        .complete_activity(at(2), &token, None, "worker".into())
        .unwrap();
    story.task(at(2), vec![complete()]).unwrap();
    let mut expected = FIRST_TASK.to_vec();
    expected.extend([
        ActivityTaskScheduled,
        ActivityTaskStarted,
        ActivityTaskCompleted,
        WorkflowTaskScheduled,
        WorkflowTaskStarted,
        WorkflowTaskCompleted,
        WorkflowExecutionCompleted,
    ]);
    assert_eq!(story.kinds(), expected);
    let ids: Vec<i64> = story.history.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=11).collect::<Vec<i64>>());
    assert_eq!(story.run.status(), WorkflowExecutionStatus::Completed);
    assert_eq!(story.run.next_wake(), None);
}

#[test]
fn act_12_retries_leave_no_events_and_the_started_event_names_the_last_attempt() {
    let mut story = Story::with(vec![activity("1")]);
    let token = story.start_attempt(at(1), 5);
    story
        .run
        .fail_activity(at(2), &token, oops(), None, "worker".into())
        .unwrap();
    assert_eq!(story.kinds().len(), 5, "nothing was written");
    assert_eq!(story.run.next_wake(), Some(at(3)));
    story.run.wake(at(3));
    assert_eq!(story.run.take_queued().len(), 1);
    let token = story.start_attempt(at(3), 5);
    story
        .run
        .complete_activity(at(4), &token, None, "worker".into())
        .unwrap();
    story.commit();
    let started = story
        .history
        .iter()
        .find_map(|event| match &event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(started)) => Some(started.clone()),
            _ => None,
        });
    let started = started.unwrap();
    assert_eq!(started.attempt, 2);
    assert_eq!(started.last_failure.unwrap().message, "oops");
}

#[test]
fn a_token_that_was_given_up_is_stale_and_an_unknown_activity_is_not_found() {
    let mut story = Story::with(vec![activity("1")]);
    let token = story.start_attempt(at(0), 5);
    story.run.wake(at(60));
    let stale = story
        .run
        .complete_activity(at(61), &token, None, String::new());
    assert!(
        matches!(stale, Err(InputError::StaleAttempt { .. })),
        "{stale:?}"
    );
    let unknown = ActivityRef::Id("2".into());
    let unknown = story.run.heartbeat(at(61), &unknown, None);
    assert!(matches!(unknown, Err(InputError::ActivityNotFound(_))));
}

#[test]
fn act_15_by_id_even_a_waiting_activity_can_be_completed_but_not_failed() {
    let mut story = Story::with(vec![activity("1")]);
    let by_id = ActivityRef::Id("1".into());
    let failed = story
        .run
        .fail_activity(at(1), &by_id, oops(), None, String::new());
    assert!(matches!(failed, Err(InputError::ActivityNotStarted(_))));
    story
        .run
        .complete_activity(at(1), &by_id, None, "elsewhere".into())
        .unwrap();
    assert_eq!(
        story.kinds()[4..],
        [
            ActivityTaskScheduled,
            ActivityTaskStarted,
            ActivityTaskCompleted
        ]
    );
}

#[test]
fn act_13_a_cancel_closes_a_waiting_activity_at_once_and_tells_a_running_one() {
    let cancel = || Command::RequestCancelActivity {
        handle: 1,
        activity_id: "1".into(),
        scheduled_event_id: Some(5),
    };
    let mut waiting = Story::with(vec![activity("1")]);
    waiting.run.signal(at(1), signal("stop")).unwrap();
    waiting.task(at(1), vec![cancel()]).unwrap();
    assert!(
        waiting
            .kinds()
            .ends_with(&[ActivityTaskCancelRequested, ActivityTaskCanceled])
    );
    assert!(waiting.run.owes_task(), "the code hears of it");

    let mut running = Story::with(vec![activity("1")]);
    let token = running.start_attempt(at(0), 5);
    let early = running
        .run
        .cancel_activity(at(1), &token, None, String::new());
    assert!(matches!(early, Err(InputError::CancelNotRequested(_))));
    running.run.signal(at(1), signal("stop")).unwrap();
    running.task(at(1), vec![cancel()]).unwrap();
    let reply = running.run.heartbeat(at(2), &token, None).unwrap();
    assert!(reply.cancel_requested);
    running
        .run
        .cancel_activity(at(3), &token, None, String::new())
        .unwrap();
    assert!(
        running
            .kinds()
            .ends_with(&[ActivityTaskStarted, ActivityTaskCanceled])
    );
}

#[test]
fn tim_01_timers_fire_in_the_order_in_which_they_are_due() {
    let mut story = Story::with(vec![timer("a", 9), timer("b", 5), timer("c", 5)]);
    assert_eq!(story.run.next_wake(), Some(at(5)));
    story.run.wake(at(4));
    assert!(!story.run.owes_task(), "woken early: nothing");
    story.run.wake(at(10));
    story.commit();
    let fired: Vec<String> = story
        .history
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::TimerFiredEventAttributes(fired)) => Some(fired.timer_id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(fired, ["b", "c", "a"]);
    assert!(story.run.owes_task());
    assert_eq!(story.run.next_wake(), Some(Timestamp::EPOCH));
}

#[test]
fn msg_03_a_run_does_not_close_over_a_message_that_it_has_not_seen() {
    let mut story = Story::begin(request());
    let task = story.run.begin_task(START);
    story.run.signal(at(1), signal("wait")).unwrap();
    let refused = story
        .run
        .complete_task(at(2), &task, vec![complete()], &TaskMeta::default());
    assert_eq!(refused, Err(TaskRefused::UnhandledMessages));
    assert!(story.run.owes_task());
    assert_eq!(
        story.run.batch().unwrap().len(),
        1,
        "the signal is in the next batch"
    );
    story.task(at(2), vec![complete()]).unwrap();
    assert_eq!(
        story.kinds()[1..],
        [
            WorkflowTaskScheduled,
            WorkflowTaskStarted,
            WorkflowExecutionSignaled,
            WorkflowTaskFailed,
            WorkflowTaskScheduled,
            WorkflowTaskStarted,
            WorkflowTaskCompleted,
            WorkflowExecutionCompleted,
        ]
    );
}

#[test]
fn wf_03_only_the_first_failure_is_written_and_the_wait_doubles() {
    let mut story = Story::begin(request());
    story.run.begin_task(START);
    story.run.fail_task(START, trap());
    assert_eq!(story.kinds().len(), 4);
    assert!(!story.run.owes_task());
    let mut now = START;
    for (attempt, wait) in [(2, 1), (3, 2), (4, 4)] {
        let blocked = story.run.blocked().unwrap();
        assert_eq!(blocked.attempt, attempt);
        assert_eq!(blocked.retry_at, now + Duration::from_secs(wait));
        now = blocked.retry_at;
        story.run.wake(now);
        assert!(story.run.owes_task());
        let task = story.run.begin_task(now);
        assert!(task.unwritten);
        story.run.fail_task(now, trap());
    }
    assert_eq!(story.kinds().len(), 4, "nothing more was written");
    for _ in 0..20 {
        now = story.run.blocked().unwrap().retry_at;
        story.run.wake(now);
        story.run.fail_task(now, trap());
    }
    let longest = story.run.blocked().unwrap().retry_at.since(now);
    assert_eq!(longest, Duration::from_secs(600));
    story.run.wake(now + longest);
    story.task(now + longest, vec![timer("1", 1)]).unwrap();
    assert!(story.run.blocked().is_none());
    assert!(story.kinds().ends_with(&[
        WorkflowTaskScheduled,
        WorkflowTaskStarted,
        WorkflowTaskCompleted,
        TimerStarted
    ]));
}

#[test]
fn a_retry_whose_batch_has_grown_is_done_again() {
    let mut story = Story::begin(request());
    story.run.begin_task(START);
    story.run.fail_task(START, trap());
    story.run.wake(at(1));
    let task = story.run.begin_task(at(1));
    story.run.signal(at(2), signal("more")).unwrap();
    let refused = story
        .run
        .complete_task(at(2), &task, vec![complete()], &TaskMeta::default());
    assert_eq!(refused, Err(TaskRefused::BatchChanged));
    story.task(at(2), vec![complete()]).unwrap();
    assert!(!story.run.is_open());
}

#[test]
fn lif_06_and_07_timeouts_close_the_run_and_everything_in_it() {
    let mut story = Story::begin(StartRun {
        execution_timeout: Some(Duration::from_secs(10)),
        run_timeout: Some(Duration::from_secs(60)),
        ..request()
    });
    story
        .task(START, vec![activity("1"), timer("2", 100)])
        .unwrap();
    let first = story.commit();
    assert_eq!((first.activities.len(), first.timers.len()), (1, 1));
    assert_eq!(story.run.next_wake(), Some(at(10)), "the shorter one holds");
    story.run.wake(at(10));
    let change = story.commit();
    assert_eq!(change.closed_activities, [5]);
    assert_eq!(change.closed_timers, [6]);
    assert_eq!(change.row.status, WorkflowExecutionStatus::TimedOut);
    assert_eq!(change.row.wake_at, None);
    let visibility = change.visibility.unwrap();
    assert_eq!(visibility.close_time, Some(at(10)));
    assert_eq!(visibility.history_length, 7);
}

#[test]
fn lif_11_and_12_a_closed_run_takes_no_input() {
    let mut story = Story::with(vec![]);
    let cancel = |story: &mut Story| story.run.request_cancel(at(1), "why".into(), "who".into());
    cancel(&mut story).unwrap();
    cancel(&mut story).unwrap();
    assert_eq!(story.kinds().len(), 5, "one event for two requests");
    story
        .run
        .terminate(at(2), "enough".into(), None, "who".into())
        .unwrap();
    assert_eq!(
        story.run.signal(at(3), signal("s")),
        Err(InputError::RunClosed)
    );
    assert_eq!(cancel(&mut story), Err(InputError::RunClosed));
    assert!(!story.run.owes_task());
}

#[test]
fn the_clock_of_a_history_never_goes_back() {
    let mut story = Story::with(vec![]);
    story.run.signal(at(5), signal("a")).unwrap();
    story.run.signal(at(3), signal("b")).unwrap();
    story.commit();
    let times: Vec<Timestamp> = story.history.iter().map(history::event_time).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let mut story = Story::with(vec![activity("1"), timer("2", 30)]);
    let token = story.start_attempt(at(1), 5);
    let change = story.commit();
    let image = RunImage {
        row: change.row,
        activities: change.activities,
        timers: change.timers,
        children: change.children,
        outbox: change.outbox,
    };
    let mut loaded = Run::load(image, &Limits::default()).unwrap();
    assert_eq!(loaded.next_wake(), story.run.next_wake());
    assert_eq!(loaded.last_event_id(), story.run.last_event_id());
    assert_eq!(loaded.pending_activities(), story.run.pending_activities());
    assert_eq!(loaded.component(), ("orders", "v1"));
    loaded
        .complete_activity(at(2), &token, None, "worker".into())
        .unwrap();
    assert_eq!(
        loaded.batch().map(|batch| batch.len()),
        Some(1),
        "nothing waited when it was stored: the batch is known"
    );
    let change = loaded.take_change().unwrap();
    assert_eq!(change.row.version, 2);
    assert_eq!(change.closed_activities, [5]);
    let next = Run::load(
        RunImage {
            row: change.row,
            activities: Vec::new(),
            timers: Vec::new(),
            children: Vec::new(),
            outbox: Vec::new(),
        },
        &Limits::default(),
    );
    assert_eq!(next.unwrap().batch(), None, "history has the batch");
}

#[test]
fn a_damaged_row_is_named_and_no_panic() {
    let mut story = Story::with(vec![activity("1")]);
    let change = story.commit();
    let mut row = change.row.clone();
    row.state = vec![0xFF, 0xFF];
    let image = |row, activities| RunImage {
        row,
        activities,
        timers: Vec::new(),
        children: Vec::new(),
        outbox: Vec::new(),
    };
    let broken = Run::load(image(row, Vec::new()), &Limits::default());
    assert!(broken.unwrap_err().to_string().contains("damaged"));
    let mut activities = change.activities;
    activities[0].state = vec![0xFF];
    assert!(Run::load(image(change.row, activities), &Limits::default()).is_err());
}

#[test]
fn lim_01_a_history_at_its_limit_takes_no_more_messages() {
    let limits = Limits {
        history_events: 6,
        ..Limits::default()
    };
    let mut run = Run::start(request(), START, &limits);
    let mut taken = 0;
    let refused = loop {
        match run.signal(at(1), signal("s")) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(taken, 5);
    assert!(
        refused.to_string().contains("limit history-events"),
        "{refused}"
    );
    assert!(
        run.terminate(at(2), String::new(), None, String::new())
            .is_ok()
    );
}

#[test]
fn retries_end_with_their_reason_in_the_history() {
    let mut story = Story::with(vec![activity("1")]);
    let token = story.start_attempt(at(1), 5);
    let declined = Failure {
        failure_info: Some(
            temporalio_protos::temporal::api::failure::v1::failure::FailureInfo::ApplicationFailureInfo(
                temporalio_protos::temporal::api::failure::v1::ApplicationFailureInfo {
                    non_retryable: true,
                    ..Default::default()
                },
            ),
        ),
        ..oops()
    };
    story
        .run
        .fail_activity(at(2), &token, declined, None, "worker".into())
        .unwrap();
    story.commit();
    let failed = story
        .history
        .iter()
        .find_map(|event| match &event.attributes {
            Some(Attributes::ActivityTaskFailedEventAttributes(failed)) => {
                Some(failed.retry_state())
            }
            _ => None,
        });
    assert_eq!(failed, Some(RetryState::NonRetryableFailure));
    assert!(!story.kinds().contains(&TimerFired));
}
