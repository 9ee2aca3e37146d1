//! Runs and other runs: children, and messages between workflows.

use futures::FutureExt;
use futures::future::BoxFuture;
use mainspring_tests::Hand;
use mainspring_tests::histories::Story;
use serde_json::{Value, json};
use temporalio_protos::temporal::api::enums::v1::EventType;

use mainspring_tests::stage::Stage;

/// The stories of this file.
pub fn stories(stage: &Stage) -> Vec<BoxFuture<'_, Story>> {
    let policy = |name, heading, policy| closed_with_parent(stage, name, heading, policy).boxed();
    let cancel = |name, heading, kind| cancelled(stage, name, heading, kind).boxed();
    vec![
        completed(stage).boxed(),
        failed(stage).boxed(),
        timed_out(stage).boxed(),
        terminated(stage).boxed(),
        cannot_start(stage).boxed(),
        type_unknown(stage).boxed(),
        withdrawn(stage).boxed(),
        signalled_before_its_start(stage).boxed(),
        policy(
            "wf-12-close-policy-terminate",
            "WF-12: a parent is terminated, and with it its child.",
            "terminate",
        ),
        policy(
            "wf-12-close-policy-abandon",
            "WF-12: a parent is terminated; its child goes on, and ends later.",
            "abandon",
        ),
        policy(
            "wf-12-close-policy-request-cancel",
            "WF-12: a parent is terminated; its child is asked to cancel itself.",
            "request-cancel",
        ),
        cancel(
            "wf-11-wait-cancellation-completed",
            "WF-11: a parent cancels its child and hears of it when the child has closed.",
            "wait-completed",
        ),
        cancel(
            "wf-11-wait-cancellation-requested",
            "WF-11: a parent cancels its child and goes on when the request has arrived.",
            "wait-requested",
        ),
        cancel(
            "wf-11-try-cancel",
            "WF-11: a parent cancels its child and goes on at once; the child is told.",
            "try",
        ),
        cancel(
            "wf-11-abandon",
            "WF-11: a parent goes on without its child, which hears of nothing.",
            "abandon",
        ),
        signal_delivered(stage).boxed(),
        not_found(
            stage,
            "wf-16-signal-not-found",
            "WF-16: a signal to a workflow that does not exist.",
            Some("add"),
        )
        .boxed(),
        cancel_delivered(stage).boxed(),
        not_found(
            stage,
            "wf-16-cancel-not-found",
            "WF-16: a cancel request for a workflow that does not exist.",
            None,
        )
        .boxed(),
    ]
}

/// The input of a parent.
fn family(then: &str, children: Value) -> Value {
    json!({"children": children, "then": then})
}

/// Starts a parent with one child and waits until both are at rest.
async fn parent_of(stage: &Stage, name: &str, then: &str, child: Value) {
    let child_id = child["id"].as_str().unwrap_or_default().to_owned();
    stage
        .start("Parent", name, family(then, json!([child])))
        .await;
    stage
        .after(name, "", EventType::ChildWorkflowExecutionStarted, 1)
        .await;
    stage.begun(&child_id).await;
}

async fn both(stage: &Stage, mut story: Story, child_id: &str) -> Story {
    let name = story.name();
    stage.closed(child_id, "").await;
    stage.closed(name, "").await;
    stage.add(&mut story, name, "").await;
    stage.add(&mut story, child_id, "").await;
    story
}

async fn completed(stage: &Stage) -> Story {
    let name = "wf-10-child";
    let story = Story::new(
        name,
        "WF-10, LIF-05: a child is asked for, starts, and completes. Its ID is what its
         parent says; what it answers is in the history of both.",
    );
    let child = json!({
        "workflow": "Collector", "id": "wf-10-child/1", "input": 1, "memo": {"note": "hello"},
    });
    parent_of(stage, name, "wait", child).await;
    stage.signal("wf-10-child/1", "add", json!("x")).await;
    both(stage, story, "wf-10-child/1").await
}

async fn failed(stage: &Stage) -> Story {
    let name = "wf-21-child-fails";
    let mut story = Story::new(
        name,
        "WF-10, WF-21: a grandchild's activity fails, and so do all above it: each failure is
         the cause of the next. IDs that nobody gave are made of the run ID.",
    );
    let call = json!({
        "input": {"do": "fail", "type": "Declined", "message": "no funds", "non_retryable": true},
        "task_queue": "wf-21-child-fails",
    });
    let child = json!({"workflow": "OneActivity", "input": call});
    let run_id = stage.start("FailWithChild", name, child).await;
    stage
        .after(name, "", EventType::ChildWorkflowExecutionStarted, 1)
        .await;
    // Its activity waits until now.
    let _worker = Hand::start(&stage.calls, name, 1);
    stage.closed(name, "").await;
    stage.add(&mut story, name, "").await;
    stage.add(&mut story, &format!("{run_id}_1"), "").await;
    story
}

async fn timed_out(stage: &Stage) -> Story {
    let name = "wf-10-child-times-out";
    let story = Story::new(name, "WF-10, LIF-07: a child takes longer than it may.");
    let child = json!({
        "workflow": "Collector", "id": "wf-10-child-times-out/1", "input": 1,
        "run_timeout_ms": 2_000,
    });
    parent_of(stage, name, "wait", child).await;
    both(stage, story, "wf-10-child-times-out/1").await
}

async fn terminated(stage: &Stage) -> Story {
    let name = "wf-10-child-is-terminated";
    let story = Story::new(name, "WF-10, LIF-12: somebody terminates a child.");
    let child = json!({"workflow": "Collector", "id": "wf-10-child-is-terminated/1", "input": 1});
    parent_of(stage, name, "wait", child).await;
    stage
        .terminate("wf-10-child-is-terminated/1", "enough")
        .await;
    both(stage, story, "wf-10-child-is-terminated/1").await
}

async fn cannot_start(stage: &Stage) -> Story {
    let name = "wf-10-child-exists";
    let story = Story::new(
        name,
        "WF-10: a child does not start, since a run has its ID.",
    );
    stage
        .start("Collector", "wf-10-child-exists/1", json!(1))
        .await;
    let child = json!({"workflow": "Collector", "id": "wf-10-child-exists/1", "input": 1});
    stage
        .start("Parent", name, family("wait", json!([child])))
        .await;
    stage.one(story, name).await
}

async fn type_unknown(stage: &Stage) -> Story {
    let name = "wf-10-child-of-no-type";
    let story = Story::new(
        name,
        "WF-10: a child does not start, since no component exports its type.",
    );
    let child = json!({"workflow": "Nothing", "id": "wf-10-child-of-no-type/1", "input": 1});
    stage
        .start("Parent", name, family("wait", json!([child])))
        .await;
    stage.one(story, name).await
}

async fn withdrawn(stage: &Stage) -> Story {
    let name = "wf-11-withdrawn";
    let story = Story::new(
        name,
        "WF-11: a child is cancelled in the task that asked for it: it never comes to be.",
    );
    let child = json!({"workflow": "Collector", "id": "wf-11-withdrawn/1", "input": 1});
    stage
        .start("Parent", name, family("withdraw", json!([child])))
        .await;
    stage.one(story, name).await
}

async fn signalled_before_its_start(stage: &Stage) -> Story {
    let name = "wf-10-child-is-signalled";
    let mut story = Story::new(
        name,
        "WF-10, WF-16: a child is signalled by its handle before it has started: the signal
         waits for that.",
    );
    let child = json!({"workflow": "Collector", "id": "wf-10-child-is-signalled/1", "input": 2});
    stage
        .start("Parent", name, family("signal", json!([child])))
        .await;
    stage
        .after(name, "", EventType::ExternalWorkflowExecutionSignaled, 1)
        .await;
    stage
        .signal("wf-10-child-is-signalled/1", "add", json!(2))
        .await;
    stage.closed(name, "").await;
    stage.add(&mut story, name, "").await;
    story
}

async fn closed_with_parent(
    stage: &Stage,
    name: &'static str,
    heading: &'static str,
    policy: &str,
) -> Story {
    let story = Story::new(name, heading);
    let child_id = format!("{name}/1");
    let child = json!({
        "workflow": "Parent", "id": child_id, "policy": policy,
        "input": family("hang", json!([])),
    });
    parent_of(stage, name, "hang", child).await;
    stage.terminate(name, "enough").await;
    if policy == "abandon" {
        stage.cancel(&child_id, "enough").await;
    }
    both(stage, story, &child_id).await
}

async fn cancelled(
    stage: &Stage,
    name: &'static str,
    heading: &'static str,
    cancellation: &str,
) -> Story {
    let mut story = Story::new(name, heading);
    // The child cleans up, which takes a worker.
    let child = json!({
        "workflow": "Sleeper", "id": format!("{name}/1"), "input": 3_600_000,
        "policy": "abandon", "cancellation": cancellation, "task_queue": name,
    });
    stage
        .start("Parent", name, family("cancel", json!([child])))
        .await;
    if cancellation == "wait-completed" {
        let kind = EventType::ExternalWorkflowExecutionCancelRequested;
        stage.after(name, "", kind, 1).await;
    }
    let _worker = Hand::start(&stage.calls, name, 1);
    stage.closed(name, "").await;
    stage.add(&mut story, name, "").await;
    story
}

async fn signal_delivered(stage: &Stage) -> Story {
    let name = "wf-16-signal";
    let story = Story::new(
        name,
        "WF-16: one run signals another; the other's event names the sender.",
    );
    stage.start("Collector", "wf-16-signal/to", json!(1)).await;
    stage.begun("wf-16-signal/to").await;
    let message = json!({"to": "wf-16-signal/to", "signal": "add", "input": "x"});
    stage.start("Messenger", name, message).await;
    both(stage, story, "wf-16-signal/to").await
}

async fn cancel_delivered(stage: &Stage) -> Story {
    let name = "wf-16-cancel";
    let story = Story::new(name, "WF-16: one run asks another to cancel itself.");
    stage
        .start("Parent", "wf-16-cancel/to", family("hang", json!([])))
        .await;
    stage.begun("wf-16-cancel/to").await;
    let message = json!({"to": "wf-16-cancel/to", "input": null});
    stage.start("Messenger", name, message).await;
    both(stage, story, "wf-16-cancel/to").await
}

async fn not_found(
    stage: &Stage,
    name: &'static str,
    heading: &'static str,
    signal: Option<&str>,
) -> Story {
    let message = json!({"to": "nobody", "signal": signal, "input": 1});
    stage.start("Messenger", name, message).await;
    stage.one(Story::new(name, heading), name).await
}
