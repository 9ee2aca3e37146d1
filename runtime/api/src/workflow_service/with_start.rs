//! SignalWithStartWorkflowExecution and ExecuteMultiOperation, which is
//! update-with-start and nothing else (MSG-05, MSG-18).

use mainspring_server::{Signal, WithStartError};
use temporalio_protos::temporal::api::enums::v1::WorkflowIdConflictPolicy;
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_request::operation::Operation;
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_response::{
    self as multi, response::Response as Answer,
};
use temporalio_protos::temporal::api::workflowservice::v1::{
    ExecuteMultiOperationRequest, ExecuteMultiOperationResponse,
    SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
    StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
};
use tonic::{Request, Status};

use super::start::start_response;
use super::updates::{CheckedUpdate, response, update_id_of};
use super::{Workflows, wait_of};
use crate::status;
use crate::validate::{not_served, size, text};

impl Workflows {
    pub(super) async fn signal_with_start_workflow_execution(
        &self,
        request: Request<SignalWithStartWorkflowExecutionRequest>,
    ) -> Result<SignalWithStartWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        text("SignalName", &request.signal_name, limits)?;
        size("SignalInput", request.signal_input.as_ref(), limits)?;
        not_served(
            "time_skipping_config",
            request.time_skipping_config.is_some(),
        )?;
        if request.workflow_id_conflict_policy == WorkflowIdConflictPolicy::Fail as i32 {
            return Err(Status::invalid_argument(
                "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not \
                 supported for this operation; a running workflow is signaled.",
            ));
        }
        let mut signal = Signal {
            name: request.signal_name.clone(),
            input: request.signal_input.clone(),
            header: request.header.clone(),
            identity: request.identity.clone(),
            request_id: String::new(),
        };
        let start = self.checked_start(start_of(request))?;
        signal.request_id.clone_from(&start.request_id);
        let started = self.server.signal_with_start(start, signal).await;
        let started = started.map_err(status::of)?;
        Ok(SignalWithStartWorkflowExecutionResponse {
            run_id: started.run_id.to_string(),
            first_execution_run_id: started.first_run_id.to_string(),
            started: started.started,
            signal_link: None,
        })
    }

    pub(super) async fn execute_multi_operation(
        &self,
        request: Request<ExecuteMultiOperationRequest>,
    ) -> Result<ExecuteMultiOperationResponse, Status> {
        let wait = wait_of(&request, self.server.limits().history_poll);
        let request = request.into_inner();
        let (start, update) = operations(request)?;
        let namespace = start.namespace.clone();
        let (start, update) = match (self.checked_start(start), self.checked_update(update)) {
            (Ok(start), Ok(update)) => (start, update),
            (Err(start), _) => return Err(status::of_operations(Some(start), None)),
            (_, Err(update)) => return Err(status::of_operations(None, Some(update))),
        };
        let CheckedUpdate { request, stage, .. } = update;
        let workflow_id = start.key.workflow_id.to_string();
        let update_id = update_id_of(&request);
        let done = self
            .server
            .update_with_start(start, request, stage, wait)
            .await;
        let (started, state) = done.map_err(|error| match error {
            WithStartError::Start(error) => status::of_operations(Some(status::of(error)), None),
            WithStartError::Update(error) => status::of_operations(None, Some(status::of(error))),
        })?;
        let answers = [
            Answer::StartWorkflow(start_response(namespace, workflow_id.clone(), &started)),
            Answer::UpdateWorkflow(response(workflow_id, update_id, state)),
        ];
        Ok(ExecuteMultiOperationResponse {
            responses: answers
                .map(|answer| multi::Response {
                    response: Some(answer),
                })
                .into(),
        })
    }
}

/// The two operations, if it is these two and they go together.
fn operations(
    request: ExecuteMultiOperationRequest,
) -> Result<
    (
        StartWorkflowExecutionRequest,
        UpdateWorkflowExecutionRequest,
    ),
    Status,
> {
    let invalid = |what: &str| Err(Status::invalid_argument(what));
    let namespace = request.namespace;
    let mut operations = request.operations.into_iter().map(|one| one.operation);
    let (
        Some(Some(Operation::StartWorkflow(start))),
        Some(Some(Operation::UpdateWorkflow(update))),
        None,
    ) = (operations.next(), operations.next(), operations.next())
    else {
        return invalid("Operations have to be exactly [Start, Update].");
    };
    let execution = update.workflow_execution.clone().unwrap_or_default();
    if start.namespace != namespace || update.namespace != namespace {
        return invalid("Operations have to be of the namespace of the request.");
    }
    if start.workflow_id != execution.workflow_id {
        return invalid("Operations have to be of the same WorkflowId.");
    }
    if !execution.run_id.is_empty() || !update.first_execution_run_id.is_empty() {
        return invalid("RunId and FirstExecutionRunId cannot be set on the update operation.");
    }
    if !start.cron_schedule.is_empty() {
        return invalid("CronSchedule cannot be set on the start operation.");
    }
    if start.request_eager_execution {
        return invalid("RequestEagerExecution cannot be set on the start operation.");
    }
    if start.workflow_start_delay.is_some() {
        return invalid("WorkflowStartDelay cannot be set on the start operation.");
    }
    Ok((start, update))
}

/// The start that is in a signal-with-start.
fn start_of(request: SignalWithStartWorkflowExecutionRequest) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        workflow_execution_timeout: request.workflow_execution_timeout,
        workflow_run_timeout: request.workflow_run_timeout,
        workflow_task_timeout: request.workflow_task_timeout,
        identity: request.identity,
        request_id: request.request_id,
        workflow_id_reuse_policy: request.workflow_id_reuse_policy,
        workflow_id_conflict_policy: request.workflow_id_conflict_policy,
        retry_policy: request.retry_policy,
        cron_schedule: request.cron_schedule,
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_start_delay: request.workflow_start_delay,
        user_metadata: request.user_metadata,
        links: request.links,
        versioning_override: request.versioning_override,
        priority: request.priority,
        ..StartWorkflowExecutionRequest::default()
    }
}
