//! Temporal's WorkflowService: one line per RPC, the work by subject beside it.

mod activity;
mod cluster;
mod describe;
mod history;
mod list;
mod list_open_closed;
mod messages;
mod namespace;
mod start;
mod task_queue;
mod updates;
mod with_start;

use std::time::Duration;

use mainspring_server::Server;
use prost::Message;
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::{Request, Response, Status};

use crate::proto::temporal::workflowservice::workflow_service_server::WorkflowService;

/// How long before its caller gives up a long poll is answered.
const DEADLINE_MARGIN: Duration = Duration::from_secs(1);

/// The service over a server.
pub(crate) struct Workflows {
    server: Server,
}

impl Workflows {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    /// Refuses a request over the limit: here and not in the transport, whose
    /// refusal clients would try again for ever.
    fn check_size<M: Message>(&self, request: &M) -> Result<(), Status> {
        let (bytes, limit) = (request.encoded_len(), self.server.limits().request_bytes);
        if bytes <= limit {
            return Ok(());
        }
        Err(Status::invalid_argument(format!(
            "The request has {bytes} bytes; {limit} are allowed (limit request-bytes). \
             Pass references instead of large values."
        )))
    }
}

/// How long a long poll may wait: `longest`, or a little less than its caller.
fn wait_of<T>(request: &Request<T>, longest: Duration) -> Duration {
    match timeout_of(request) {
        Some(timeout) => longest.min(timeout.saturating_sub(DEADLINE_MARGIN)),
        None => longest,
    }
}

/// The caller's deadline, as gRPC's `grpc-timeout` header says it: at most eight
/// digits and a unit.
fn timeout_of<T>(request: &Request<T>) -> Option<Duration> {
    let header = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => number.checked_mul(3_600).map(Duration::from_secs),
        "M" => number.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Defines the trait's methods: each takes the request apart and answers with what
/// the function of the same name gives.
macro_rules! delegate {
    ($($name:ident: $request:ident -> $response:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl WorkflowService for Workflows {
            $(async fn $name(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$response>, Status> {
                self.check_size(request.get_ref())?;
                Workflows::$name(self, request).await.map(Response::new)
            })*
        }
    };
}

delegate! {
    start_workflow_execution: StartWorkflowExecutionRequest -> StartWorkflowExecutionResponse,
    get_workflow_execution_history:
        GetWorkflowExecutionHistoryRequest -> GetWorkflowExecutionHistoryResponse,
    get_workflow_execution_history_reverse:
        GetWorkflowExecutionHistoryReverseRequest -> GetWorkflowExecutionHistoryReverseResponse,
    describe_workflow_execution:
        DescribeWorkflowExecutionRequest -> DescribeWorkflowExecutionResponse,
    list_workflow_executions: ListWorkflowExecutionsRequest -> ListWorkflowExecutionsResponse,
    scan_workflow_executions: ScanWorkflowExecutionsRequest -> ScanWorkflowExecutionsResponse,
    list_open_workflow_executions:
        ListOpenWorkflowExecutionsRequest -> ListOpenWorkflowExecutionsResponse,
    list_closed_workflow_executions:
        ListClosedWorkflowExecutionsRequest -> ListClosedWorkflowExecutionsResponse,
    get_search_attributes: GetSearchAttributesRequest -> GetSearchAttributesResponse,
    count_workflow_executions: CountWorkflowExecutionsRequest -> CountWorkflowExecutionsResponse,
    signal_workflow_execution: SignalWorkflowExecutionRequest -> SignalWorkflowExecutionResponse,
    signal_with_start_workflow_execution:
        SignalWithStartWorkflowExecutionRequest -> SignalWithStartWorkflowExecutionResponse,
    update_workflow_execution: UpdateWorkflowExecutionRequest -> UpdateWorkflowExecutionResponse,
    poll_workflow_execution_update:
        PollWorkflowExecutionUpdateRequest -> PollWorkflowExecutionUpdateResponse,
    execute_multi_operation: ExecuteMultiOperationRequest -> ExecuteMultiOperationResponse,
    query_workflow: QueryWorkflowRequest -> QueryWorkflowResponse,
    request_cancel_workflow_execution:
        RequestCancelWorkflowExecutionRequest -> RequestCancelWorkflowExecutionResponse,
    terminate_workflow_execution:
        TerminateWorkflowExecutionRequest -> TerminateWorkflowExecutionResponse,
    delete_workflow_execution: DeleteWorkflowExecutionRequest -> DeleteWorkflowExecutionResponse,
    poll_activity_task_queue: PollActivityTaskQueueRequest -> PollActivityTaskQueueResponse,
    respond_activity_task_completed:
        RespondActivityTaskCompletedRequest -> RespondActivityTaskCompletedResponse,
    respond_activity_task_completed_by_id:
        RespondActivityTaskCompletedByIdRequest -> RespondActivityTaskCompletedByIdResponse,
    respond_activity_task_failed:
        RespondActivityTaskFailedRequest -> RespondActivityTaskFailedResponse,
    respond_activity_task_failed_by_id:
        RespondActivityTaskFailedByIdRequest -> RespondActivityTaskFailedByIdResponse,
    respond_activity_task_canceled:
        RespondActivityTaskCanceledRequest -> RespondActivityTaskCanceledResponse,
    respond_activity_task_canceled_by_id:
        RespondActivityTaskCanceledByIdRequest -> RespondActivityTaskCanceledByIdResponse,
    record_activity_task_heartbeat:
        RecordActivityTaskHeartbeatRequest -> RecordActivityTaskHeartbeatResponse,
    record_activity_task_heartbeat_by_id:
        RecordActivityTaskHeartbeatByIdRequest -> RecordActivityTaskHeartbeatByIdResponse,
    poll_workflow_task_queue: PollWorkflowTaskQueueRequest -> PollWorkflowTaskQueueResponse,
    shutdown_worker: ShutdownWorkerRequest -> ShutdownWorkerResponse,
    describe_task_queue: DescribeTaskQueueRequest -> DescribeTaskQueueResponse,
    describe_namespace: DescribeNamespaceRequest -> DescribeNamespaceResponse,
    list_namespaces: ListNamespacesRequest -> ListNamespacesResponse,
    register_namespace: RegisterNamespaceRequest -> RegisterNamespaceResponse,
    get_system_info: GetSystemInfoRequest -> GetSystemInfoResponse,
    get_cluster_info: GetClusterInfoRequest -> GetClusterInfoResponse,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK_WAIT: Duration = Duration::from_millis(57_800);

    fn wait(header: &str) -> Duration {
        let mut request = Request::new(());
        let value = header.parse().expect("a header value");
        request.metadata_mut().insert("grpc-timeout", value);
        wait_of(&request, TASK_WAIT)
    }

    #[test]
    fn a_poll_answers_before_its_caller_gives_up() {
        assert_eq!(wait("70S"), TASK_WAIT);
        assert_eq!(wait("10000000u"), Duration::from_secs(9));
        assert_eq!(wait("500m"), Duration::ZERO);
        assert_eq!(wait("nonsense"), TASK_WAIT);
        assert_eq!(wait_of(&Request::new(()), TASK_WAIT), TASK_WAIT);
    }
}
