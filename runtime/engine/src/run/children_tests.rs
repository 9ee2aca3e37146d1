//! What a run sends to others: which letters leave with which events, and what the
//! answers become.

use temporalio_protos::temporal::api::enums::v1::{
    EventType, ParentClosePolicy, SignalExternalWorkflowExecutionFailedCause as SignalCause,
    StartChildWorkflowExecutionFailedCause as StartCause, WorkflowExecutionStatus,
    WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::tests::request;
use super::*;
use crate::guest::{ChildCancellation, Command, ExternalTarget, SignalExternal, StartChild};
use crate::letter::{Answer, Body, ChildClosedLetter, Letter};
use crate::transition::{LetterStage, RunChange};

const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

fn child(handle: u64, policy: ParentClosePolicy) -> Command {
    Command::StartChild(Box::new(StartChild {
        handle,
        namespace: String::new(),
        workflow_id: format!("child-{handle}"),
        workflow_type: "Child".into(),
        task_queue: None,
        input: None,
        header: None,
        execution_timeout: None,
        run_timeout: None,
        task_timeout: None,
        parent_close_policy: policy,
        reuse_policy: WorkflowIdReusePolicy::Unspecified,
        cancellation: ChildCancellation::WaitCompleted,
        retry_policy: None,
        cron_schedule: String::new(),
        memo: None,
        search_attributes: None,
        current_version: false,
        version: String::new(),
        priority: None,
        metadata: None,
    }))
}

fn signal(target: ExternalTarget) -> Command {
    Command::SignalExternal(SignalExternal {
        handle: 9,
        target,
        name: "go".into(),
        input: None,
        header: None,
    })
}

fn to_child(handle: u64) -> ExternalTarget {
    ExternalTarget::Child {
        workflow_id: format!("child-{handle}"),
        initiated_event_id: None,
    }
}

fn to(namespace: &str, workflow_id: &str) -> ExternalTarget {
    ExternalTarget::Execution {
        namespace: namespace.into(),
        workflow_id: workflow_id.into(),
        run_id: String::new(),
    }
}

fn other_run() -> RunId {
    RunId::new(uuid::Uuid::from_u128(77))
}

/// The answer of whoever got this letter.
fn answer(run: &mut Run, event_id: i64, outcome: Result<RunId, i32>) {
    let letter = run
        .sent
        .get(&event_id)
        .map(|row| Letter::read(row).unwrap());
    let question = letter.unwrap_or_default();
    run.letter_answered(NOW, event_id, &Answer::new(&question, outcome));
}

fn task(run: &mut Run, commands: Vec<Command>) -> RunChange {
    let task = run.begin_task(NOW);
    run.complete_task(NOW, &task, commands, &TaskMeta::default())
        .expect("a task is taken");
    run.take_change().expect("a task changes the run")
}

fn begun(commands: Vec<Command>) -> (Run, RunChange) {
    let mut run = Run::start(request(), NOW, &Limits::default());
    let change = task(&mut run, commands);
    (run, change)
}

/// The events of a change, without those of workflow tasks.
fn kinds(change: &RunChange) -> Vec<EventType> {
    let batch = change.events.as_ref().expect("events");
    let events = crate::history::decode(batch).expect("they are our own");
    let kinds = events.iter().map(HistoryEvent::event_type);
    kinds
        .filter(|kind| !kind.as_str_name().contains("WORKFLOW_TASK"))
        .collect()
}

fn stages(change: &RunChange) -> Vec<(i64, LetterStage)> {
    let rows = change.outbox.iter();
    rows.map(|row| (row.event_id, row.stage)).collect()
}

/// Through its rows and back, as a restart does it.
fn reloaded(run: &Run, change: RunChange) -> Run {
    assert_eq!(run.run_id(), change.row.run_id);
    let image = RunImage {
        row: change.row,
        activities: change.activities,
        timers: change.timers,
        children: change.children,
        outbox: change.outbox,
    };
    Run::load(image, &Limits::default()).expect("rows of our own")
}

#[test]
fn wf_10_a_child_is_asked_for_by_a_letter_and_its_start_is_an_event() {
    let (run, change) = begun(vec![child(1, ParentClosePolicy::Unspecified)]);
    assert_eq!(stages(&change), [(5, LetterStage::Sent)]);
    assert_eq!(change.outbox[0].to.workflow_id.as_str(), "child-1");
    let letter = Letter::read(&change.outbox[0]).unwrap();
    let Some(Body::StartChild(asked)) = letter.body else {
        panic!("it asks for a child");
    };
    assert_eq!(asked.root_workflow_id, "order-1");
    let mut run = reloaded(&run, change);
    assert_eq!(run.pending_operations(), 2, "the child and the letter");
    answer(&mut run, 5, Ok(other_run()));
    let change = run.take_change().unwrap();
    assert_eq!(kinds(&change), [EventType::ChildWorkflowExecutionStarted]);
    assert_eq!(change.delivered, [5]);
    assert!(run.owes_task(), "the code is told");
    assert_eq!(run.pending_children()[0].run_id, Some(other_run()));
    answer(&mut run, 5, Ok(other_run()));
    assert!(
        run.take_change().is_none(),
        "a repeated answer changes nothing"
    );
}

#[test]
fn wf_10_what_was_held_for_a_child_goes_out_with_its_start_or_fails_with_it() {
    let commands = || vec![child(1, ParentClosePolicy::Abandon), signal(to_child(1))];
    let (mut run, change) = begun(commands());
    assert_eq!(
        stages(&change),
        [(5, LetterStage::Sent), (6, LetterStage::Held)]
    );
    answer(&mut run, 5, Ok(other_run()));
    let change = run.take_change().unwrap();
    assert_eq!(stages(&change), [(6, LetterStage::Sent)]);

    let (run, change) = begun(commands());
    let mut run = reloaded(&run, change);
    answer(&mut run, 5, Err(StartCause::WorkflowAlreadyExists as i32));
    let change = run.take_change().unwrap();
    assert_eq!(
        kinds(&change),
        [
            EventType::StartChildWorkflowExecutionFailed,
            EventType::SignalExternalWorkflowExecutionFailed
        ]
    );
    assert_eq!(change.delivered, [5, 6]);
    assert_eq!(change.closed_children, [5]);
    assert_eq!(run.pending_operations(), 0);
}

#[test]
fn wf_10_a_child_that_closes_before_its_start_is_known_has_started_all_the_same() {
    let (mut run, _) = begun(vec![child(1, ParentClosePolicy::Unspecified)]);
    let close = crate::history::event(
        9,
        NOW,
        Attributes::WorkflowExecutionCompletedEventAttributes(Default::default()),
    );
    let letter = ChildClosedLetter {
        parent_run_id: run.run_id().as_bytes().to_vec(),
        initiated_event_id: 5,
        workflow_type: "Child".into(),
        first_run_id: other_run().as_bytes().to_vec(),
        close: Some(close),
    };
    run.child_closed(NOW, other_run(), &letter);
    run.child_closed(NOW, other_run(), &letter);
    answer(&mut run, 5, Ok(other_run()));
    let change = run.take_change().unwrap();
    assert_eq!(
        kinds(&change),
        [
            EventType::ChildWorkflowExecutionStarted,
            EventType::ChildWorkflowExecutionCompleted
        ]
    );
    assert_eq!(
        (change.delivered, change.closed_children),
        (vec![5], vec![5])
    );
}

#[test]
fn wf_16_what_leaves_the_namespace_fails_at_once() {
    let mut foreign = child(1, ParentClosePolicy::Unspecified);
    if let Command::StartChild(asked) = &mut foreign {
        asked.namespace = "elsewhere".into();
    }
    let cancel = Command::CancelExternal {
        handle: 3,
        target: to("elsewhere", "x"),
        reason: "why".into(),
    };
    let (mut run, change) = begun(vec![foreign, signal(to("elsewhere", "x")), cancel]);
    assert!(change.outbox.is_empty() && change.children.is_empty());
    let events = crate::history::decode(&change.events.unwrap()).unwrap();
    let causes: Vec<i32> = events
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::StartChildWorkflowExecutionFailedEventAttributes(a)) => Some(a.cause),
            Some(Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(a)) => {
                Some(a.cause)
            }
            Some(Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a)) => {
                Some(a.cause)
            }
            _ => None,
        })
        .collect();
    assert_eq!(causes, [2, 2, 2], "namespace not found");
    assert_eq!(SignalCause::NamespaceNotFound as i32, 2);
    assert!(run.owes_task());
    // They stand between the commands, and replay tells them apart.
    assert_eq!(run.pending_operations(), 0);
    run.terminate(NOW, String::new(), None, String::new())
        .unwrap();
}

#[test]
fn wf_12_a_close_tells_each_child_by_its_policy() {
    let (mut run, _) = begun(vec![
        child(1, ParentClosePolicy::Unspecified),
        child(2, ParentClosePolicy::Abandon),
        child(3, ParentClosePolicy::RequestCancel),
        child(4, ParentClosePolicy::Terminate),
        signal(to("", "somebody")),
    ]);
    for id in [5, 6] {
        answer(&mut run, id, Ok(other_run()));
    }
    run.take_change().unwrap();
    let unsent = child(5, ParentClosePolicy::Terminate);
    let close = Command::CompleteWorkflow { result: None };
    let change = task(&mut run, vec![unsent, close]);
    assert_eq!(run.status(), WorkflowExecutionStatus::Completed);
    assert_eq!(
        stages(&change),
        [
            (5, LetterStage::Closing),
            (7, LetterStage::Closing),
            (8, LetterStage::Closing)
        ],
        "started or not; but not one that nobody has heard of"
    );
    let terminates: Vec<bool> = change
        .outbox
        .iter()
        .filter_map(|row| match Letter::read(row).unwrap().body {
            Some(Body::ParentClosed(letter)) => Some(letter.terminate),
            _ => None,
        })
        .collect();
    assert_eq!(terminates, [true, false, true]);
    assert!(change.delivered.is_empty(), "the signal is on its way");
    assert_eq!(change.closed_children.len(), 5);
}

#[test]
fn wf_10_a_child_tells_its_parent_when_it_closes() {
    let parent = ParentRun {
        workflow_id: "parent".into(),
        run_id: other_run(),
        initiated_event_id: 5,
        root: ("root".into(), RunId::new(uuid::Uuid::from_u128(78))),
    };
    let asked = StartRun {
        parent: Some(parent.clone()),
        ..request()
    };
    let mut run = Run::start(asked, NOW, &Limits::default());
    assert_eq!(run.parent(), Some(parent));
    assert_eq!(run.root().0.as_str(), "root");
    run.terminate(NOW, "why".into(), None, "who".into())
        .unwrap();
    let change = run.take_change().unwrap();
    assert_eq!(stages(&change), [(2, LetterStage::Sent)]);
    assert_eq!(change.outbox[0].to.workflow_id.as_str(), "parent");
    let Some(Body::ChildClosed(letter)) = Letter::read(&change.outbox[0]).unwrap().body else {
        panic!("it tells of the close");
    };
    assert_eq!(letter.initiated_event_id, 5);
    let visibility = change.visibility.unwrap();
    assert_eq!(visibility.parent.unwrap().0.as_str(), "parent");
}
