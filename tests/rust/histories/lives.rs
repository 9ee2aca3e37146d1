//! How runs begin, sleep, go on and end.

use futures::FutureExt;
use futures::future::BoxFuture;
use mainspring_tests::histories::Story;
use prost_wkt_types::Duration;
use serde_json::{Value, json};
use temporalio_protos::temporal::api::common::v1::{Header, Memo, RetryPolicy};
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowIdConflictPolicy};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;
use temporalio_protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;

use mainspring_tests::stage::{Stage, arguments, successor};

/// The stories of this file.
pub fn stories(stage: &Stage) -> Vec<BoxFuture<'_, Story>> {
    vec![
        everything(stage).boxed(),
        timer(stage).boxed(),
        cancelled_timer(stage).boxed(),
        failed(stage).boxed(),
        cancelled(stage).boxed(),
        terminated(stage).boxed(),
        timed_out(stage).boxed(),
        replaced(stage).boxed(),
        start_delay(stage).boxed(),
        retried(stage).boxed(),
        cron(stage).boxed(),
        continued(stage).boxed(),
        labels(stage).boxed(),
    ]
}

fn millis(millis: i32) -> Option<Duration> {
    Some(Duration {
        seconds: i64::from(millis / 1_000),
        nanos: millis % 1_000 * 1_000_000,
    })
}

async fn everything(stage: &Stage) -> Story {
    let name = "lif-15-start-options";
    let story = Story::new(
        name,
        "LIF-06..08, LIF-15, WF-24, WF-28, VIS-05: a run that was started with every option
         completes in its first task.",
    );
    let text = |text: &str| arguments(&json!(text)).and_then(|text| text.payloads.first().cloned());
    let field = |key: &str, value: &str| (key.to_owned(), text(value).expect("one payload"));
    let request = StartWorkflowExecutionRequest {
        workflow_execution_timeout: millis(3_600_000),
        workflow_run_timeout: millis(1_800_000),
        workflow_task_timeout: millis(20_000),
        retry_policy: Some(RetryPolicy {
            initial_interval: millis(1_500),
            backoff_coefficient: 3.0,
            maximum_attempts: 4,
            non_retryable_error_types: vec!["Declined".to_owned()],
            ..RetryPolicy::default()
        }),
        memo: Some(Memo {
            fields: [field("note", "hello")].into(),
        }),
        header: Some(Header {
            fields: [field("trace", "abc")].into(),
        }),
        user_metadata: Some(UserMetadata {
            summary: text("a summary"),
            details: text("the details"),
        }),
        request_id: "request-1".to_owned(),
        ..Stage::request("Collector", name, json!(0))
    };
    stage.start_as(request).await;
    stage.one(story, name).await
}

async fn timer(stage: &Stage) -> Story {
    let name = "tim-01-timer";
    let story = Story::new(name, "TIM-01: a run sleeps.");
    stage.start("Sleeper", name, json!(50)).await;
    stage.one(story, name).await
}

async fn cancelled_timer(stage: &Stage) -> Story {
    let name = "wf-09-cancelled-timer";
    let story = Story::new(
        name,
        "TIM-01, WF-09, LIF-11: the run is cancelled while it sleeps: the timer goes, a
         shielded activity cleans up, and the run closes as cancelled.",
    );
    stage.start("Sleeper", name, json!(3_600_000)).await;
    stage.begun(name).await;
    stage.cancel(name, "enough").await;
    stage.one(story, name).await
}

async fn failed(stage: &Stage) -> Story {
    let name = "wf-21-failed";
    let story = Story::new(
        name,
        "WF-21, LIF-10: a run fails with a failure of its own: type, message, details.",
    );
    stage.start("Failer", name, json!("not today")).await;
    stage.one(story, name).await
}

async fn cancelled(stage: &Stage) -> Story {
    let name = "lif-11-cancelled";
    let story = Story::new(
        name,
        "LIF-11: a run that does nothing about its cancel closes as cancelled.",
    );
    let input = json!({"children": [], "then": "hang"});
    stage.start("Parent", name, input).await;
    stage.begun(name).await;
    stage.cancel(name, "enough").await;
    stage.one(story, name).await
}

async fn terminated(stage: &Stage) -> Story {
    let name = "lif-12-terminated";
    let story = Story::new(name, "LIF-12: a run is terminated; no code hears of it.");
    stage.start("Collector", name, json!(1)).await;
    stage.begun(name).await;
    stage.terminate(name, "enough").await;
    stage.one(story, name).await
}

async fn timed_out(stage: &Stage) -> Story {
    let name = "lif-07-timed-out";
    let story = Story::new(
        name,
        "LIF-07: a run takes longer than it may; no code hears of it.",
    );
    let request = StartWorkflowExecutionRequest {
        workflow_run_timeout: millis(2_000),
        ..Stage::request("Collector", name, json!(1))
    };
    stage.start_as(request).await;
    stage.one(story, name).await
}

async fn replaced(stage: &Stage) -> Story {
    let name = "lif-03-replaced";
    let mut story = Story::new(
        name,
        "LIF-03: a start terminates the run that has its ID, and takes its place.",
    );
    let first = stage.start("Collector", name, json!(1)).await;
    stage.begun(name).await;
    let request = StartWorkflowExecutionRequest {
        workflow_id_conflict_policy: WorkflowIdConflictPolicy::TerminateExisting as i32,
        ..Stage::request("Collector", name, json!(0))
    };
    stage.start_as(request).await;
    stage.closed(name, &first).await;
    stage.add(&mut story, name, &first).await;
    stage.one(story, name).await
}

async fn start_delay(stage: &Stage) -> Story {
    let name = "tim-02-start-delay";
    let story = Story::new(name, "TIM-02: the first task of a run is held back.");
    let request = StartWorkflowExecutionRequest {
        workflow_start_delay: millis(300),
        ..Stage::request("Collector", name, json!(0))
    };
    stage.start_as(request).await;
    stage.one(story, name).await
}

async fn retried(stage: &Stage) -> Story {
    let name = "lif-09-retried";
    let story = Story::new(
        name,
        "LIF-05, LIF-09, WF-19: a run fails and is followed by another attempt, which
         knows of the failure.",
    );
    let request = StartWorkflowExecutionRequest {
        retry_policy: Some(RetryPolicy {
            initial_interval: millis(100),
            maximum_attempts: 3,
            ..RetryPolicy::default()
        }),
        ..Stage::request("Flaky", name, json!({"until": 2}))
    };
    let first = stage.start_as(request).await;
    stage.chain(story, name, &first).await
}

async fn cron(stage: &Stage) -> Story {
    let name = "tim-03-cron";
    let mut story = Story::new(
        name,
        "TIM-03, WF-19: two runs of a cron series; the second knows the result of the first.",
    );
    let request = StartWorkflowExecutionRequest {
        cron_schedule: "@every 1s".to_owned(),
        ..Stage::request("Ticker", name, Value::Null)
    };
    let first = stage.start_as(request).await;
    let second = successor(stage.closed(name, &first).await);
    let third = successor(stage.closed(name, &second).await);
    assert!(!third.is_empty(), "the series goes on");
    stage.terminate(name, "enough").await;
    stage.add(&mut story, name, &first).await;
    stage.add(&mut story, name, &second).await;
    story
}

async fn continued(stage: &Stage) -> Story {
    let name = "wf-13-continued-as-new";
    let story = Story::new(
        name,
        "WF-13: a run goes on as another, with another memo and another run timeout.",
    );
    let request = StartWorkflowExecutionRequest {
        workflow_execution_timeout: millis(3_600_000),
        ..Stage::request(
            "Chain",
            name,
            json!({"left": 1, "next": {"memo": "changed", "run_timeout_ms": 60_000}}),
        )
    };
    let first = stage.start_as(request).await;
    stage.chain(story, name, &first).await
}

async fn labels(stage: &Stage) -> Story {
    let name = "wf-27-labels";
    let story = Story::new(
        name,
        "WF-27, VIS-04: a run sets search attributes and its memo, and removes one of each.",
    );
    stage.start("Labels", name, Value::Null).await;
    stage.begun(name).await;
    let set = json!({
        "search_attributes": {"Colour": "red", "Size": 3},
        "memo": {"note": "hello", "number": 1},
    });
    stage.signal(name, "change", set).await;
    stage
        .after(name, "", EventType::WorkflowExecutionSignaled, 1)
        .await;
    let remove = json!({
        "search_attributes": {"Colour": null}, "memo": {"note": null}, "last": true,
    });
    stage.signal(name, "change", remove).await;
    stage.one(story, name).await
}
