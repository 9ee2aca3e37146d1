//! Short stories over the real binary: what clients and workers rely on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mainspring_tests::{Calls, Ledger, Server, Worker, component_of};
use temporalio_protos::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
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
