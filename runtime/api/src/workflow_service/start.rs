//! StartWorkflowExecution.

use std::time::Duration;

use mainspring_engine::cron::CronSchedule;
use mainspring_engine::ids::WorkflowType;
use mainspring_engine::limits::Limits;
use mainspring_engine::retry;
use mainspring_engine::search::check_memo;
use mainspring_server::{StartWorkflow, StartedWorkflow};
use temporalio_protos::temporal::api::common::v1::{Link, link};
use temporalio_protos::temporal::api::enums::v1::{
    EventType, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::workflowservice::v1::{
    StartWorkflowExecutionRequest, StartWorkflowExecutionResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::status;
use crate::validate::{key, not_served, short, size, task_queue, text, timeout};

impl Workflows {
    pub(super) async fn start_workflow_execution(
        &self,
        request: Request<StartWorkflowExecutionRequest>,
    ) -> Result<StartWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let namespace = request.namespace.clone();
        let workflow_id = request.workflow_id.clone();
        let start = self.checked_start(request)?;
        let started = self
            .server
            .start_workflow(start)
            .await
            .map_err(status::of)?;
        Ok(start_response(namespace, workflow_id, &started))
    }

    pub(super) fn checked_start(
        &self,
        request: StartWorkflowExecutionRequest,
    ) -> Result<StartWorkflow, Status> {
        let limits = self.server.limits();
        let key = key(&request.namespace, &request.workflow_id, limits)?;
        let workflow_type = request.workflow_type.clone().unwrap_or_default().name;
        text("WorkflowType", &workflow_type, limits)?;
        let task_queue = task_queue(request.task_queue.as_ref(), limits)?;
        short("RequestId", &request.request_id, limits)?;
        size("Input", request.input.as_ref(), limits)?;
        check_memo(request.memo.as_ref(), limits)
            .map_err(|bad| Status::invalid_argument(bad.to_string()))?;
        size("Header", request.header.as_ref(), limits)?;
        size("UserMetadata", request.user_metadata.as_ref(), limits)?;
        let start_delay = check_chain(&request, limits)?;
        check_not_served(&request)?;
        let reuse_policy = WorkflowIdReusePolicy::try_from(request.workflow_id_reuse_policy)
            .map_err(|_| Status::invalid_argument("Unknown WorkflowIdReusePolicy."))?;
        let conflict_policy =
            WorkflowIdConflictPolicy::try_from(request.workflow_id_conflict_policy)
                .map_err(|_| Status::invalid_argument("Unknown WorkflowIdConflictPolicy."))?;
        let search_attributes = self
            .server
            .checked_search_attributes(&key.namespace, request.search_attributes)
            .map_err(status::of)?;
        Ok(StartWorkflow {
            key,
            workflow_type: WorkflowType::from(workflow_type),
            task_queue,
            input: request.input,
            header: request.header,
            memo: request.memo,
            search_attributes,
            identity: request.identity,
            // A start without an ID is one of its own.
            request_id: if request.request_id.is_empty() {
                self.server.new_request_id()
            } else {
                request.request_id
            },
            workflow_execution_timeout: timeout(
                "WorkflowExecutionTimeout",
                request.workflow_execution_timeout.as_ref(),
            )?,
            workflow_run_timeout: timeout(
                "WorkflowRunTimeout",
                request.workflow_run_timeout.as_ref(),
            )?,
            workflow_task_timeout: timeout(
                "WorkflowTaskTimeout",
                request.workflow_task_timeout.as_ref(),
            )?,
            reuse_policy,
            conflict_policy,
            retry_policy: request.retry_policy,
            cron_schedule: request.cron_schedule,
            start_delay,
            user_metadata: request.user_metadata,
            priority: request.priority,
        })
    }
}

pub(super) fn start_response(
    namespace: String,
    workflow_id: String,
    started: &StartedWorkflow,
) -> StartWorkflowExecutionResponse {
    let run_id = started.run_id.to_string();
    StartWorkflowExecutionResponse {
        first_execution_run_id: started.first_run_id.to_string(),
        started: started.started,
        status: started.status as i32,
        link: Some(start_link(namespace, workflow_id, run_id.clone())),
        run_id,
        ..StartWorkflowExecutionResponse::default()
    }
}

/// What a start says of later runs of its chain, and of when the first begins.
/// Answers with the start delay.
fn check_chain(
    request: &StartWorkflowExecutionRequest,
    limits: &Limits,
) -> Result<Option<Duration>, Status> {
    size("RetryPolicy", request.retry_policy.as_ref(), limits)?;
    if let Some(policy) = &request.retry_policy {
        retry::check(policy).map_err(Status::invalid_argument)?;
    }
    let cron = &request.cron_schedule;
    short("CronSchedule", cron, limits)?;
    if !cron.is_empty() {
        CronSchedule::parse(cron).map_err(|wrong| {
            Status::invalid_argument(format!("Invalid CronSchedule {cron:?}: {wrong}."))
        })?;
    }
    let start_delay = timeout("WorkflowStartDelay", request.workflow_start_delay.as_ref())?;
    if start_delay.is_some() && !cron.is_empty() {
        return Err(Status::invalid_argument(
            "CronSchedule and WorkflowStartDelay may not be used together.",
        ));
    }
    Ok(start_delay)
}

/// What changes a start's meaning and is not served yet.
fn check_not_served(request: &StartWorkflowExecutionRequest) -> Result<(), Status> {
    not_served(
        "completion_callbacks",
        !request.completion_callbacks.is_empty(),
    )?;
    not_served("versioning_override", request.versioning_override.is_some())?;
    Ok(())
}

/// Points at the run's first event.
fn start_link(namespace: String, workflow_id: String, run_id: String) -> Link {
    use link::workflow_event::{EventReference, Reference};
    Link {
        variant: Some(link::Variant::WorkflowEvent(link::WorkflowEvent {
            namespace,
            workflow_id,
            run_id,
            reference: Some(Reference::EventRef(EventReference {
                event_id: 1,
                event_type: EventType::WorkflowExecutionStarted as i32,
            })),
        })),
    }
}
