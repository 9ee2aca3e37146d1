//! Runs and what they send one another, seen from outside: children, their
//! cancellation and close policies, signals between workflows.

use std::time::Duration;

use mainspring_tests::{Calls, Server, component_of, json};
use serde_json::{Value, json};
use temporalio_protos::temporal::api::enums::v1::{
    EventType, StartChildWorkflowExecutionFailedCause as StartCause, WorkflowExecutionStatus,
};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflowservice::v1::*;

async fn kit_server(flags: &[&str]) -> Server {
    let server = Server::start(flags).await;
    server.upload(&component_of("tests/workflows"));
    server
}

async fn start(calls: &Calls, workflow_type: &str, id: &str, input: Value) -> String {
    let request = StartWorkflowExecutionRequest {
        workflow_type: Some(workflow_type.to_owned().into()),
        input: Some(json(&input)),
        ..Calls::order(id, "")
    };
    let started = calls.client().start_workflow_execution(request).await;
    started.expect("a workflow starts").into_inner().run_id
}

/// Runs a workflow to its result.
async fn result(calls: &Calls, workflow_type: &str, id: &str, input: Value) -> Value {
    let run_id = start(calls, workflow_type, id, input).await;
    result_of(&close(calls, id, &run_id).await)
}

async fn close(calls: &Calls, id: &str, run_id: &str) -> HistoryEvent {
    let waiting = calls.close_event(id, run_id);
    let close = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    close.unwrap_or_else(|_| panic!("{id} never closes"))
}

fn result_of(close: &HistoryEvent) -> Value {
    match &close.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => {
            let result = a.result.clone().unwrap_or_default();
            let data = result.payloads.first().map(|payload| payload.data.clone());
            serde_json::from_slice(&data.unwrap_or_else(|| b"null".to_vec())).expect("JSON")
        }
        other => panic!("not completed: {other:?}"),
    }
}

async fn kinds(calls: &Calls, id: &str) -> Vec<EventType> {
    let history = calls.history(id, "").await.expect("a history");
    let kinds = history.iter().map(HistoryEvent::event_type);
    kinds
        .filter(|kind| !kind.as_str_name().contains("WORKFLOW_TASK"))
        .collect()
}

/// Waits until a run has this status.
async fn reaches(calls: &Calls, id: &str, status: WorkflowExecutionStatus) {
    for _ in 0..600 {
        if status_of(calls, id).await == Some(status) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} is {:?}, not {status:?}", status_of(calls, id).await);
}

async fn status_of(calls: &Calls, id: &str) -> Option<WorkflowExecutionStatus> {
    let described = calls.describe(id).await.ok()?;
    Some(described.workflow_execution_info?.status())
}

fn family(then: &str, children: Value) -> Value {
    json!({"children": children, "then": then})
}

fn child(workflow: &str, id: &str, input: Value) -> Value {
    json!({"workflow": workflow, "id": id, "input": input})
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_a_child_starts_and_ends_and_its_parent_hears_both() {
    for flags in [&[][..], &["--evict-after-each-activation"]] {
        let server = kit_server(flags).await;
        let calls = server.calls();
        let children = json!([
            child("Collector", "c-1", json!(0)),
            child("Failer", "c-2", json!("no luck")),
            {"workflow": "Sleeper", "id": "c-3", "input": 60_000, "run_timeout_ms": 100},
        ]);
        let told = result(&calls, "Parent", "p", family("wait", children)).await;
        assert_eq!(told[0], json!({"ok": []}));
        assert_eq!(told[1]["error"], "failed");
        assert_eq!(told[1]["cause"], "no luck");
        assert_eq!(told[2]["error"], "timed out");
        let history = calls.history("p", "").await.unwrap();
        let count = |kind: EventType| {
            let events = history.iter().filter(|event| event.event_type() == kind);
            events.count()
        };
        assert_eq!(count(EventType::StartChildWorkflowExecutionInitiated), 3);
        assert_eq!(count(EventType::ChildWorkflowExecutionStarted), 3);
        assert_eq!(count(EventType::ChildWorkflowExecutionCompleted), 1);
        assert_eq!(count(EventType::ChildWorkflowExecutionFailed), 1);
        assert_eq!(count(EventType::ChildWorkflowExecutionTimedOut), 1);
        // What was replayed is the same.
        let child = calls.describe("c-1").await.unwrap();
        let info = child.workflow_execution_info.unwrap();
        let parent = calls.describe("p").await.unwrap().workflow_execution_info;
        let parent = parent.unwrap().execution;
        assert_eq!(info.parent_execution, parent);
        assert_eq!(info.root_execution, parent);
        let history = calls.history("c-1", "").await.unwrap();
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            &history[0].attributes
        else {
            panic!("a history begins with its start");
        };
        assert_eq!(started.parent_workflow_execution, parent);
        assert_eq!(started.root_workflow_execution, parent);
        assert_eq!(started.parent_workflow_namespace, "default");
        assert_eq!(started.parent_initiated_event_id, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_a_child_that_cannot_start_says_why() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    start(&calls, "Collector", "taken", json!(1)).await;
    let children = json!([
        child("Collector", "taken", json!(0)),
        child("Collector", "p", json!(0)),
        {"workflow": "Collector", "id": "p", "input": 0, "reuse": "terminate"},
        child("Nothing", "c", json!(0)),
        {"workflow": "Collector", "id": "d", "input": 0, "version": "never"},
    ]);
    let told = result(&calls, "Parent", "p", family("wait", children)).await;
    for n in 0..3 {
        assert_eq!(told[n]["error"], "already started", "{told}");
    }
    let why = told[3]["cause"].as_str().unwrap();
    assert!(why.contains("no component in namespace default"), "{why}");
    assert!(
        told[4]["cause"].as_str().unwrap().contains("version"),
        "{told}"
    );
    let history = calls.history("p", "").await.unwrap();
    let causes: Vec<StartCause> = history
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::StartChildWorkflowExecutionFailedEventAttributes(a)) => {
                Some(a.cause())
            }
            _ => None,
        })
        .collect();
    assert_eq!(causes.len(), 5);
    assert_eq!(causes[0], StartCause::WorkflowAlreadyExists);
    assert_eq!(
        status_of(&calls, "taken").await,
        Some(WorkflowExecutionStatus::Running)
    );
    let replaced =
        json!([{"workflow": "Collector", "id": "taken", "input": 0, "reuse": "terminate"}]);
    let told = result(&calls, "Parent", "q", family("wait", replaced)).await;
    assert_eq!(told[0], json!({"ok": []}), "the one that ran made room");
    let again = json!([{"workflow": "Collector", "id": "taken", "input": 0, "reuse": "reject"}]);
    let told = result(&calls, "Parent", "r", family("wait", again)).await;
    assert_eq!(told[0]["error"], "already started");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_11_a_cancelled_child_is_told_and_heard_of_as_its_type_says() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    let sleeper = |id: &str, cancellation: &str| {
        json!({
            "workflow": "Parent", "id": id, "cancellation": cancellation, "policy": "abandon",
            "input": family("hang", json!([])),
        })
    };
    for then in ["cancel", "withdraw"] {
        let id = |kind: &str| format!("{then}-{kind}");
        let kinds_of = ["wait-completed", "wait-requested", "try", "abandon"];
        let children: Vec<Value> = kinds_of
            .iter()
            .map(|kind| sleeper(&id(kind), kind))
            .collect();
        let parent = format!("{then}-parent");
        let told = result(&calls, "Parent", &parent, family(then, json!(children))).await;
        for (index, kind) in kinds_of.iter().enumerate() {
            assert_eq!(told[index]["error"], "cancelled", "{then} {kind}: {told}");
        }
        let history = kinds(&calls, &parent).await;
        let cancels = history
            .iter()
            .filter(|kind| **kind == EventType::RequestCancelExternalWorkflowExecutionInitiated);
        if then == "cancel" {
            assert_eq!(cancels.count(), 3, "an abandoned child is not told");
            for kind in ["wait-completed", "wait-requested", "try"] {
                reaches(&calls, &id(kind), WorkflowExecutionStatus::Canceled).await;
            }
        } else {
            assert_eq!(
                cancels.count(),
                0,
                "what never was asked for needs no cancel"
            );
            assert!(
                calls.describe(&id("try")).await.is_err(),
                "it never started"
            );
        }
        reaches(&calls, &id("abandon"), WorkflowExecutionStatus::Running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_12_children_follow_their_parent_as_the_policy_says_however_it_closes() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    for how in ["leave", "fail", "terminate", "timeout", "cancel"] {
        let id = |policy: &str| format!("{how}-{policy}");
        let policies = ["terminate", "abandon", "request-cancel"];
        let children: Vec<Value> = policies
            .iter()
            .map(|policy| {
                json!({
                    "workflow": "Parent", "id": id(policy), "policy": policy,
                    "input": family("hang", json!([])),
                })
            })
            .collect();
        let parent = id("parent");
        let then = if ["leave", "fail"].contains(&how) {
            how
        } else {
            "hang"
        };
        let mut request = StartWorkflowExecutionRequest {
            workflow_type: Some("Parent".to_owned().into()),
            input: Some(json(&family(then, json!(children)))),
            ..Calls::order(&parent, "")
        };
        if how == "timeout" {
            request.workflow_run_timeout = Some(prost_wkt_types::Duration {
                seconds: 2,
                nanos: 0,
            });
        }
        calls
            .client()
            .start_workflow_execution(request)
            .await
            .unwrap();
        for policy in policies {
            // Some of them may be gone again already.
            while calls.describe(&id(policy)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        match how {
            "terminate" => calls.terminate(&parent).await.unwrap(),
            "cancel" => calls.cancel(&parent).await.unwrap(),
            _ => {}
        }
        reaches(
            &calls,
            &id("terminate"),
            WorkflowExecutionStatus::Terminated,
        )
        .await;
        reaches(
            &calls,
            &id("request-cancel"),
            WorkflowExecutionStatus::Canceled,
        )
        .await;
        assert_eq!(
            status_of(&calls, &id("abandon")).await,
            Some(WorkflowExecutionStatus::Running),
            "{how}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_16_signals_and_cancels_reach_other_workflows_or_say_why_not() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    let run_id = start(&calls, "Collector", "c", json!(2)).await;
    let message = |to: &str| json!({"to": to, "signal": "add", "input": "x"});
    let told = result(&calls, "Messenger", "m-1", message("c")).await;
    assert_eq!(told, json!({"delivered": []}));
    let of_run = json!({"to": "c", "run": run_id, "signal": "add", "input": "y"});
    result(&calls, "Messenger", "m-2", of_run).await;
    assert_eq!(
        result_of(&close(&calls, "c", &run_id).await),
        json!(["x", "y"])
    );
    let history = calls.history("c", "").await.unwrap();
    let sender = history.iter().find_map(|event| match &event.attributes {
        Some(Attributes::WorkflowExecutionSignaledEventAttributes(a)) => {
            a.external_workflow_execution.clone()
        }
        _ => None,
    });
    assert_eq!(sender.unwrap().workflow_id, "m-1");

    for (id, to) in [("m-3", "c"), ("m-4", "nobody")] {
        let told = result(&calls, "Messenger", id, message(to)).await;
        assert_eq!(
            told["refused"], "ExternalWorkflowExecutionNotFound",
            "{told}"
        );
        assert!(told["message"].as_str().unwrap().contains(to), "{told}");
    }
    let told = result(&calls, "Messenger", "m-5", message("m-5")).await;
    assert_eq!(told, json!({"delivered": ["x"]}), "it heard itself");

    start(&calls, "Parent", "waits", family("hang", json!([]))).await;
    let cancel = |to: &str| json!({"to": to, "input": null});
    let told = result(&calls, "Messenger", "m-6", cancel("waits")).await;
    assert_eq!(told, json!({"delivered": []}));
    reaches(&calls, "waits", WorkflowExecutionStatus::Canceled).await;
    let told = result(&calls, "Messenger", "m-7", cancel("waits")).await;
    assert_eq!(told["refused"], "ExternalWorkflowExecutionNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_a_signal_to_a_child_waits_for_its_start() {
    let server = kit_server(&["--evict-after-each-activation"]).await;
    let calls = server.calls();
    let children = json!([child("Collector", "c", json!(1))]);
    let told = result(&calls, "Parent", "p", family("signal", children)).await;
    assert_eq!(told, json!([{"ok": [1]}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_17_describe_and_list_show_who_belongs_to_whom() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    let children = json!([
        child("Collector", "c-1", json!(1)),
        {"workflow": "Collector", "input": 1, "memo": {"note": "hello"}},
    ]);
    let run_id = start(&calls, "Parent", "p", family("hang", children)).await;
    let pending = loop {
        let pending = calls.describe("p").await.unwrap().pending_children;
        if pending.len() == 2 && pending.iter().all(|child| !child.run_id.is_empty()) {
            break pending;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(pending[0].workflow_id, "c-1");
    assert_eq!(pending[0].workflow_type_name, "Collector");
    assert_eq!(pending[1].workflow_id, format!("{run_id}_2"));
    let list = async |query: &str| {
        let request = ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            query: query.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        let listed = calls.client().list_workflow_executions(request).await;
        listed.unwrap().into_inner().executions
    };
    let children = list("ParentWorkflowId = 'p'").await;
    assert_eq!(children.len(), 2);
    for child in &children {
        assert_eq!(child.parent_execution.as_ref().unwrap().run_id, run_id);
    }
    let noted = |child: &&temporalio_protos::temporal::api::workflow::v1::WorkflowExecutionInfo| {
        let memo = child.memo.clone().unwrap_or_default();
        memo.fields.contains_key("note")
    };
    assert_eq!(children.iter().filter(noted).count(), 1);
    assert_eq!(list("RootWorkflowId = 'p'").await.len(), 3);
    assert_eq!(list(&format!("ParentRunId = '{run_id}'")).await.len(), 2);
    assert_eq!(list("ParentWorkflowId IS NULL").await.len(), 1);
    calls.terminate("p").await.unwrap();
    reaches(&calls, "c-1", WorkflowExecutionStatus::Terminated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_survive_a_restart_wherever_they_are() {
    let mut server = kit_server(&[]).await;
    let calls = server.calls();
    let collector = start(&calls, "Collector", "collector", json!(13)).await;
    let tree = json!({
        "depth": 2, "width": 3, "name": "tree", "report_to": "collector", "pause_ms": 300,
    });
    let run_id = start(&calls, "Tree", "tree", tree).await;
    for _ in 0..5 {
        server.kill();
        server.restart().await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(result_of(&close(&calls, "tree", &run_id).await), json!(13));
    let reported = result_of(&close(&calls, "collector", &collector).await);
    let mut names: Vec<&str> = reported
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 13, "{reported}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_a_child_ends_for_its_parent_with_the_last_run_of_its_chain() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    let children = json!([
        child("Chain", "chain", json!({"left": 3})),
        {"workflow": "Failer", "id": "retried", "input": "no luck", "maximum_attempts": 3},
    ]);
    let told = result(&calls, "Parent", "p", family("wait", children)).await;
    assert_eq!(told[0]["ok"]["done"], 3, "{told}");
    assert_eq!(told[1]["cause"], "no luck");
    let history = calls.history("p", "").await.unwrap();
    let run_ids = |kind: EventType| {
        let events = history
            .iter()
            .filter(move |event| event.event_type() == kind);
        let run_id = |event: &HistoryEvent| match &event.attributes {
            Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(a)) => {
                a.workflow_execution.clone().unwrap().run_id
            }
            Some(Attributes::ChildWorkflowExecutionCompletedEventAttributes(a)) => {
                a.workflow_execution.clone().unwrap().run_id
            }
            _ => String::new(),
        };
        events.map(run_id).collect::<Vec<_>>()
    };
    let first = &told[0]["ok"]["first_run_id"];
    assert!(
        run_ids(EventType::ChildWorkflowExecutionStarted)
            .iter()
            .any(|id| id == first)
    );
    let last = run_ids(EventType::ChildWorkflowExecutionCompleted);
    assert_eq!(json!(last[0]), told[0]["ok"]["run_id"]);
    assert_eq!(run_ids(EventType::ChildWorkflowExecutionFailed).len(), 1);
    let retried = calls.describe("retried").await.unwrap();
    let info = retried.workflow_execution_info.unwrap();
    assert_eq!(info.parent_execution.unwrap().workflow_id, "p");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_12_a_close_policy_reaches_the_current_run_of_a_childs_chain() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    let children: Vec<Value> = ["terminate", "request-cancel"]
        .iter()
        .map(|policy| {
            json!({
                "workflow": "Chain", "id": policy, "policy": policy,
                "input": {"left": 100_000, "sleep_ms": 100},
            })
        })
        .collect();
    start(&calls, "Parent", "p", family("hang", json!(children))).await;
    let first = loop {
        let described = calls.describe("terminate").await;
        if let Some(info) = described.ok().and_then(|d| d.workflow_execution_info) {
            let run_id = info.execution.unwrap().run_id;
            if run_id != info.first_run_id {
                break info.first_run_id;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    calls.terminate("p").await.unwrap();
    reaches(&calls, "terminate", WorkflowExecutionStatus::Terminated).await;
    reaches(&calls, "request-cancel", WorkflowExecutionStatus::Canceled).await;
    let info = calls.describe("terminate").await.unwrap();
    let info = info.workflow_execution_info.unwrap();
    assert_eq!(info.first_run_id, first, "the same chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_16_signals_arrive_once_at_a_run_that_continues_as_new_with_each_of_them() {
    let server = kit_server(&[]).await;
    let calls = server.calls();
    start(&calls, "Rolling", "rolling", json!({"want": 30})).await;
    let sends: Vec<String> = (0..30).map(|n| format!("m-{n}")).collect();
    for id in &sends {
        let message = json!({"to": "rolling", "signal": "add", "input": id});
        start(&calls, "Messenger", id, message).await;
    }
    for id in &sends {
        let told = result_of(&close(&calls, id, "").await);
        assert_eq!(told, json!({"delivered": []}), "{id}");
    }
    reaches(&calls, "rolling", WorkflowExecutionStatus::Completed).await;
    let items = result_of(&close(&calls, "rolling", "").await);
    let mut items: Vec<&str> = items
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_that_signals_for_ever_leaves_others_room() {
    let mut server = kit_server(&[]).await;
    let calls = server.calls();
    for (id, next) in [("r-1", "r-2"), ("r-2", "r-3"), ("r-3", "r-1")] {
        start(&calls, "Ring", id, json!(next)).await;
    }
    calls.signal("r-1", "ball").await.unwrap();
    for n in 0..20 {
        let id = format!("other-{n}");
        let told = result(&calls, "Collector", &id, json!(0)).await;
        assert_eq!(told, json!([]));
    }
    while calls.query("r-1", "seen").await.unwrap().as_u64().unwrap() < 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A stop does not wait for the ball, and a start goes on with it.
    server.stop();
    server.restart().await;
    let seen = calls.query("r-1", "seen").await.unwrap().as_u64().unwrap();
    while calls.query("r-1", "seen").await.unwrap().as_u64().unwrap() <= seen + 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever passes the ball to a member that is gone fails.
    calls.terminate("r-1").await.unwrap();
    // If it went down with the ball, here is another one.
    let _ = calls.signal("r-2", "ball").await;
    reaches(&calls, "r-3", WorkflowExecutionStatus::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_children_past_the_limit_blocks_its_parent_and_names_the_limit() {
    let server = kit_server(&["--pending-operations", "50", "--letters-in-memory", "10"]).await;
    let calls = server.calls();
    let storm = |children: u64| json!({"children": children, "workflow": "Collector", "input": 0});
    let told = result(&calls, "Storm", "small", storm(50)).await;
    assert_eq!(told, json!(50), "more than fit into memory at once");
    start(&calls, "Storm", "large", storm(51)).await;
    let problem = loop {
        let history = calls.history("large", "").await.unwrap();
        let failed = history
            .into_iter()
            .find_map(|event| match event.attributes {
                Some(Attributes::WorkflowTaskFailedEventAttributes(a)) => Some(a),
                _ => None,
            });
        if let Some(failed) = failed {
            break failed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let message = problem.failure.as_ref().unwrap().message.clone();
    assert!(message.contains("pending-operations"), "{message}");
    assert_eq!(
        problem.cause().as_str_name(),
        "WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED"
    );
    assert_eq!(
        status_of(&calls, "large").await,
        Some(WorkflowExecutionStatus::Running)
    );
    calls.terminate("large").await.unwrap();
}
