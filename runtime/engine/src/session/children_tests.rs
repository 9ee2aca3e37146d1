//! The conversation about other runs: what the code asks for, and what it hears.

use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::enums::v1::{
    ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause,
};
use temporalio_protos::temporal::api::history::v1::{
    ChildWorkflowExecutionCompletedEventAttributes, ChildWorkflowExecutionStartedEventAttributes,
    ExternalWorkflowExecutionCancelRequestedEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
};

use super::tests::{begin, session};
use super::*;
use crate::guest::{ChildCancellation, ExternalTarget, Outcome, StartChild};
use crate::history;

fn child(cancellation: ChildCancellation) -> StartChild {
    StartChild {
        handle: 0,
        namespace: String::new(),
        workflow_id: String::new(),
        workflow_type: "Child".into(),
        task_queue: None,
        input: None,
        header: None,
        execution_timeout: None,
        run_timeout: None,
        task_timeout: None,
        parent_close_policy: ParentClosePolicy::Unspecified,
        reuse_policy: WorkflowIdReusePolicy::Unspecified,
        cancellation,
        retry_policy: None,
        cron_schedule: String::new(),
        memo: None,
        search_attributes: None,
        current_version: false,
        version: String::new(),
        priority: None,
        metadata: None,
    }
}

fn signal(target: Result<ExternalTarget, Handle>) -> SignalRequest {
    SignalRequest {
        target,
        name: "go".into(),
        input: None,
        header: None,
    }
}

fn event(id: i64, attributes: Attributes) -> HistoryEvent {
    history::event(id, Timestamp::from_nanos(id), attributes)
}

fn initiated(id: i64) -> HistoryEvent {
    event(
        id,
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(
            StartChildWorkflowExecutionInitiatedEventAttributes::default(),
        ),
    )
}

fn started(id: i64, initiated_event_id: i64) -> HistoryEvent {
    event(
        id,
        Attributes::ChildWorkflowExecutionStartedEventAttributes(
            ChildWorkflowExecutionStartedEventAttributes {
                initiated_event_id,
                workflow_execution: Some(WorkflowExecution {
                    workflow_id: "child".into(),
                    run_id: "run".into(),
                }),
                ..Default::default()
            },
        ),
    )
}

fn completed(id: i64, initiated_event_id: i64) -> HistoryEvent {
    event(
        id,
        Attributes::ChildWorkflowExecutionCompletedEventAttributes(
            ChildWorkflowExecutionCompletedEventAttributes {
                initiated_event_id,
                ..Default::default()
            },
        ),
    )
}

fn cancel_initiated(id: i64) -> HistoryEvent {
    event(
        id,
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(
            RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                child_workflow_only: true,
                ..Default::default()
            },
        ),
    )
}

fn cancel_reached(id: i64, initiated_event_id: i64) -> HistoryEvent {
    event(
        id,
        Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
            ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id,
                ..Default::default()
            },
        ),
    )
}

/// A session whose first task asked for a child, at event 5, and heard that it has
/// started; in its second task.
fn with_started_child(cancellation: ChildCancellation) -> (Session, Handle) {
    let mut session = session();
    begin(&mut session, vec![]);
    let handle = session.start_child(child(cancellation)).unwrap();
    session.finish_task(None);
    session.observe(&[initiated(5)]);
    begin(&mut session, vec![started(6, 5)]);
    let heard = session.next_event();
    let run_id = "run".to_owned();
    assert_eq!(heard, Some(GuestEvent::Started { handle, run_id }));
    (session, handle)
}

fn is_cancelled(event: Option<GuestEvent>, of: Handle) -> bool {
    matches!(
        event,
        Some(GuestEvent::Resolved { handle, outcome: Outcome::Cancelled(_) }) if handle == of
    )
}

#[test]
fn wf_10_a_child_without_an_id_is_named_by_its_run_and_its_handle() {
    let mut session = session();
    begin(&mut session, vec![]);
    session.start_timer(Default::default(), None).unwrap();
    session
        .start_child(child(ChildCancellation::Abandon))
        .unwrap();
    let output = session.finish_task(None);
    let Some(Command::StartChild(asked)) = output.commands.last() else {
        panic!("a child is asked for");
    };
    let run_id = &session.facts().started.original_execution_run_id;
    assert_eq!(asked.workflow_id, format!("{run_id}_2"));
}

#[test]
fn wf_11_each_cancellation_type_resolves_at_its_own_time() {
    use ChildCancellation as C;
    for (kind, told, at_once, when_reached) in [
        (C::Abandon, 0, true, false),
        (C::TryCancel, 1, true, false),
        (C::WaitRequested, 1, false, true),
        (C::WaitCompleted, 1, false, false),
    ] {
        let (mut session, handle) = with_started_child(kind);
        session.cancel(handle, "why").unwrap();
        session.cancel(handle, "again").unwrap();
        assert_eq!(
            is_cancelled(session.next_event(), handle),
            at_once,
            "{kind:?}"
        );
        let commands = session.finish_task(None).commands;
        assert_eq!(commands.len(), told, "{kind:?}");
        if told == 1 {
            session.observe(&[cancel_initiated(9)]);
            begin(&mut session, vec![cancel_reached(10, 9)]);
            let heard = session.next_event();
            assert_eq!(is_cancelled(heard, handle), when_reached, "{kind:?}");
            session.finish_task(None);
        }
        begin(&mut session, vec![completed(12, 5)]);
        let resolves = !at_once && !when_reached;
        assert_eq!(session.next_event().is_some(), resolves, "{kind:?}");
    }
}

#[test]
fn wf_11_a_child_cancelled_in_the_task_that_asks_for_it_is_never_asked_for() {
    let mut session = session();
    begin(&mut session, vec![]);
    let first = session
        .start_child(child(ChildCancellation::TryCancel))
        .unwrap();
    let second = session
        .start_child(child(ChildCancellation::TryCancel))
        .unwrap();
    session.cancel(first, "").unwrap();
    assert!(is_cancelled(session.next_event(), first));
    assert_eq!(session.finish_task(None).commands.len(), 1);
    session.observe(&[initiated(5)]);
    begin(&mut session, vec![started(6, 5)]);
    let run_id = "run".to_owned();
    let heard = GuestEvent::Started {
        handle: second,
        run_id,
    };
    assert_eq!(session.next_event(), Some(heard));
}

#[test]
fn wf_11_a_child_that_was_given_up_is_not_heard_to_start_in_the_same_batch() {
    let mut session = session();
    begin(&mut session, vec![]);
    let handle = session
        .start_child(child(ChildCancellation::Abandon))
        .unwrap();
    session.finish_task(None);
    session.observe(&[initiated(5)]);
    begin(&mut session, vec![started(6, 5)]);
    session.cancel(handle, "").unwrap();
    assert!(is_cancelled(session.next_event(), handle));
    assert_eq!(session.next_event(), None);
}

#[test]
fn wf_16_a_signal_to_a_child_that_has_closed_fails_on_the_spot() {
    let (mut session, child) = with_started_child(ChildCancellation::WaitCompleted);
    session.signal_external(signal(Err(child))).unwrap();
    assert_eq!(session.finish_task(None).commands.len(), 1);
    session.observe(&[event(
        9,
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(
            SignalExternalWorkflowExecutionInitiatedEventAttributes::default(),
        ),
    )]);
    begin(&mut session, vec![completed(10, 5)]);
    session.next_event();
    let late = session.signal_external(signal(Err(child))).unwrap();
    let heard = session.next_event();
    assert!(matches!(
        heard,
        Some(GuestEvent::Resolved { handle, outcome: Outcome::Failed(_) }) if handle == late
    ));
    assert!(session.finish_task(None).commands.is_empty());
}

#[test]
fn bad_children_and_signals_are_faults_that_say_what_is_wrong() {
    let mut session = session();
    begin(&mut session, vec![]);
    let mut nameless = child(ChildCancellation::Abandon);
    nameless.workflow_type = String::new();
    let fault = session.start_child(nameless).unwrap_err();
    assert_eq!(fault.cause, Cause::BadStartChildExecutionAttributes);
    let mut long = child(ChildCancellation::Abandon);
    long.workflow_id = "x".repeat(1_001);
    let fault = session.start_child(long).unwrap_err();
    assert!(fault.message.contains("id-bytes"), "{fault}");
    let fault = session.signal_external(signal(Err(9))).unwrap_err();
    assert!(fault.message.contains("no child workflow"), "{fault}");
    let nobody = ExternalTarget::Execution {
        namespace: String::new(),
        workflow_id: String::new(),
        run_id: String::new(),
    };
    let fault = session.signal_external(signal(Ok(nobody))).unwrap_err();
    assert_eq!(fault.cause, Cause::BadSignalWorkflowExecutionAttributes);
    let odd = ExternalTarget::Execution {
        namespace: String::new(),
        workflow_id: "x".into(),
        run_id: "no uuid".into(),
    };
    let fault = session.cancel_external(odd, String::new()).unwrap_err();
    assert_eq!(
        fault.cause,
        Cause::BadRequestCancelExternalWorkflowExecutionAttributes
    );
}

#[test]
fn an_abandoned_child_counts_among_the_pending_operations_until_it_closes() {
    let limits = Limits {
        pending_operations: 1,
        ..Limits::default()
    };
    let facts = session().facts().clone();
    let mut session = Session::new(facts, &limits);
    begin(&mut session, vec![]);
    let handle = session
        .start_child(child(ChildCancellation::Abandon))
        .unwrap();
    session.cancel(handle, "").unwrap();
    let fault = session
        .start_child(child(ChildCancellation::Abandon))
        .unwrap_err();
    assert_eq!(fault.cause, Cause::PendingChildWorkflowsLimitExceeded);
    assert!(fault.message.contains("pending-operations"), "{fault}");
    session.finish_task(None);
    session.observe(&[initiated(5)]);
    begin(&mut session, vec![completed(8, 5)]);
    assert!(
        session
            .start_child(child(ChildCancellation::Abandon))
            .is_ok()
    );
}
