//! Chains, run by run: what closes, what follows, and what is carried on.

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{Header, Memo, Payload, Payloads, RetryPolicy};
use temporalio_protos::temporal::api::enums::v1::{ContinueAsNewInitiator, EventType, RetryState};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::tests::request;
use super::*;
use crate::failure;
use crate::guest::{Command, ComponentRef, ContinueAsNew, VersioningIntent};
use crate::history;
use crate::session::RunFacts;
use crate::time::wire_duration;

/// 2026-03-02T10:00:00Z, a Monday.
const START: Timestamp = Timestamp::from_nanos(1_772_445_600_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn text(text: &str) -> Option<Payloads> {
    let payload = Payload {
        data: text.as_bytes().to_vec(),
        ..Payload::default()
    };
    Some(Payloads {
        payloads: vec![payload],
    })
}

fn oops() -> Failure {
    failure::application("oops".into(), "Oops", String::new())
}

/// The latest run of a chain.
struct Chain {
    run: Run,
    facts: RunFacts,
}

impl Chain {
    fn begin(request: StartRun) -> Self {
        let run = Run::start(request, START, &Limits::default());
        let mut chain = Self {
            facts: run.new_run_facts().unwrap(),
            run,
        };
        chain.commit();
        chain
    }

    fn commit(&mut self) -> RunChange {
        self.run.take_change().expect("something changed")
    }

    fn started(&self) -> &WorkflowExecutionStartedEventAttributes {
        &self.facts.started
    }

    fn end(&mut self, now: Timestamp, command: Command) -> HistoryEvent {
        let task = self.run.begin_task(now);
        let meta = TaskMeta::default();
        let events = self.run.complete_task(now, &task, vec![command], &meta);
        events.unwrap().pop().unwrap()
    }

    /// Goes on with the successor; gives the change of the run that closed.
    fn follow(&mut self) -> RunChange {
        let component = ComponentRef {
            digest: self.run.digest(),
            name: "orders".into(),
            version: "v1".into(),
        };
        let next = self.run.begin_successor(&self.facts, component);
        let next = next.expect("it has a successor");
        let closed = self.commit();
        self.facts = next.new_run_facts().unwrap();
        self.run = next;
        self.commit();
        closed
    }
}

fn continuation() -> ContinueAsNew {
    ContinueAsNew {
        workflow_type: "Order".into(),
        task_queue: "orders".into(),
        input: text("next"),
        header: None,
        run_timeout: None,
        task_timeout: None,
        retry_policy: None,
        memo: None,
        search_attributes: None,
        versioning: VersioningIntent::Unspecified,
        backoff: None,
        component: None,
    }
}

fn policy(maximum_attempts: i32) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        initial_interval: Some(wire_duration(Duration::from_secs(10))),
        maximum_attempts,
        non_retryable_error_types: vec!["Final".into()],
        ..RetryPolicy::default()
    })
}

fn fail() -> Command {
    Command::FailWorkflow { failure: oops() }
}

fn new_run_id(event: &HistoryEvent) -> (RetryState, String) {
    match event.attributes.clone().unwrap() {
        Attributes::WorkflowExecutionFailedEventAttributes(a) => {
            (a.retry_state(), a.new_execution_run_id)
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(a) => {
            (a.retry_state(), a.new_execution_run_id)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wf_13_a_successor_begins_with_what_its_run_began_with_and_the_new_input() {
    let memo = Memo {
        fields: [("note".to_owned(), Payload::default())].into(),
    };
    let header = Header {
        fields: [("trace".to_owned(), Payload::default())].into(),
    };
    let mut chain = Chain::begin(StartRun {
        execution_timeout: Some(Duration::from_secs(600)),
        memo: Some(memo.clone()),
        header: Some(header.clone()),
        ..request()
    });
    let (first, deadline) = (chain.run.run_id(), chain.run.deadlines().1);
    let mut asked = continuation();
    asked.header = Some(header.clone());
    let close = chain.end(at(5), Command::ContinueAsNew(Box::new(asked)));
    assert_eq!(
        close.event_type(),
        EventType::WorkflowExecutionContinuedAsNew
    );
    let closed = chain.follow();
    assert_eq!(closed.row.status, WorkflowExecutionStatus::ContinuedAsNew);
    let started = chain.started();
    assert_eq!(started.input, text("next"));
    assert_eq!(started.memo, Some(memo));
    assert_eq!(started.header, Some(header));
    assert_eq!(started.continued_execution_run_id, first.to_string());
    assert_eq!(started.first_execution_run_id, first.to_string());
    assert_eq!(started.initiator(), ContinueAsNewInitiator::Workflow);
    assert_eq!(started.attempt, 1);
    assert_eq!(chain.run.first_run_id(), first);
    assert_eq!(chain.run.deadlines().1, deadline);
    assert_eq!(chain.run.start_request_id(), "request-1");
    assert_eq!(chain.run.start_time(), at(5));
    assert!(chain.run.owes_task());
    assert_ne!(chain.run.run_id(), first);
}

#[test]
fn wf_13_a_successor_may_change_type_queue_timeouts_policy_and_memo() {
    let mut chain = Chain::begin(request());
    let asked = ContinueAsNew {
        workflow_type: "Invoice".into(),
        task_queue: "invoices".into(),
        run_timeout: Some(Duration::from_secs(60)),
        task_timeout: Some(Duration::from_secs(7)),
        retry_policy: policy(3),
        memo: Some(Memo::default()),
        backoff: Some(Duration::from_secs(30)),
        ..continuation()
    };
    chain.end(at(5), Command::ContinueAsNew(Box::new(asked)));
    chain.follow();
    let run = &chain.run;
    assert_eq!(run.workflow_type().as_str(), "Invoice");
    assert_eq!(run.task_queue().as_str(), "invoices");
    assert_eq!(run.timeouts().2, Duration::from_secs(7));
    assert_eq!(run.deadlines().0, Some(at(5 + 30 + 60)));
    assert_eq!(run.next_wake(), Some(at(35)));
    assert_eq!(chain.started().memo, Some(Memo::default()));
    assert!(chain.started().retry_policy.is_some());
}

#[test]
fn msg_03_a_run_does_not_continue_over_messages_that_it_has_not_seen() {
    let mut chain = Chain::begin(request());
    let task = chain.run.begin_task(at(1));
    chain.run.signal(at(1), SignalInput::default()).unwrap();
    let commands = vec![Command::ContinueAsNew(Box::new(continuation()))];
    let refused = chain
        .run
        .complete_task(at(1), &task, commands, &TaskMeta::default());
    assert_eq!(refused, Err(TaskRefused::UnhandledMessages));
    assert!(chain.run.is_open());
    assert_eq!(chain.run.successor_code(), None);
}

#[test]
fn lif_09_a_failed_run_is_tried_again_after_its_backoff_until_the_attempts_are_used_up() {
    let mut chain = Chain::begin(StartRun {
        retry_policy: policy(3),
        ..request()
    });
    let first = chain.run.run_id();
    let mut now = at(1);
    for (attempt, wait) in [(2, 10), (3, 20)] {
        let close = chain.end(now, fail());
        assert_eq!(new_run_id(&close).0, RetryState::InProgress);
        let closed = chain.follow();
        assert_eq!(closed.row.status, WorkflowExecutionStatus::Failed);
        assert_eq!(new_run_id(&close).1, chain.run.run_id().to_string());
        let started = chain.started();
        assert_eq!(started.attempt, attempt);
        assert_eq!(started.continued_failure, Some(oops()));
        assert_eq!(started.initiator(), ContinueAsNewInitiator::Retry);
        assert_eq!(chain.run.first_run_id(), first);
        assert!(!chain.run.owes_task(), "the backoff has just begun");
        now = now + Duration::from_secs(wait);
        assert_eq!(chain.run.next_wake(), Some(now));
        chain.run.wake(now - Duration::from_nanos(1));
        assert!(!chain.run.owes_task());
        chain.run.wake(now);
        assert!(chain.run.owes_task());
    }
    let close = chain.end(now, fail());
    let last = (RetryState::MaximumAttemptsReached, String::new());
    assert_eq!(new_run_id(&close), last);
    assert_eq!(chain.run.successor_code(), None);
}

#[test]
fn lif_09_some_failures_and_a_cancelled_run_are_not_tried_again() {
    let retried = || {
        Chain::begin(StartRun {
            retry_policy: policy(0),
            ..request()
        })
    };
    let failure = failure::application("no".into(), "Final", String::new());
    let close = retried().end(at(1), Command::FailWorkflow { failure });
    assert_eq!(new_run_id(&close).0, RetryState::NonRetryableFailure);
    let mut cancelled = retried();
    let (why, who) = ("why".to_owned(), "who".to_owned());
    cancelled.run.request_cancel(at(1), why, who).unwrap();
    let close = cancelled.end(at(1), fail());
    assert_eq!(new_run_id(&close).0, RetryState::CancelRequested);
    let close = Chain::begin(request()).end(at(1), fail());
    assert_eq!(new_run_id(&close).0, RetryState::RetryPolicyNotSet);
}

#[test]
fn lif_06_and_07_a_run_timeout_is_tried_again_and_the_execution_timeout_ends_the_chain() {
    let mut chain = Chain::begin(StartRun {
        retry_policy: policy(0),
        run_timeout: Some(Duration::from_secs(20)),
        execution_timeout: Some(Duration::from_secs(45)),
        ..request()
    });
    chain.run.wake(at(20));
    assert!(chain.run.successor_code().is_some());
    let closed = chain.follow();
    assert_eq!(closed.row.status, WorkflowExecutionStatus::TimedOut);
    assert_eq!(chain.started().attempt, 2);
    // 10 s of backoff do not count against the run's own time, the chain's do.
    assert_eq!(chain.run.deadlines(), (Some(at(45)), Some(at(45))));
    chain.run.wake(at(45));
    assert_eq!(chain.run.status(), WorkflowExecutionStatus::TimedOut);
    assert_eq!(chain.run.successor_code(), None);
    let mut short = Chain::begin(StartRun {
        retry_policy: policy(0),
        execution_timeout: Some(Duration::from_secs(10)),
        ..request()
    });
    let close = short.end(at(1), fail());
    assert_eq!(new_run_id(&close), (RetryState::Timeout, String::new()));
}

fn cron(schedule: &str) -> StartRun {
    StartRun {
        cron_schedule: schedule.into(),
        ..request()
    }
}

#[test]
fn tim_03_the_runs_of_a_cron_schedule_hand_on_result_and_failure() {
    let mut chain = Chain::begin(cron("*/10 * * * *"));
    assert_eq!(chain.run.next_wake(), Some(at(600)));
    assert_eq!(chain.run.execution_time(), at(600));
    chain.run.wake(at(600));
    let result = text("first");
    chain.end(at(605), Command::CompleteWorkflow { result });
    let closed = chain.follow();
    assert_eq!(closed.row.status, WorkflowExecutionStatus::Completed);
    assert_eq!(chain.started().last_completion_result, text("first"));
    assert_eq!(chain.run.next_wake(), Some(at(1_200)));
    // WF-19: a failure keeps the last result, a success forgets the failure.
    chain.run.wake(at(1_200));
    chain.end(at(2_000), fail());
    chain.follow();
    assert_eq!(chain.started().continued_failure, Some(oops()));
    assert_eq!(chain.started().last_completion_result, text("first"));
    // The ticks at 1,800 s passed while it ran.
    assert_eq!(chain.run.next_wake(), Some(at(2_400)));
    chain.run.wake(at(2_400));
    chain.end(at(2_401), Command::CompleteWorkflow { result: None });
    chain.follow();
    assert_eq!(chain.started().continued_failure, None);
    assert_eq!(chain.started().last_completion_result, None);
    let details = None;
    chain.run.wake(at(3_000));
    chain.end(at(3_001), Command::CancelWorkflow { details });
    assert_eq!(chain.run.successor_code(), None);
}

#[test]
fn tim_03_retries_come_before_the_next_tick() {
    let mut chain = Chain::begin(StartRun {
        retry_policy: policy(2),
        ..cron("0 * * * *")
    });
    chain.run.wake(at(3_600));
    chain.end(at(3_601), fail());
    chain.follow();
    assert_eq!(chain.started().attempt, 2);
    assert_eq!(chain.run.next_wake(), Some(at(3_611)));
    chain.run.wake(at(3_611));
    chain.end(at(3_612), fail());
    chain.follow();
    assert_eq!(chain.started().attempt, 1);
    assert_eq!(chain.run.next_wake(), Some(at(7_200)));
}

fn delayed() -> Chain {
    Chain::begin(StartRun {
        start_delay: Some(Duration::from_secs(60)),
        execution_timeout: Some(Duration::from_secs(100)),
        run_timeout: Some(Duration::from_secs(50)),
        ..request()
    })
}

#[test]
fn tim_02_a_delayed_run_waits_and_has_its_whole_time_afterwards() {
    let mut chain = delayed();
    assert_eq!(chain.run.execution_time(), at(60));
    assert_eq!(chain.run.deadlines(), (Some(at(110)), Some(at(160))));
    assert!(!chain.run.owes_task());
    assert_eq!(chain.run.next_wake(), Some(at(60)));
    chain.run.wake(at(60));
    assert!(chain.run.owes_task());
    assert_eq!(chain.run.next_wake(), Some(Timestamp::EPOCH));
}

#[test]
fn tim_02_a_signal_or_a_cancel_begins_a_delayed_run_early_but_no_signal_of_its_start() {
    let mut signalled = delayed();
    signalled.run.signal(at(5), SignalInput::default()).unwrap();
    assert!(signalled.run.owes_task());
    let mut cancelled = delayed();
    let (why, who) = ("why".to_owned(), "who".to_owned());
    cancelled.run.request_cancel(at(5), why, who).unwrap();
    assert!(cancelled.run.owes_task());
    let mut started_by_signal = Run::start(
        StartRun {
            start_delay: Some(Duration::from_secs(60)),
            ..request()
        },
        START,
        &Limits::default(),
    );
    started_by_signal
        .signal(START, SignalInput::default())
        .unwrap();
    assert!(!started_by_signal.owes_task());
}

#[test]
fn tim_03_a_signal_during_a_backoff_is_recorded_and_waits_with_it() {
    let mut chain = Chain::begin(cron("@every 1h"));
    chain.run.signal(at(5), SignalInput::default()).unwrap();
    assert!(!chain.run.owes_task());
    let change = chain.commit();
    let events = history::decode(&change.events.unwrap()).unwrap();
    assert_eq!(events[0].event_type(), EventType::WorkflowExecutionSignaled);
    chain.run.wake(at(3_600));
    assert_eq!(chain.run.batch().unwrap().len(), 1);
}

#[test]
fn the_id_of_a_successor_is_the_same_for_the_same_close_and_sorts_behind_its_run() {
    let run_id = RunId::new(uuid::Uuid::from_u128(1));
    assert_eq!(run_id.successor(at(5)), run_id.successor(at(5)));
    assert!(run_id.successor(at(5)) > run_id);
    assert!(run_id.successor(at(5)).successor(at(9)) > run_id.successor(at(5)));
}
