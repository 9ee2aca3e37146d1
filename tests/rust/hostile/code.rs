//! Workflow code that misbehaves while it runs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mainspring_test_guests::Guest;
use mainspring_tests::{Calls, Ledger, Server, Worker, component_of};
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use tonic::Code;

/// Waits for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);
/// Orders timed before and during the trouble.
const ORDERS: usize = 60;

/// Ways to misbehave: the workflow's name, its code, the words and the cause that
/// its blocked run shows.
const BAD: [(&str, &str, &str, Cause); 9] = [
    (
        "Loop",
        "(loop $on (br $on))",
        "limit event-cpu",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
    (
        "Memory",
        "(call $grow)",
        "limit run-memory-bytes",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
    (
        "Recursion",
        "(drop (call $recurse (i32.const 0)))",
        "limit run-stack-bytes",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
    (
        "Trap",
        "(unreachable)",
        "unreachable",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
    (
        "Panic",
        "(call $say) (unreachable)",
        "the code says something",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
    (
        "Operations",
        "(loop $on (drop (call $timer (i64.const 1))) (br $on))",
        "limit pending-operations",
        Cause::PendingActivitiesLimitExceeded,
    ),
    (
        "Inputs",
        "(loop $on (drop (call $activity (i32.const 2000000))) (br $on))",
        "limit task-bytes",
        Cause::BadScheduleActivityAttributes,
    ),
    (
        "Result",
        "(call $complete_with (i32.const 3000000))",
        "limit payload-bytes",
        Cause::PayloadsTooLarge,
    ),
    (
        "Handle",
        "(call $cancel (i64.const 7))",
        "no operation has that handle",
        Cause::WorkflowWorkerUnhandledFailure,
    ),
];

async fn server_with(guests: &[Guest], flags: &[&str]) -> Server {
    let server = Server::start(flags).await;
    for guest in guests {
        let (text, uploaded) = server.try_upload(&guest.component());
        assert!(uploaded, "{text}");
    }
    server
}

/// Plays orders, four at a time; how long each took, shortest first.
async fn time_orders(calls: &Calls, prefix: &str) -> Vec<Duration> {
    let players = (0..4).map(|player| {
        let (calls, prefix) = (calls.clone(), prefix.to_owned());
        tokio::spawn(async move {
            let mut took = Vec::new();
            for order in 0..ORDERS / 4 {
                let id = format!("{prefix}-{player}-{order}");
                let began = Instant::now();
                let run_id = calls.start_order(&id, "").await.expect("an order starts");
                let close = calls.close_event(&id, &run_id).await;
                assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
                took.push(began.elapsed());
            }
            took
        })
    });
    let mut all = Vec::new();
    for player in players.collect::<Vec<_>>() {
        all.extend(player.await.expect("no order is lost"));
    }
    all.sort();
    all
}

/// What describe says where a run is blocked; waits until it is at this attempt.
pub(crate) async fn blocked(calls: &Calls, workflow_id: &str, attempt: i32) -> String {
    let began = Instant::now();
    loop {
        let described = calls.describe(workflow_id).await.expect("it is described");
        let task = described.pending_workflow_task.unwrap_or_default();
        let info = described.workflow_execution_info.unwrap_or_default();
        let problems = info.search_attributes.unwrap_or_default().indexed_fields;
        let problems = problems.get("TemporalReportedProblems");
        if let Some(problems) = problems
            && task.attempt >= attempt
        {
            return String::from_utf8_lossy(&problems.data).into_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{workflow_id} is not blocked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The failures of workflow tasks that a history tells of.
pub(crate) fn failures(history: &[HistoryEvent]) -> Vec<(Cause, String)> {
    let failed = history.iter().filter_map(|event| match &event.attributes {
        Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => Some(failed),
        _ => None,
    });
    failed
        .map(|failed| {
            let failure = failed.failure.clone().unwrap_or_default();
            (failed.cause(), failure.message)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_misbehaves_blocks_its_own_run_and_nobody_else_notices() {
    let guests = BAD.map(|(name, run, _, _)| Guest::new(name).run(run));
    let flags = ["--event-cpu", "300ms", "--run-memory-bytes", "16MiB"];
    let server = server_with(&guests, &flags).await;
    server.upload(&component_of("examples/order/workflow"));
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 4, &ledger);

    let before = time_orders(&calls, "before").await;
    for (name, ..) in BAD {
        for run in 0..2 {
            let id = format!("{name}-{run}");
            calls.start(name, &id).await.expect("a start is taken");
        }
    }
    let during = time_orders(&calls, "during").await;
    let p99 = |sorted: &[Duration]| sorted[sorted.len() * 99 / 100];
    println!(
        "p99 of an order: {:?} before, {:?} while {} runs misbehave",
        p99(&before),
        p99(&during),
        BAD.len() * 2
    );
    assert!(p99(&during) < Duration::from_secs(10), "{during:?}");

    for (name, _, words, cause) in BAD {
        let id = format!("{name}-0");
        let problems = blocked(&calls, &id, 3).await;
        assert!(problems.contains(words), "{name}: {problems}");
        let named = format!("cause=WorkflowTaskFailedCause{cause:?}");
        assert!(problems.contains(&named), "{name}: {problems}");
        let history = calls.history(&id, "").await.expect("a history");
        let failures = failures(&history);
        assert_eq!(failures.len(), 1, "{name}: only the first is written");
        assert_eq!(failures[0].0, cause, "{name}");
        assert!(failures[0].1.contains(words), "{name}: {failures:?}");
    }
    let ledger = ledger.lock().expect("no poll panics");
    assert!(ledger.violations().is_empty(), "{:#?}", ledger.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_runs_that_loop_leave_a_processor_to_the_others() {
    const LOOPS: usize = 40;
    let guests = [Guest::new("Loop").run("(loop $on (br $on))")];
    let server = server_with(&guests, &["--event-cpu", "10m"]).await;
    server.upload(&component_of("examples/order/workflow"));
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 4, &ledger);
    let before = time_orders(&calls, "before").await;
    for run in 0..LOOPS {
        let id = format!("loop-{run}");
        calls.start("Loop", &id).await.expect("a start is taken");
    }
    let during = time_orders(&calls, "during").await;
    let middle = |sorted: &[Duration]| sorted[sorted.len() / 2];
    println!(
        "an order takes {:?} before, {:?} while {LOOPS} runs loop",
        middle(&before),
        middle(&during)
    );
    assert!(middle(&during) < Duration::from_secs(10), "{during:?}");
    for run in 0..LOOPS {
        let id = format!("loop-{run}");
        let sent = tokio::time::timeout(PATIENCE, calls.signal(&id, "s")).await;
        sent.expect("it waits for no turn").expect("it is recorded");
        calls.terminate(&id).await.expect("it is terminated");
    }
    // The turns of those that are gone have gone to others.
    let after = time_orders(&calls, "after").await;
    assert!(middle(&after) < Duration::from_secs(10), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_run_says_why_to_queries_and_can_be_cancelled_and_terminated() {
    let guests = [Guest::new("Trap").run("(unreachable)")];
    let server = server_with(&guests, &[]).await;
    let calls = server.calls();
    let run_id = calls.start("Trap", "trap").await.expect("a start is taken");
    blocked(&calls, "trap", 2).await;
    let refused = calls
        .query("trap", "anything")
        .await
        .expect_err("it is blocked");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("unreachable"), "{refused}");
    calls
        .cancel("trap")
        .await
        .expect("a cancel request is recorded");
    calls
        .signal("trap", "s")
        .await
        .expect("a signal is recorded");
    calls.terminate("trap").await.expect("it is terminated");
    let close = calls.close_event("trap", &run_id).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionTerminated);
    let history = calls.history("trap", "").await.expect("a history");
    let kinds: Vec<EventType> = history.iter().map(HistoryEvent::event_type).collect();
    for kind in [
        EventType::WorkflowExecutionCancelRequested,
        EventType::WorkflowExecutionSignaled,
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_a_run_whose_code_loops_are_acknowledged_at_once() {
    let guests = [Guest::new("Loop").run("(loop $on (br $on))")];
    let server = server_with(&guests, &["--event-cpu", "10m"]).await;
    let calls = server.calls();
    calls.start("Loop", "loop").await.expect("a start is taken");
    for signal in 0..20 {
        let name = format!("s{signal}");
        let sent = calls.signal("loop", &name);
        let taken = tokio::time::timeout(PATIENCE, sent).await;
        taken
            .expect("it waits for no code")
            .expect("it is recorded");
    }
    let history = calls.history("loop", "").await.expect("a history");
    let signals = history
        .iter()
        .filter(|event| event.event_type() == EventType::WorkflowExecutionSignaled);
    assert_eq!(signals.count(), 20);
    assert_eq!(failures(&history), [], "the code loops still");
    calls.terminate("loop").await.expect("it is terminated");
}

/// Waits for signals; answers queries by the first letter of their name.
fn asked() -> Guest {
    Guest::new("Asked").run(
        r#"(drop (call $timer (i64.const 3600000000000)))
        (loop $on
          (local.set $i (call $next))
          (if (i32.eq (local.get $i) (i32.const 3)) (then
            (local.set $i (call $asked))
            (if (i32.eq (local.get $i) (i32.const 103)) (then (call $answer (i32.const 0))))
            (if (i32.eq (local.get $i) (i32.const 98)) (then (call $answer (i32.const 3000000))))
            (if (i32.eq (local.get $i) (i32.const 116)) (then (unreachable)))
            (if (i32.eq (local.get $i) (i32.const 108)) (then (loop $ever (br $ever))))
            (if (i32.eq (local.get $i) (i32.const 111))
              (then (drop (call $timer (i64.const 1)))))
            (br $on))))"#,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_misbehaves_fails_by_itself_and_the_run_goes_on() {
    let server = server_with(&[asked()], &["--event-cpu", "300ms"]).await;
    let calls = server.calls();
    let run_id = calls
        .start("Asked", "asked")
        .await
        .expect("a start is taken");
    for (query, words) in [
        ("trap", "unreachable"),
        ("loop", "limit event-cpu"),
        ("big", "limit payload-bytes"),
        ("operation", "may only look"),
        ("unknown", "did not answer query unknown"),
    ] {
        let failed = calls.query("asked", query).await.expect_err(query);
        assert_eq!(failed.code(), Code::InvalidArgument, "{failed}");
        assert!(failed.message().contains(words), "{failed}");
    }
    let history = calls.history("asked", "").await.expect("a history");
    assert_eq!(failures(&history), [], "a query leaves no trace");
    calls
        .signal("asked", "end")
        .await
        .expect("a signal is taken");
    let close = calls.close_event("asked", &run_id).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_a_run_whose_query_loops_are_acknowledged_at_once() {
    let server = server_with(&[asked()], &["--event-cpu", "10m"]).await;
    let calls = server.calls();
    calls
        .start("Asked", "asked")
        .await
        .expect("a start is taken");
    let asking = calls.clone();
    let query = tokio::spawn(async move { asking.query("asked", "loop").await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = calls.signal("asked", "s");
    let taken = tokio::time::timeout(PATIENCE, sent).await;
    taken
        .expect("it waits for no query")
        .expect("it is recorded");
    assert!(!query.is_finished(), "the query loops still");
    calls.terminate("asked").await.expect("it is terminated");
    query.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_floods_the_log_is_cut_off_with_a_word() {
    let flood = Guest::new("Flood").run("(loop $on (call $log (i32.const 16000)) (br $on))");
    let server = server_with(&[flood], &[]).await;
    let calls = server.calls();
    calls
        .start("Flood", "flood")
        .await
        .expect("a start is taken");
    blocked(&calls, "flood", 2).await;
    let log = server.log();
    assert!(log.contains("limit task-log-bytes"), "it says so");
    assert!(log.len() < 20_000_000, "{} bytes", log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_lengths_of_time_do_no_harm() {
    let guests = [
        Guest::new("Timers").run(
            "(drop (call $timer (i64.const -1))) (drop (call $timer (i64.const 0)))
            (drop (call $timer (i64.const 9223372036854775807)))
            (drop (call $next)) (drop (call $next))",
        ),
        Guest::new("Wait").run("(drop (call $wait (i64.const -1))) (drop (call $next))"),
    ];
    let mut server = server_with(&guests, &[]).await;
    let calls = server.calls();
    for (name, id) in [("Timers", "timers"), ("Wait", "wait")] {
        calls.start(name, id).await.expect("a start is taken");
        server.kill();
        server.restart().await;
        let described = calls.describe(id).await.expect("it is described");
        let info = described.workflow_execution_info.unwrap_or_default();
        assert_eq!(info.status, 1, "{name} waits: {info:?}");
        calls.signal(id, "end").await.expect("a signal is taken");
        let close = calls.close_event(id, "").await;
        assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    }
}
