//! Code that is not the code that recorded a history: the first difference is
//! found and shown, what was recorded beside what the code wants.

mod bench;

use bench::{Bench, limits};
use mainspring_engine::history::event;
use mainspring_engine::replay::{Cutter, Divergence, RecordedTask, compare};
use mainspring_engine::time::Timestamp;
use mainspring_sandbox::Progress;
use mainspring_test_guests::Guest;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::*;

/// What a run of two timers and an activity recorded in its first task.
fn recorded() -> RecordedTask {
    let activity = ActivityTaskScheduledEventAttributes {
        activity_id: "3".to_owned(),
        workflow_task_completed_event_id: 4,
        activity_type: Some("Do".to_owned().into()),
        ..ActivityTaskScheduledEventAttributes::default()
    };
    let timer = |id: &str| TimerStartedEventAttributes {
        timer_id: id.to_owned(),
        workflow_task_completed_event_id: 4,
        ..TimerStartedEventAttributes::default()
    };
    let completed = WorkflowTaskCompletedEventAttributes {
        scheduled_event_id: 2,
        started_event_id: 3,
        ..WorkflowTaskCompletedEventAttributes::default()
    };
    let history = [
        Attributes::WorkflowExecutionStartedEventAttributes(bench::facts().started),
        Attributes::WorkflowTaskScheduledEventAttributes(Default::default()),
        Attributes::WorkflowTaskStartedEventAttributes(Default::default()),
        Attributes::WorkflowTaskCompletedEventAttributes(completed),
        Attributes::TimerStartedEventAttributes(timer("1")),
        Attributes::TimerStartedEventAttributes(timer("2")),
        Attributes::ActivityTaskScheduledEventAttributes(activity),
    ];
    let mut cutter = Cutter::default();
    for (attributes, id) in history.into_iter().zip(1..) {
        let task = cutter.push(event(id, Timestamp::from_nanos(id), attributes));
        assert!(task.expect("the history is whole").is_none());
    }
    cutter.take_complete().expect("one task is complete")
}

/// Replays what was recorded with this code.
async fn replay(run: &str) -> Result<(), Divergence> {
    let bench = Bench::new(limits());
    let mut live = bench.fresh(&Guest::new("Other").run(run)).await;
    let task = recorded();
    live.begin(task.input.clone());
    let end = match live.go_on() {
        Progress::Ended(end) => Some(end),
        Progress::Idle => None,
        other => panic!("{other:?}"),
    };
    let output = live.instance.session().finish_task(end);
    compare(&output.commands, &task.commands, false)
}

const TIMER: &str = "(drop (call $timer (i64.const 1)))";
const ACTIVITY: &str = "(drop (call $activity (i32.const 0)))";
const WAIT: &str = "(drop (call $next))";

#[tokio::test]
async fn the_same_commands_replay() {
    let same = format!("{TIMER} {TIMER} {ACTIVITY} {WAIT}");
    assert_eq!(replay(&same).await, Ok(()));
}

#[tokio::test]
async fn another_command_is_shown_beside_the_recorded_one() {
    let other = format!("{TIMER} {ACTIVITY} {TIMER} {WAIT}");
    let divergence = replay(&other).await.expect_err("it differs");
    assert_eq!(divergence.event_id, Some(6));
    assert_eq!(
        divergence.summary,
        "history has timer (ID 2), the code wants activity Do (ID 2)"
    );
    let expected = [
        ("   event", "history", "code"),
        ("       5", "timer (ID 1)", "timer (ID 1)"),
        (">      6", "timer (ID 2)", "activity Do (ID 2)"),
        ("       7", "activity Do (ID 3)", "timer (ID 3)"),
    ];
    let lines = expected.map(|(event, history, code)| format!("{event}  {history:<48}  {code}\n"));
    assert_eq!(divergence.diff, lines.concat());
}

#[tokio::test]
async fn code_that_wants_less_or_more_is_told_what_history_has() {
    let less = replay(&format!("{TIMER} {TIMER} {WAIT}")).await;
    let less = less.expect_err("the activity is missing");
    assert_eq!(
        less.summary,
        "history has activity Do (ID 3), the code wants nothing more"
    );
    let more = replay(&format!("{TIMER} {TIMER} {ACTIVITY}")).await;
    let more = more.expect_err("it ends where the recorded code waited");
    assert_eq!(
        more.summary,
        "history has nothing more, the code wants completion of the workflow"
    );
    assert_eq!(more.event_id, None);
}
