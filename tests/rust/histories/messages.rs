//! Runs that are sent messages: signals, queries, updates.

use futures::FutureExt;
use futures::future::BoxFuture;
use mainspring_tests::histories::Story;
use mainspring_tests::{json as payloads, task_queue};
use serde_json::{Value, json};
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowIdConflictPolicy};
use temporalio_protos::temporal::api::update::v1::outcome;
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_request::{
    Operation, operation,
};
use temporalio_protos::temporal::api::workflowservice::v1::*;

use mainspring_tests::stage::{QUEUE, Stage};

/// The stories of this file.
pub fn stories(stage: &Stage) -> Vec<BoxFuture<'_, Story>> {
    vec![
        signals(stage).boxed(),
        signal_without_handler(stage).boxed(),
        signal_with_start(stage).boxed(),
        query(stage).boxed(),
        update_accepted(stage).boxed(),
        update_rejected(stage).boxed(),
        update_without_validator(stage).boxed(),
        update_fails(stage).boxed(),
        update_that_waits(stage).boxed(),
        update_with_start(stage).boxed(),
    ]
}

async fn signals(stage: &Stage) -> Story {
    let name = "msg-01-signals";
    let story = Story::new(
        name,
        "MSG-01: two signals, in the order of their arrival; the second lets the run end.",
    );
    stage.start("Collector", name, json!(2)).await;
    stage.begun(name).await;
    for (number, item) in [json!("a"), json!({"b": [1, 2]})].into_iter().enumerate() {
        stage.signal(name, "add", item).await;
        if number == 0 {
            stage
                .after(name, "", EventType::WorkflowExecutionSignaled, 1)
                .await;
        }
    }
    stage.one(story, name).await
}

async fn signal_without_handler(stage: &Stage) -> Story {
    let name = "msg-01-signal-without-handler";
    let story = Story::new(
        name,
        "MSG-01: a signal that no handler takes is recorded all the same, and kept.",
    );
    stage.start("Collector", name, json!(1)).await;
    stage.begun(name).await;
    stage.signal(name, "unknown", json!(1)).await;
    stage
        .after(name, "", EventType::WorkflowExecutionSignaled, 1)
        .await;
    stage.signal(name, "add", json!(2)).await;
    stage.one(story, name).await
}

async fn signal_with_start(stage: &Stage) -> Story {
    let name = "msg-05-signal-with-start";
    let story = Story::new(
        name,
        "MSG-05: the signal that starts a run comes right behind its start; a second one
         finds the run open.",
    );
    for item in [1, 2] {
        let request = SignalWithStartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: name.to_owned(),
            workflow_type: Some("Collector".to_owned().into()),
            task_queue: Some(task_queue(QUEUE)),
            input: Some(payloads(&json!(2))),
            signal_name: "add".to_owned(),
            signal_input: Some(payloads(&json!(item))),
            identity: "client".to_owned(),
            ..SignalWithStartWorkflowExecutionRequest::default()
        };
        let mut client = stage.calls.client();
        let taken = client.signal_with_start_workflow_execution(request).await;
        taken.expect("it is taken");
        if item == 1 {
            stage.begun(name).await;
        }
    }
    stage.one(story, name).await
}

async fn query(stage: &Stage) -> Story {
    let name = "msg-08-queries";
    let story = Story::new(
        name,
        "MSG-08: a run that is queried before its signal, after it, and when it has
         closed: the history does not show it.",
    );
    stage.start("Collector", name, json!(1)).await;
    let items = async || stage.calls.query(name, "items").await.expect("it answers");
    assert_eq!(items().await, json!([]));
    stage.begun(name).await;
    stage.signal(name, "add", json!("x")).await;
    stage.closed(name, "").await;
    assert_eq!(items().await, json!(["x"]));
    stage.one(story, name).await
}

async fn account(stage: &Stage, name: &str) {
    stage.start("Account", name, json!(10)).await;
    stage.begun(name).await;
}

async fn close(stage: &Stage, story: Story) -> Story {
    let name = story.name();
    stage.signal(name, "close", Value::Null).await;
    stage.one(story, name).await
}

async fn update_accepted(stage: &Stage) -> Story {
    let name = "msg-11-update";
    let story = Story::new(
        name,
        "MSG-11: an update is accepted, with its request, and completed, with its result.",
    );
    account(stage, name).await;
    let outcome = stage.update(name, "add", json!(5)).await;
    assert!(matches!(outcome, outcome::Value::Success(_)), "{outcome:?}");
    close(stage, story).await
}

async fn update_rejected(stage: &Stage) -> Story {
    let name = "msg-12-update-rejected";
    let story = Story::new(
        name,
        "MSG-12: an update that the validator rejects leaves nothing behind, not even the
         task that carried it.",
    );
    account(stage, name).await;
    let outcome = stage.update(name, "add", json!(-50)).await;
    assert!(matches!(outcome, outcome::Value::Failure(_)), "{outcome:?}");
    close(stage, story).await
}

async fn update_without_validator(stage: &Stage) -> Story {
    let name = "msg-11-update-without-validator";
    let story = Story::new(
        name,
        "MSG-11: an update without a validator, which ends the run.",
    );
    account(stage, name).await;
    stage.update(name, "close_now", Value::Null).await;
    stage.one(story, name).await
}

async fn update_fails(stage: &Stage) -> Story {
    let name = "msg-15-update-fails";
    let story = Story::new(
        name,
        "MSG-15: an update is accepted and its handler fails; the run goes on.",
    );
    account(stage, name).await;
    let outcome = stage.update(name, "refuse", Value::Null).await;
    assert!(matches!(outcome, outcome::Value::Failure(_)), "{outcome:?}");
    close(stage, story).await
}

async fn update_that_waits(stage: &Stage) -> Story {
    let name = "msg-06-update-with-activity";
    let story = Story::new(
        name,
        "MSG-06, MSG-11: the handler of an update runs an activity, so that the update is
         accepted in one task and completed in a later one.",
    );
    account(stage, name).await;
    let input = json!({"do": "echo", "value": 32});
    stage.update(name, "add_from_activity", input).await;
    close(stage, story).await
}

async fn update_with_start(stage: &Stage) -> Story {
    let name = "msg-18-update-with-start";
    let story = Story::new(
        name,
        "MSG-18: one call starts a run and updates it; its first task carries the update.",
    );
    let mut start = Stage::request("Account", name, json!(10));
    start.workflow_id_conflict_policy = WorkflowIdConflictPolicy::UseExisting as i32;
    let update = Stage::update_request(name, "add", json!(5));
    let operation = |operation| Operation {
        operation: Some(operation),
    };
    let request = ExecuteMultiOperationRequest {
        namespace: "default".to_owned(),
        operations: vec![
            operation(operation::Operation::StartWorkflow(start)),
            operation(operation::Operation::UpdateWorkflow(update)),
        ],
        ..ExecuteMultiOperationRequest::default()
    };
    let mut client = stage.calls.client();
    let done = client.execute_multi_operation(request).await;
    done.expect("both are taken");
    close(stage, story).await
}
