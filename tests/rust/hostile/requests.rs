//! Requests that make no sense: each is answered with its code and a sentence.

use std::fmt::Debug;

use mainspring_test_guests::Guest;
use mainspring_tests::{Calls, Server, execution, task_queue};
use prost_wkt_types::Duration as Wire;
use temporalio_protos::temporal::api::common::v1::{Header, Memo, Payload, Payloads, RetryPolicy};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::{Code, Response, Status};

/// A run that waits for ever.
fn waiting() -> Guest {
    Guest::new("Waiting").run("(loop $on (drop (call $next)) (br $on))")
}

async fn server() -> Server {
    let server = Server::start(&[]).await;
    let (text, uploaded) = server.try_upload(&waiting().component());
    assert!(uploaded, "{text}");
    server
}

/// Expects a refusal with this code and these words.
#[track_caller]
fn refused<T: Debug>(answer: Result<Response<T>, Status>, code: Code, words: &str) {
    let status = answer.expect_err(words);
    assert_eq!(status.code(), code, "{status}");
    assert!(
        status.message().contains(words),
        "{words:?} is not in: {status}"
    );
}

fn large() -> Payload {
    Payload {
        data: vec![b'x'; 3 * 1024 * 1024],
        ..Payload::default()
    }
}

fn large_input() -> Option<Payloads> {
    Some(Payloads {
        payloads: vec![large()],
    })
}

fn start() -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        workflow_type: Some("Waiting".to_owned().into()),
        input: None,
        ..Calls::order("w", "")
    }
}

const WRONG: Code = Code::InvalidArgument;
const TOO_LARGE: &str = "limit payload-bytes";

/// Something wrong with a start.
type Change = Box<dyn Fn(&mut StartWorkflowExecutionRequest)>;

/// Expects a refusal of each of these starts.
async fn starts_are_refused(cases: Vec<(Change, Code, &str)>) {
    let server = server().await;
    let mut client = server.calls().client();
    for (change, code, words) in cases {
        let mut request = start();
        change(&mut request);
        refused(client.start_workflow_execution(request).await, code, words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_with_names_that_make_no_sense_are_told_so() {
    let id = |id: &str| -> Change {
        let id = id.to_owned();
        Box::new(move |s| s.workflow_id = id.clone())
    };
    let of_type = |name: &'static str| -> Change {
        Box::new(move |s| s.workflow_type = Some(name.to_owned().into()))
    };
    let namespace =
        |name: &'static str| -> Change { Box::new(move |s| s.namespace = name.to_owned()) };
    let absent = Code::NotFound;
    starts_are_refused(vec![
        (id(""), WRONG, "WorkflowId is not set"),
        (id(&"x".repeat(1_001)), WRONG, "limit id-bytes"),
        (id("a\0b"), WRONG, "NUL"),
        (namespace(""), WRONG, "Namespace is not set"),
        (namespace("nowhere"), absent, "nowhere"),
        (of_type(""), WRONG, "WorkflowType is not set"),
        (of_type("Nothing"), absent, "mainspring component upload"),
        (
            Box::new(|s| s.task_queue = None),
            WRONG,
            "TaskQueue is not set",
        ),
        (
            Box::new(|s| s.task_queue = Some(task_queue(""))),
            WRONG,
            "TaskQueue is not set",
        ),
    ])
    .await;
}

fn seconds(seconds: i64, nanos: i32) -> Option<Wire> {
    Some(Wire { seconds, nanos })
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_with_options_that_make_no_sense_are_told_so() {
    let timeout =
        |timeout: Option<Wire>| -> Change { Box::new(move |s| s.workflow_run_timeout = timeout) };
    let policy = |policy: RetryPolicy| -> Change {
        Box::new(move |s| s.retry_policy = Some(policy.clone()))
    };
    let attempts = RetryPolicy {
        maximum_attempts: -1,
        ..RetryPolicy::default()
    };
    let coefficient = RetryPolicy {
        backoff_coefficient: f64::NAN,
        ..RetryPolicy::default()
    };
    let interval = RetryPolicy {
        initial_interval: seconds(-1, 0),
        ..RetryPolicy::default()
    };
    starts_are_refused(vec![
        (timeout(seconds(-1, 0)), WRONG, "negative"),
        (timeout(seconds(0, -1)), WRONG, "negative"),
        (timeout(seconds(0, i32::MAX)), WRONG, "nanoseconds"),
        (timeout(seconds(i64::MAX, 0)), WRONG, "WorkflowRunTimeout"),
        (policy(attempts), WRONG, "maximum attempts"),
        (policy(coefficient), WRONG, "backoff coefficient"),
        (policy(interval), WRONG, "negative"),
        (
            Box::new(|s| s.workflow_id_reuse_policy = 99),
            WRONG,
            "WorkflowIdReusePolicy",
        ),
        (
            Box::new(|s| s.workflow_id_conflict_policy = -1),
            WRONG,
            "WorkflowIdConflictPolicy",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_carry_too_much_are_told_the_limit() {
    let header = Header {
        fields: [("h".to_owned(), large())].into(),
    };
    let memo = Memo {
        fields: [("m".to_owned(), large())].into(),
    };
    let identity = "x".repeat(5 * 1024 * 1024);
    starts_are_refused(vec![
        (Box::new(|s| s.input = large_input()), WRONG, TOO_LARGE),
        (
            Box::new(move |s| s.header = Some(header.clone())),
            WRONG,
            TOO_LARGE,
        ),
        (
            Box::new(move |s| s.memo = Some(memo.clone())),
            WRONG,
            "limit memo-bytes",
        ),
        (
            Box::new(move |s| s.identity = identity.clone()),
            WRONG,
            "limit request-bytes",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_years_are_long_and_legal() {
    let server = server().await;
    let calls = server.calls();
    let mut request = start();
    request.workflow_run_timeout = seconds(315_576_000_000, 0);
    request.workflow_execution_timeout = seconds(315_576_000_000, 999_999_999);
    let started = calls.client().start_workflow_execution(request).await;
    started.expect("the longest timeout there is");
    calls.describe("w").await.expect("it is described");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_make_no_sense_are_told_what_is_wrong() {
    let server = server().await;
    let calls = server.calls();
    let mut client = calls.client();
    calls.start("Waiting", "w").await.expect("a start is taken");
    let signal = |id: &str, run: &str, name: &str| SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id, run),
        signal_name: name.to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    let unknown_run = "0193d5a0-0000-7000-8000-000000000001";
    for (request, code, words) in [
        (signal("w", "", ""), WRONG, "SignalName is not set"),
        (signal("", "", "s"), WRONG, "WorkflowId is not set"),
        (signal("w", "no-run-id", "s"), WRONG, "Invalid RunId"),
        (signal("unknown", "", "s"), Code::NotFound, "unknown"),
        (signal("w", unknown_run, "s"), Code::NotFound, ""),
        (signal("w", "", "a\0b"), WRONG, "NUL"),
        (
            SignalWorkflowExecutionRequest {
                workflow_execution: None,
                ..signal("w", "", "s")
            },
            WRONG,
            "Execution is not set",
        ),
        (
            SignalWorkflowExecutionRequest {
                input: large_input(),
                ..signal("w", "", "s")
            },
            WRONG,
            TOO_LARGE,
        ),
    ] {
        refused(client.signal_workflow_execution(request).await, code, words);
    }
    let query = |name: &str, condition: i32| QueryWorkflowRequest {
        namespace: "default".to_owned(),
        execution: execution("w", ""),
        query: Some(WorkflowQuery {
            query_type: name.to_owned(),
            ..WorkflowQuery::default()
        }),
        query_reject_condition: condition,
    };
    refused(
        client.query_workflow(query("", 0)).await,
        WRONG,
        "QueryType is not set",
    );
    refused(
        client.query_workflow(query("q", 99)).await,
        WRONG,
        "QueryRejectCondition",
    );
    refused(
        client.query_workflow(query("q", 0)).await,
        WRONG,
        "did not answer query q",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_workers_that_make_no_sense_are_told_what_is_wrong() {
    let server = server().await;
    let mut client = server.calls().client();
    let namespace = || "default".to_owned();
    for token in [&b""[..], b"garbage", b"\x01garbage", &[0xff; 64]] {
        let words = "task token";
        let completed = RespondActivityTaskCompletedRequest {
            namespace: namespace(),
            task_token: token.to_vec(),
            ..RespondActivityTaskCompletedRequest::default()
        };
        refused(
            client.respond_activity_task_completed(completed).await,
            WRONG,
            words,
        );
        let failed = RespondActivityTaskFailedRequest {
            namespace: namespace(),
            task_token: token.to_vec(),
            ..RespondActivityTaskFailedRequest::default()
        };
        refused(
            client.respond_activity_task_failed(failed).await,
            WRONG,
            words,
        );
        let alive = RecordActivityTaskHeartbeatRequest {
            namespace: namespace(),
            task_token: token.to_vec(),
            ..RecordActivityTaskHeartbeatRequest::default()
        };
        refused(
            client.record_activity_task_heartbeat(alive).await,
            WRONG,
            words,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_workers_that_carry_too_much_are_told_the_limit() {
    let server = server().await;
    let mut client = server.calls().client();
    let namespace = || "default".to_owned();
    let completed = RespondActivityTaskCompletedRequest {
        namespace: namespace(),
        result: large_input(),
        ..RespondActivityTaskCompletedRequest::default()
    };
    refused(
        client.respond_activity_task_completed(completed).await,
        WRONG,
        TOO_LARGE,
    );
    let failed = RespondActivityTaskFailedRequest {
        namespace: namespace(),
        failure: Some(Failure {
            message: "x".repeat(3 * 1024 * 1024),
            ..Failure::default()
        }),
        ..RespondActivityTaskFailedRequest::default()
    };
    refused(
        client.respond_activity_task_failed(failed).await,
        WRONG,
        TOO_LARGE,
    );
    let alive = RecordActivityTaskHeartbeatRequest {
        namespace: namespace(),
        details: large_input(),
        ..RecordActivityTaskHeartbeatRequest::default()
    };
    refused(
        client.record_activity_task_heartbeat(alive).await,
        WRONG,
        TOO_LARGE,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_polls_without_a_place_are_told_what_is_missing() {
    let server = server().await;
    let mut client = server.calls().client();
    let namespace = || "default".to_owned();
    let empty = RespondActivityTaskCompletedRequest::default();
    let empty = client.respond_activity_task_completed(empty).await;
    refused(empty, WRONG, "Namespace is not set");
    let by_id = RespondActivityTaskCompletedByIdRequest {
        namespace: namespace(),
        workflow_id: "unknown".to_owned(),
        activity_id: "1".to_owned(),
        ..RespondActivityTaskCompletedByIdRequest::default()
    };
    let by_id = client.respond_activity_task_completed_by_id(by_id).await;
    refused(by_id, Code::NotFound, "unknown");
    let poll = PollActivityTaskQueueRequest {
        namespace: namespace(),
        ..PollActivityTaskQueueRequest::default()
    };
    refused(
        client.poll_activity_task_queue(poll).await,
        WRONG,
        "TaskQueue is not set",
    );
}

/// A page token of a history, with any event to go on from.
fn forged(next_event_id: i64) -> Vec<u8> {
    let mut token = vec![1, 0x0a, 16];
    token.extend([7; 16]);
    token.push(0x10);
    let mut rest = next_event_id as u64;
    while rest > 0x7f {
        token.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    token.push(rest as u8);
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn page_tokens_that_nobody_gave_out_are_refused() {
    let server = server().await;
    let calls = server.calls();
    calls.start("Waiting", "w").await.expect("a start is taken");
    let mut client = calls.client();
    let words = "Invalid NextPageToken";
    let garbage = [&b"garbage"[..], &[0xff; 24], &[1, 0xff], &[0; 1_000]].map(<[u8]>::to_vec);
    for token in garbage
        .into_iter()
        .chain([forged(-1), forged(i64::MIN), forged(0)])
    {
        let history = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution("w", ""),
            next_page_token: token.clone(),
            wait_new_event: true,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        refused(
            client.get_workflow_execution_history(history).await,
            WRONG,
            words,
        );
        let backwards = GetWorkflowExecutionHistoryReverseRequest {
            namespace: "default".to_owned(),
            execution: execution("w", ""),
            next_page_token: token,
            ..GetWorkflowExecutionHistoryReverseRequest::default()
        };
        let backwards = client
            .get_workflow_execution_history_reverse(backwards)
            .await;
        refused(backwards, WRONG, words);
    }
    for token in [&b"garbage"[..], &[0xff; 23], &[0xff; 25]] {
        let list = ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            next_page_token: token.to_vec(),
            ..ListWorkflowExecutionsRequest::default()
        };
        refused(client.list_workflow_executions(list).await, WRONG, words);
    }
    let other_run = GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: execution("w", ""),
        next_page_token: forged(i64::MAX),
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let other_run = client.get_workflow_execution_history(other_run).await;
    refused(other_run, Code::NotFound, "");
}

/// A signal request whose texts are bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct RawSignal {
    #[prost(bytes = "vec", tag = "1")]
    namespace: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signal_name: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_the_callers_mistake() {
    let server = server().await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address()));
    let channel = endpoint.expect("a URL").connect().await;
    let mut client = tonic::client::Grpc::new(channel.expect("the server takes connections"));
    client.ready().await.expect("it is ready");
    let path = "/temporal.api.workflowservice.v1.WorkflowService/SignalWorkflowExecution";
    let request = RawSignal {
        namespace: b"default".to_vec(),
        signal_name: vec![0xff, 0xfe],
    };
    let codec: tonic_prost::ProstCodec<RawSignal, SignalWorkflowExecutionResponse> =
        tonic_prost::ProstCodec::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
    let answer = client
        .unary(tonic::Request::new(request), path, codec)
        .await;
    refused(answer, WRONG, "UTF-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_pages_and_filters_are_answered() {
    let server = server().await;
    let calls = server.calls();
    calls.start("Waiting", "w").await.expect("a start is taken");
    let mut client = calls.client();
    for size in [i32::MIN, -1, 0, i32::MAX] {
        let list = ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            page_size: size,
            ..ListWorkflowExecutionsRequest::default()
        };
        client
            .list_workflow_executions(list)
            .await
            .expect("a size that makes no sense is the default");
        let history = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution("w", ""),
            maximum_page_size: size,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let page = client.get_workflow_execution_history(history).await;
        let page = page.expect("a size that makes no sense is the default");
        assert!(
            !page
                .into_inner()
                .history
                .unwrap_or_default()
                .events
                .is_empty()
        );
    }
    let deep = "(".repeat(100_000);
    for filter in ["WorkflowId =", "Nonsense = 'x'", "'", deep.as_str()] {
        let list = ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            query: filter.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        refused(client.list_workflow_executions(list).await, WRONG, "");
    }
}
