//! Requests that carry too much, on every call that carries something.

use mainspring_test_guests::Guest;
use mainspring_tests::{Calls, Server, execution};
use temporalio_protos::temporal::api::common::v1::{Header, Payload, Payloads};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::{Code, Response, Status};

/// A run that waits for ever and answers no query.
fn waiting() -> Guest {
    Guest::new("Waiting").run("(loop $on (drop (call $next)) (br $on))")
}

async fn server() -> Server {
    let server = Server::start(&[]).await;
    let (text, uploaded) = server.try_upload(&waiting().component());
    assert!(uploaded, "{text}");
    let calls = server.calls();
    calls.start("Waiting", "w").await.expect("a start is taken");
    server
}

const MIB: usize = 1024 * 1024;

/// Over the limit of one payload, under that of a request.
fn large() -> Payload {
    Payload {
        data: vec![b'x'; 3 * MIB],
        ..Payload::default()
    }
}

fn payloads() -> Option<Payloads> {
    Some(Payloads {
        payloads: vec![large()],
    })
}

fn header() -> Option<Header> {
    Some(Header {
        fields: [("h".to_owned(), large())].into(),
    })
}

/// Over the limit of a request, whatever it is in.
fn text() -> String {
    "x".repeat(5 * MIB)
}

/// Over the limit of every name.
fn name() -> String {
    "x".repeat(1_001)
}

const NAMESPACE: &str = "default";

#[track_caller]
fn refused<T: std::fmt::Debug>(what: &str, answer: Result<Response<T>, Status>, words: &str) {
    let status = answer.expect_err(what);
    // SDKs try anything else again and again.
    assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status}");
    assert!(
        status.message().contains(words),
        "{what}: {words:?} is not in: {status}"
    );
}

fn signal() -> SignalWorkflowExecutionRequest {
    SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution("w", ""),
        signal_name: "s".to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    }
}

fn query(query: WorkflowQuery) -> QueryWorkflowRequest {
    QueryWorkflowRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution("w", ""),
        query: Some(query),
        ..QueryWorkflowRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_carry_too_much_are_told_the_limit_and_leave_nothing() {
    const PAYLOAD: &str = "limit payload-bytes";
    const REQUEST: &str = "limit request-bytes";
    const ID: &str = "limit id-bytes";
    let server = server().await;
    let calls = server.calls();
    let mut client = calls.client();
    for (what, request, words) in [
        (
            "a signal's input",
            SignalWorkflowExecutionRequest {
                input: payloads(),
                ..signal()
            },
            PAYLOAD,
        ),
        (
            "a signal's header",
            SignalWorkflowExecutionRequest {
                header: header(),
                ..signal()
            },
            PAYLOAD,
        ),
        (
            "a signal",
            SignalWorkflowExecutionRequest {
                identity: text(),
                ..signal()
            },
            REQUEST,
        ),
        (
            "a signal's name",
            SignalWorkflowExecutionRequest {
                signal_name: name(),
                ..signal()
            },
            ID,
        ),
    ] {
        refused(what, client.signal_workflow_execution(request).await, words);
    }
    let q = || "q".to_owned();
    for (what, asked, words) in [
        (
            "a query's arguments",
            WorkflowQuery {
                query_type: q(),
                query_args: payloads(),
                ..WorkflowQuery::default()
            },
            PAYLOAD,
        ),
        (
            "a query's header",
            WorkflowQuery {
                query_type: q(),
                header: header(),
                ..WorkflowQuery::default()
            },
            PAYLOAD,
        ),
        (
            "a query's name",
            WorkflowQuery {
                query_type: name(),
                ..WorkflowQuery::default()
            },
            ID,
        ),
    ] {
        refused(what, client.query_workflow(query(asked)).await, words);
    }
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution("w", ""),
        details: payloads(),
        ..TerminateWorkflowExecutionRequest::default()
    };
    let terminated = client.terminate_workflow_execution(terminate).await;
    refused("a termination's details", terminated, PAYLOAD);
    let cancel = RequestCancelWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution("w", ""),
        reason: text(),
        ..RequestCancelWorkflowExecutionRequest::default()
    };
    let cancelled = client.request_cancel_workflow_execution(cancel).await;
    refused("a cancel's reason", cancelled, REQUEST);

    let history = calls.history("w", "").await.expect("a history");
    let left = history.iter().filter(|event| {
        !matches!(
            event.event_type(),
            EventType::WorkflowExecutionStarted
                | EventType::WorkflowTaskScheduled
                | EventType::WorkflowTaskStarted
                | EventType::WorkflowTaskCompleted
        )
    });
    assert_eq!(left.count(), 0, "{history:?}");
}

/// An activity that a worker has: who reports on it by ID needs no token.
fn by_id<T>(make: impl Fn(String, String, String) -> T) -> T {
    make(NAMESPACE.to_owned(), "w".to_owned(), "1".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_by_id_that_carry_too_much_are_told_the_limit() {
    const PAYLOAD: &str = "limit payload-bytes";
    let server = server().await;
    let mut client = server.calls().client();
    let completed =
        by_id(
            |namespace, workflow_id, activity_id| RespondActivityTaskCompletedByIdRequest {
                namespace,
                workflow_id,
                activity_id,
                result: payloads(),
                ..RespondActivityTaskCompletedByIdRequest::default()
            },
        );
    let completed = client
        .respond_activity_task_completed_by_id(completed)
        .await;
    refused("a result", completed, PAYLOAD);
    let cancelled =
        by_id(
            |namespace, workflow_id, activity_id| RespondActivityTaskCanceledByIdRequest {
                namespace,
                workflow_id,
                activity_id,
                details: payloads(),
                ..RespondActivityTaskCanceledByIdRequest::default()
            },
        );
    let cancelled = client.respond_activity_task_canceled_by_id(cancelled).await;
    refused("a cancellation's details", cancelled, PAYLOAD);
    let alive =
        by_id(
            |namespace, workflow_id, activity_id| RecordActivityTaskHeartbeatByIdRequest {
                namespace,
                workflow_id,
                activity_id,
                details: payloads(),
                ..RecordActivityTaskHeartbeatByIdRequest::default()
            },
        );
    let alive = client.record_activity_task_heartbeat_by_id(alive).await;
    refused("a heartbeat's details", alive, PAYLOAD);
    let failed =
        by_id(
            |namespace, workflow_id, activity_id| RespondActivityTaskFailedByIdRequest {
                namespace,
                workflow_id,
                activity_id,
                last_heartbeat_details: payloads(),
                ..RespondActivityTaskFailedByIdRequest::default()
            },
        );
    let failed = client.respond_activity_task_failed_by_id(failed).await;
    refused("the last heartbeat of a failure", failed, PAYLOAD);
    let alive = RecordActivityTaskHeartbeatRequest {
        namespace: NAMESPACE.to_owned(),
        identity: text(),
        ..RecordActivityTaskHeartbeatRequest::default()
    };
    let alive = client.record_activity_task_heartbeat(alive).await;
    refused("a heartbeat", alive, "limit request-bytes");
    let completed = RespondActivityTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        identity: text(),
        ..RespondActivityTaskCompletedRequest::default()
    };
    let completed = client.respond_activity_task_completed(completed).await;
    refused("a completion", completed, "limit request-bytes");
    let calls: Calls = server.calls();
    calls.signal("w", "s").await.expect("the server goes on");
}
