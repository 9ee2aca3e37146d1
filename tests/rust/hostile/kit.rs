//! Workflows of the Rust guest SDK that misbehave: what the person sees who wrote them.

use mainspring_tests::{Calls, Server, component_of, json, task_queue};
use serde_json::json as value;
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use temporalio_protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;

use super::code::{blocked, failures};

async fn server_with_the_kit() -> Server {
    let server = Server::start(&[]).await;
    let kit = component_of("tests/workflows");
    server.upload(&kit);
    server
}

async fn start(calls: &Calls, workflow_type: &str, id: &str, input: Option<serde_json::Value>) {
    let request = StartWorkflowExecutionRequest {
        workflow_type: Some(workflow_type.to_owned().into()),
        task_queue: Some(task_queue("kit")),
        input: input.as_ref().map(json),
        ..Calls::order(id, "")
    };
    let started = calls.client().start_workflow_execution(request).await;
    started.expect("a start is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_in_its_own_words_and_with_its_place() {
    let server = server_with_the_kit().await;
    let calls = server.calls();
    start(&calls, "Panicker", "panicker", None).await;
    let problems = blocked(&calls, "panicker", 2).await;
    for words in ["there is a bug in the workflow", "src/lib.rs:"] {
        assert!(problems.contains(words), "{words:?} is not in: {problems}");
    }
    let (described, done) = server.cli(&["workflow", "describe", "--workflow-id", "panicker"]);
    assert!(done, "{described}");
    assert!(
        described.contains("there is a bug in the workflow"),
        "{described}"
    );
    let history = calls.history("panicker", "").await.expect("a history");
    let failures = failures(&history);
    assert_eq!(failures.len(), 1, "only the first is written: {failures:?}");
    assert_eq!(failures[0].0, Cause::WorkflowWorkerUnhandledFailure);
    assert!(failures[0].1.contains("there is a bug"), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn act_08_a_retry_policy_that_makes_no_sense_blocks_the_run_with_a_sentence() {
    let server = server_with_the_kit().await;
    let calls = server.calls();
    let call = |more: serde_json::Value| {
        let mut call = value!({"input": {"do": "echo"}});
        let fields = more.as_object().expect("fields").clone();
        call.as_object_mut().expect("an object").extend(fields);
        call
    };
    let cases = [
        (
            "coefficient",
            value!({"backoff_coefficient": 0.5}),
            "backoff coefficient is 0.5",
        ),
        (
            "interval",
            value!({"initial_interval_ms": 5_000, "maximum_interval_ms": 1_000}),
            "interval",
        ),
    ];
    for (id, policy, words) in &cases {
        start(&calls, "OneActivity", id, Some(call(policy.clone()))).await;
        let problems = blocked(&calls, id, 2).await;
        assert!(problems.contains(words), "{words:?} is not in: {problems}");
        let cause = Cause::BadScheduleActivityAttributes;
        let named = "cause=WorkflowTaskFailedCauseBadScheduleActivityAttributes";
        assert!(problems.contains(named), "{problems}");
        let history = calls.history(id, "").await.expect("a history");
        let failures = failures(&history);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].0, cause);
        assert!(
            history
                .iter()
                .all(|event| event.event_type() != EventType::ActivityTaskScheduled),
            "nothing was scheduled"
        );
    }
}
