//! Code that misbehaves while it runs: each case ends with a fault that says what
//! was wrong, names the limit, and leaves the sandbox as it was.

mod bench;

use std::time::Duration;

use bench::{Bench, limits};
use mainspring_engine::limits::Limits;
use mainspring_engine::session::RunEnd;
use mainspring_sandbox::Progress;
use mainspring_test_guests::Guest;
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;

/// The fault that this code ends with.
async fn fault_of(run: &str) -> (Cause, String) {
    let mut live = Bench::new(limits()).live(&Guest::new("Bad").run(run)).await;
    let fault = live.fault();
    assert!(!fault.is_overrun, "{fault:?}");
    (fault.failure.cause, fault.failure.message)
}

/// Expects these words in what this code is told.
async fn is_told(run: &str, cause: Cause, words: &[&str]) {
    let (found, message) = fault_of(run).await;
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    assert_eq!(found, cause, "{message}");
}

const UNHANDLED: Cause = Cause::WorkflowWorkerUnhandledFailure;

#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_time() {
    let guest = Guest::new("Loop").run("(loop $for_ever (br $for_ever))");
    let mut live = Bench::new(limits()).live(&guest).await;
    let fault = live.fault();
    assert!(fault.is_overrun, "a busy machine may be to blame");
    let message = &fault.failure.message;
    assert!(message.contains("limit event-cpu"), "{message}");
}

#[tokio::test]
async fn an_endless_loop_gives_way_at_every_slice() {
    let guest = Guest::new("Loop").run("(loop $for_ever (br $for_ever))");
    let mut live = Bench::new(limits()).live(&guest).await;
    let slices = (0..5).map(|_| live.instance.advance(Duration::from_millis(5)));
    for progress in slices {
        assert!(matches!(progress, Progress::OutOfSlice), "{progress:?}");
    }
}

#[tokio::test]
async fn memory_without_end_traps_at_the_limit_and_is_never_told_no() {
    let grow = "(call $grow) (call $say) (unreachable)";
    is_told(
        grow,
        UNHANDLED,
        &["bytes of memory", "limit run-memory-bytes"],
    )
    .await;
}

#[tokio::test]
async fn recursion_without_end_is_told_its_stack() {
    let recurse = "(drop (call $recurse (i32.const 0)))";
    is_told(recurse, UNHANDLED, &["too deep", "limit run-stack-bytes"]).await;
}

#[tokio::test]
async fn a_trap_is_named_and_what_was_said_before_it_is_kept() {
    is_told("(unreachable)", UNHANDLED, &["trapped", "unreachable"]).await;
    let panic = "(call $say) (unreachable)";
    is_told(
        panic,
        UNHANDLED,
        &["after it said: the code says something"],
    )
    .await;
}

#[tokio::test]
async fn a_million_operations_in_one_activation_stop_at_the_limit() {
    let open = r#"(loop $more
        (drop (call $timer (i64.const 1)))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (i32.const 1000000))))"#;
    let cause = Cause::PendingActivitiesLimitExceeded;
    is_told(open, cause, &["100 operations", "limit pending-operations"]).await;
    let withdrawn = r#"(loop $more
        (call $cancel (call $timer (i64.const 1)))
        (br $more))"#;
    is_told(withdrawn, cause, &["limit task-operations"]).await;
}

#[tokio::test]
async fn values_over_the_limit_are_refused_wherever_they_are_given() {
    let too_large = Cause::PayloadsTooLarge;
    for (what, run, cause) in [
        (
            "the input of activity Do",
            "(drop (call $activity (i32.const 100000)))",
            Cause::BadScheduleActivityAttributes,
        ),
        (
            "of a timer",
            "(drop (call $timer_with_summary (i64.const 1) (i32.const 100000)))",
            too_large,
        ),
        (
            "the result of the workflow",
            "(call $complete_with (i32.const 100000))",
            too_large,
        ),
        (
            "the failure of the workflow",
            "(call $fail_with (i32.const 40) (i32.const 10000))",
            too_large,
        ),
    ] {
        is_told(run, cause, &[what, "limit payload-bytes"]).await;
    }
}

#[tokio::test]
async fn many_small_inputs_are_one_large_task() {
    let run = r#"(loop $more (drop (call $activity (i32.const 60000))) (br $more))"#;
    let cause = Cause::BadScheduleActivityAttributes;
    is_told(run, cause, &["limit task-bytes"]).await;
}

#[tokio::test]
async fn a_failure_tree_that_would_fill_the_host_is_not_even_copied() {
    // A hundred thousand messages of one megabyte, all at the same place.
    let run = "(call $fail_with (i32.const 10000) (i32.const 1000000))";
    is_told(run, UNHANDLED, &["in one call", "limit call-bytes"]).await;
}

#[tokio::test]
async fn a_deep_failure_tree_is_cut_and_the_run_fails_as_it_wished() {
    let run = "(call $fail_with (i32.const 5000) (i32.const 10))";
    let mut live = Bench::new(limits())
        .live(&Guest::new("Deep").run(run))
        .await;
    let Progress::Ended(RunEnd::Failed(failure)) = live.go_on() else {
        panic!("it ends");
    };
    let causes = std::iter::successors(Some(&failure), |failure| failure.cause.as_deref());
    assert_eq!(causes.count(), 50);
}

#[tokio::test]
async fn calls_that_make_no_sense_are_told_why() {
    let cancel = "(call $cancel (i64.const 7))";
    is_told(
        cancel,
        UNHANDLED,
        &["operation 7", "no operation has that handle"],
    )
    .await;
    let random = "(call $random_bytes (i32.const 65537) (i32.const 1024))";
    is_told(random, UNHANDLED, &["65537 random bytes", "65536 at most"]).await;
    let next_run = "(i32.store8 (i32.const 16) (i32.const 3))";
    is_told(
        next_run,
        UNHANDLED,
        &["`continued-as-new` without a call of `continue-as-new`"],
    )
    .await;
    let answer = "(call $answer_query (i32.const 4096) (i32.const 2) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    is_told(
        answer,
        UNHANDLED,
        &["query \"Do\" was answered", "not being asked"],
    )
    .await;
}

#[tokio::test]
async fn pointers_into_nowhere_and_text_that_is_none_trap() {
    let nowhere = "(call $log_at (i32.const 4) (i32.const -16) (i32.const 64)
        (i32.const 0) (i32.const 0))";
    is_told(nowhere, UNHANDLED, &["trapped"]).await;
    let no_text = "(i32.store8 (i32.const 4096) (i32.const 0xff)) (call $log (i32.const 2))";
    is_told(no_text, UNHANDLED, &["trapped", "utf-8"]).await;
    let no_level = "(call $log_at (i32.const 99) (i32.const 4096) (i32.const 2)
        (i32.const 0) (i32.const 0))";
    is_told(no_level, UNHANDLED, &["trapped"]).await;
}

/// A run that waits, and answers queries by the first letter of their name.
fn asked() -> Guest {
    let answer = |asked: &str, answer: &str| {
        format!(
            r#"(local.set $i (call {asked}))
            (if (i32.eq (local.get $i) (i32.const 103)) (then (call {answer} (i32.const 8))))
            (if (i32.eq (local.get $i) (i32.const 98)) (then (call {answer} (i32.const 100000))))
            (if (i32.eq (local.get $i) (i32.const 116)) (then (unreachable)))
            (if (i32.eq (local.get $i) (i32.const 108)) (then (loop $on (br $on))))
            (if (i32.eq (local.get $i) (i32.const 111))
              (then (drop (call $timer (i64.const 1)))))
            (if (i32.eq (local.get $i) (i32.const 99)) (then (call $cancel (i64.const 1))))
            (if (i32.eq (local.get $i) (i32.const 50))
              (then (call {answer} (i32.const 8)) (call {answer} (i32.const 8))))
            (if (i32.eq (local.get $i) (i32.const 119)) (then (drop (call $next))))"#
        )
    };
    let waiting = answer("$asked", "$answer");
    let closed = answer("$asked_taken", "$answer_taken");
    Guest::new("Asked")
        .run(&format!(
            r#"(drop (call $timer (i64.const 1)))
            (loop $on
              (if (i32.eq (call $next) (i32.const 3)) (then {waiting} (br $on))))"#
        ))
        .answer_queries(&format!(
            "(loop $on (if (call $take) (then {closed} (br $on))))"
        ))
}

/// What each query leads to, by name; `None`: a good answer.
const QUERIES: [(&str, Option<&str>); 7] = [
    ("good", None),
    ("big", Some("limit payload-bytes")),
    ("trap", Some("unreachable")),
    ("loop", Some("limit event-cpu")),
    ("operation", Some("may only look")),
    ("cancel", Some("may only look")),
    ("2 answers", Some("was answered before")),
];

#[tokio::test]
async fn a_query_may_only_look_and_answer_once_in_time_and_in_size() {
    let bench = Bench::new(limits());
    for (name, words) in QUERIES {
        let mut live = bench.live(&asked()).await;
        assert!(matches!(live.go_on(), Progress::Idle));
        live.expect_answer(name, words);
    }
    let mut live = bench.live(&asked()).await;
    assert!(matches!(live.go_on(), Progress::Idle));
    assert_eq!(live.ask("nothing to say"), Ok(None));
}

#[tokio::test]
async fn a_query_of_a_closed_run_is_held_to_the_same() {
    let bench = Bench::new(limits());
    let waits = ("wait", Some("`answer-queries` waited for an event"));
    for (name, words) in QUERIES.into_iter().chain([waits]) {
        let mut live = bench.live(&asked()).await;
        assert!(matches!(live.go_on(), Progress::Idle));
        live.cancel_requested();
        assert!(matches!(live.go_on(), Progress::Ended(_)), "{name}");
        live.expect_answer(name, words);
    }
}

#[tokio::test]
async fn a_hundred_bad_runs_leave_room_for_a_good_one() {
    let bench = Bench::new(Limits {
        live_instances: 4,
        event_cpu: Duration::from_millis(20),
        ..limits()
    });
    let bad = [
        "(loop $for_ever (br $for_ever))",
        "(call $grow)",
        "(drop (call $recurse (i32.const 0)))",
        "(unreachable)",
    ];
    for run in bad.into_iter().cycle().take(100) {
        bench.live(&Guest::new("Bad").run(run)).await.fault();
    }
    let mut good = bench.live(&Guest::new("Good")).await;
    assert!(matches!(
        good.go_on(),
        Progress::Ended(RunEnd::Completed(None))
    ));
}
