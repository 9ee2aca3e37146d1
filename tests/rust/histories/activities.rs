//! Runs with activities: their retries, failures, timeouts and cancellations.

use futures::FutureExt;
use futures::future::BoxFuture;
use mainspring_tests::histories::Story;
use serde_json::{Value, json};
use temporalio_protos::temporal::api::enums::v1::EventType;

use mainspring_tests::stage::Stage;

/// The stories of this file.
pub fn stories(stage: &Stage) -> Vec<BoxFuture<'_, Story>> {
    vec![
        order(stage).boxed(),
        activity(
            stage,
            "act-08-retried",
            "ACT-08, ACT-12: an activity fails twice and then succeeds. Attempts leave no
             events; the one start that is written names the third attempt and the last failure.",
            json!({"input": {"do": "fail until", "attempt": 3}, "initial_interval_ms": 10}),
        )
        .boxed(),
        activity(
            stage,
            "act-11-attempts-used-up",
            "ACT-08, ACT-11, WF-21: every attempt fails. The run fails with the activity's
             failure, whose cause is what the worker said.",
            json!({
                "input": {"do": "fail", "type": "Declined", "message": "no funds", "detail": {"short": 5}},
                "initial_interval_ms": 10, "maximum_attempts": 2,
            }),
        )
        .boxed(),
        activity(
            stage,
            "act-09-not-retried",
            "ACT-09, ACT-11: a failure that is not retryable ends the activity at its first attempt.",
            json!({"input": {
                "do": "fail", "type": "Fraud", "message": "stolen card", "non_retryable": true,
            }}),
        )
        .boxed(),
        activity(
            stage,
            "act-08-type-not-retried",
            "ACT-08: a failure whose type the retry policy excludes.",
            json!({
                "input": {"do": "fail", "type": "Declined", "message": "no funds"},
                "non_retryable": ["Declined"],
            }),
        )
        .boxed(),
        activity(
            stage,
            "act-06-heartbeat-timeout",
            "ACT-06, ACT-07: a worker heartbeats once and dies. The timeout carries its last details.",
            json!({
                "input": {"do": "hang", "heartbeat": {"done": 7}},
                "heartbeat_ms": 1_000, "maximum_attempts": 1,
            }),
        )
        .boxed(),
        activity(
            stage,
            "act-04-start-to-close-timeout",
            "ACT-04: an attempt takes too long, twice.",
            json!({
                "input": {"do": "hang"},
                "start_to_close_ms": 200, "initial_interval_ms": 10, "maximum_attempts": 2,
            }),
        )
        .boxed(),
        activity(
            stage,
            "act-03-schedule-to-close-timeout",
            "ACT-03: an activity as a whole takes too long, while its first attempt runs.",
            json!({"input": {"do": "hang"}, "schedule_to_close_ms": 1_000}),
        )
        .boxed(),
        activity(
            stage,
            "act-05-schedule-to-start-timeout",
            "ACT-05: nobody polls the queue. No attempt ever started, and there is no retry.",
            json!({
                "input": {"do": "echo"}, "task_queue": "nobody", "schedule_to_start_ms": 200,
            }),
        )
        .boxed(),
        cancelled(
            stage,
            "act-13-wait-for-cancel",
            "ACT-13, ACT-14, LIF-11: the run is cancelled and waits for its activity, which
             hears of it by its heartbeat.",
            "wait",
        )
        .boxed(),
        cancelled(
            stage,
            "act-13-try-cancel",
            "ACT-13: the run is cancelled; it asks its activity to stop and does not wait.",
            "try",
        )
        .boxed(),
        cancelled(
            stage,
            "act-13-abandon",
            "ACT-13: the run is cancelled and leaves its activity alone.",
            "abandon",
        )
        .boxed(),
        cancelled_before_its_start(stage).boxed(),
    ]
}

async fn order(stage: &Stage) -> Story {
    let story = Story::new(
        "wf-01-order",
        "WF-01, ACT-01: an order, five activities one after the other.",
    );
    let input = json!({"OrderID": "order-1", "UserID": "user-1"});
    stage.start("OrderWorkflow", "order-1", input).await;
    stage.one(story, "order-1").await
}

async fn activity(stage: &Stage, name: &'static str, heading: &'static str, call: Value) -> Story {
    stage.start("OneActivity", name, call).await;
    stage.one(Story::new(name, heading), name).await
}

async fn cancelled(
    stage: &Stage,
    name: &'static str,
    heading: &'static str,
    cancellation: &str,
) -> Story {
    let call = json!({"input": {"do": "wait for cancel"}, "cancellation": cancellation});
    stage.start("OneActivity", name, call).await;
    stage.activity_runs(name).await;
    stage.cancel(name, "enough").await;
    stage.one(Story::new(name, heading), name).await
}

async fn cancelled_before_its_start(stage: &Stage) -> Story {
    let name = "act-13-cancelled-before-its-start";
    let story = Story::new(
        name,
        "ACT-13: the run is cancelled and waits for its activity, which no worker has: the
         server ends it at once.",
    );
    let call = json!({"input": {"do": "echo"}, "task_queue": "nobody"});
    stage.start("OneActivity", name, call).await;
    stage
        .after(name, "", EventType::ActivityTaskScheduled, 1)
        .await;
    stage.cancel(name, "enough").await;
    stage.one(story, name).await
}
