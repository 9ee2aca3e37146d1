//! Short stories over the real binary: what clients and workers rely on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mainspring_tests::{Calls, Ledger, Server, Worker, component_of};
use temporalio_protos::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::Code;

async fn order_server(flags: &[&str]) -> Server {
    let server = Server::start(flags).await;
    server.upload(&component_of("examples/order/workflow"));
    server
}

fn kinds(history: &[HistoryEvent]) -> Vec<EventType> {
    history.iter().map(HistoryEvent::event_type).collect()
}

async fn histories_of_orders(server: &Server) -> Vec<Vec<EventType>> {
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 2, &ledger);
    let mut histories = Vec::new();
    for order in 0..5 {
        let id = format!("order-{order}");
        let run_id = calls.start_order(&id, "").await.expect("an order starts");
        calls.close_event(&id, &run_id).await;
        histories.push(kinds(
            &calls.history(&id, &run_id).await.expect("a history"),
        ));
    }
    histories
}

#[tokio::test(flavor = "multi_thread")]
async fn evicting_after_every_activation_gives_the_same_histories() {
    let kept = order_server(&[]).await;
    let evicted = order_server(&["--evict-after-each-activation"]).await;
    assert_eq!(
        histories_of_orders(&kept).await,
        histories_of_orders(&evicted).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_03_and_04_a_workflow_id_has_one_open_run() {
    let server = order_server(&[]).await;
    let calls = server.calls();
    let first = calls.start_order("order-1", "request-1").await.unwrap();
    assert_eq!(
        calls.start_order("order-1", "request-1").await.unwrap(),
        first
    );
    let other = calls.start_order("order-1", "request-2").await.unwrap_err();
    assert_eq!(other.code(), Code::AlreadyExists);
    assert!(!other.details().is_empty(), "the run ID travels with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_nobody_exports_is_refused_with_the_way_out() {
    let server = order_server(&[]).await;
    let mut request = Calls::order("order-1", "");
    request.workflow_type = Some("Nothing".to_owned().into());
    let status = server
        .calls()
        .client()
        .start_workflow_execution(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(
        status.message().contains("mainspring component upload"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_that_is_not_served_says_its_name() {
    let server = Server::start(&[]).await;
    let request = StartBatchOperationRequest::default();
    let status = server
        .calls()
        .client()
        .start_batch_operation(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("StartBatchOperation"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_and_history_waits_end_before_their_callers_give_up() {
    let server = order_server(&[]).await;
    let calls = server.calls();
    let run_id = calls.start_order("order-1", "").await.unwrap();
    let began = Instant::now();
    let mut request = tonic::Request::new(GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: Some(
            temporalio_protos::temporal::api::common::v1::WorkflowExecution {
                workflow_id: "order-1".to_owned(),
                run_id,
            },
        ),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..GetWorkflowExecutionHistoryRequest::default()
    });
    request.set_timeout(Duration::from_secs(3));
    let page = calls.client().get_workflow_execution_history(request).await;
    let page = page.expect("an empty page, no error").into_inner();
    assert!(page.history.unwrap_or_default().events.is_empty());
    assert!(
        !page.next_page_token.is_empty(),
        "the run is open: ask again"
    );
    assert!(began.elapsed() >= Duration::from_millis(1_500), "it waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_file_is_refused() {
    let server = Server::start(&[]).await;
    let file = server.database();
    let file = file.to_string_lossy();
    let (text, started) = server.cli(&["dev", "--port", "0", "--db-filename", &file]);
    assert!(!started, "{text}");
    assert!(text.contains("another server has the database"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_keeps_everything() {
    let mut server = order_server(&[]).await;
    let run_id = server.calls().start_order("order-1", "").await.unwrap();
    server.stop();
    server.restart().await;
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 1, &ledger);
    let close = calls.close_event("order-1", &run_id).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
}

/// The same component with other bytes: a custom section that nobody reads.
fn another_build_of(component: &std::path::Path) -> std::path::PathBuf {
    let mut bytes = std::fs::read(component).expect("the component can be read");
    bytes.extend_from_slice(b"\x00\x05\x04next");
    let file = component.with_extension("next.wasm");
    std::fs::write(&file, bytes).expect("a file can be written");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_stay_on_the_component_that_they_began_with() {
    let server = Server::start(&[]).await;
    let component = component_of("examples/order/workflow");
    let versioned = |file: &std::path::Path, label: &str| {
        let file = file.to_string_lossy().into_owned();
        let (text, uploaded) = server.cli(&["component", "upload", &file, "--version", label]);
        assert!(uploaded, "{text}");
    };
    versioned(&component, "v1");
    let calls = server.calls();
    let old = calls.start_order("old", "").await.unwrap();
    versioned(&another_build_of(&component), "v2");
    let new = calls.start_order("new", "").await.unwrap();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 2, &ledger);
    for (id, run_id, label) in [("old", old, "v1"), ("new", new, "v2")] {
        let close = calls.close_event(id, &run_id).await;
        assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
        let history = calls.history(id, &run_id).await.unwrap();
        let labels: Vec<String> = history.iter().filter_map(version_of).collect();
        assert_eq!(
            labels, [label; 6],
            "every task of {id} ran on its own version"
        );
    }
    let delete = ["component", "delete", "OrderWorkflow", "--version", "v1"];
    let (text, deleted) = server.cli(&delete);
    assert!(!deleted, "a run was made with it: {text}");
    assert!(text.contains("1 closed runs"), "{text}");
}

/// The version label that completed a workflow task.
fn version_of(event: &HistoryEvent) -> Option<String> {
    match event.attributes.as_ref()? {
        Attributes::WorkflowTaskCompletedEventAttributes(completed) => {
            Some(completed.deployment_version.clone()?.build_id)
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_and_nothing_changes() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("text.wasm");
    std::fs::write(&file, "not a component").expect("a file can be written");
    let (text, uploaded) = server.cli(&["component", "upload", &file.to_string_lossy()]);
    assert!(!uploaded);
    assert!(text.contains("not WebAssembly"), "{text}");
    let (text, listed) = server.cli(&["component", "list"]);
    assert!(listed && !text.contains("text"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn act_07_tasks_and_heartbeats_find_their_activity_after_a_restart() {
    let mut server = order_server(&[]).await;
    let run_id = server.calls().start_order("order-1", "").await.unwrap();
    // Nobody has asked for the run since the restart: its activity's row is enough.
    server.kill();
    server.restart().await;
    let poll = PollActivityTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: Some(mainspring_tests::task_queue("orders")),
        identity: "one".to_owned(),
        ..PollActivityTaskQueueRequest::default()
    };
    let task = server.calls().client().poll_activity_task_queue(poll).await;
    let task = task.expect("the task waited on disk").into_inner();
    assert_eq!(task.activity_type.unwrap().name, "ReserveInventory");
    assert_eq!(task.workflow_type.unwrap().name, "OrderWorkflow");
    assert_eq!(task.attempt, 1);
    server.kill();
    server.restart().await;
    let calls = server.calls();
    let heartbeat = RecordActivityTaskHeartbeatRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        details: Some(mainspring_tests::json(&serde_json::json!("half"))),
        ..RecordActivityTaskHeartbeatRequest::default()
    };
    let mut client = calls.client();
    let beaten = client.record_activity_task_heartbeat(heartbeat).await;
    assert!(!beaten.expect("it runs").into_inner().cancel_requested);
    assert_eq!(
        calls.running_activities("order-1").await,
        ["ReserveInventory"]
    );
    let completed = RespondActivityTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        ..RespondActivityTaskCompletedRequest::default()
    };
    let done = client.respond_activity_task_completed(completed).await;
    done.expect("it runs");
    let late = RecordActivityTaskHeartbeatRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        ..RecordActivityTaskHeartbeatRequest::default()
    };
    let late = client.record_activity_task_heartbeat(late).await;
    assert_eq!(late.unwrap_err().code(), Code::NotFound);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 1, &ledger);
    let close = calls.close_event("order-1", &run_id).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
}
