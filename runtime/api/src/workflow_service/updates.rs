//! UpdateWorkflowExecution, PollWorkflowExecutionUpdate.

use mainspring_engine::limits::Limits;
use mainspring_server::{Target, UpdateState};
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::update::v1::{self as update, UpdateRef, WaitPolicy};
use temporalio_protos::temporal::api::workflowservice::v1::{
    PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse,
    UpdateWorkflowExecutionRequest, UpdateWorkflowExecutionResponse,
};
use tonic::{Request, Status};

use super::{Workflows, wait_of};
use crate::status;
use crate::validate::{not_served, short, size, target, text};

/// An update as it is asked for, checked.
pub(super) struct CheckedUpdate {
    pub(super) target: Target,
    pub(super) request: update::Request,
    pub(super) stage: Stage,
}

impl Workflows {
    pub(super) async fn update_workflow_execution(
        &self,
        request: Request<UpdateWorkflowExecutionRequest>,
    ) -> Result<UpdateWorkflowExecutionResponse, Status> {
        let wait = wait_of(&request, self.server.limits().history_poll);
        let CheckedUpdate {
            target,
            request,
            stage,
        } = self.checked_update(request.into_inner())?;
        let workflow_id = target.key.workflow_id.to_string();
        let update_id = update_id_of(&request);
        let state = self
            .server
            .update_workflow(target, request, stage, wait)
            .await
            .map_err(status::of)?;
        Ok(response(workflow_id, update_id, state))
    }

    pub(super) async fn poll_workflow_execution_update(
        &self,
        request: Request<PollWorkflowExecutionUpdateRequest>,
    ) -> Result<PollWorkflowExecutionUpdateResponse, Status> {
        let wait = wait_of(&request, self.server.limits().history_poll);
        let request = request.into_inner();
        let limits = self.server.limits();
        let reference = request
            .update_ref
            .ok_or_else(|| Status::invalid_argument("UpdateRef is not set on request."))?;
        let target = target(
            &request.namespace,
            reference.workflow_execution.as_ref(),
            "",
            limits,
        )?;
        text("UpdateId", &reference.update_id, limits)?;
        let stage = stage_of(request.wait_policy)?;
        let workflow_id = target.key.workflow_id.to_string();
        let update_id = reference.update_id;
        let state = self
            .server
            .poll_update(target, &update_id, stage, wait)
            .await
            .map_err(status::of)?;
        let response = response(workflow_id, update_id, state);
        Ok(PollWorkflowExecutionUpdateResponse {
            outcome: response.outcome,
            stage: response.stage,
            update_ref: response.update_ref,
        })
    }

    /// Checks an update; one without an ID gets one.
    pub(super) fn checked_update(
        &self,
        request: UpdateWorkflowExecutionRequest,
    ) -> Result<CheckedUpdate, Status> {
        let limits = self.server.limits();
        let target = target(
            &request.namespace,
            request.workflow_execution.as_ref(),
            &request.first_execution_run_id,
            limits,
        )?;
        let stage = match stage_of(request.wait_policy)? {
            // Temporal waits for the acceptance, too, where nothing is said.
            Stage::Unspecified => Stage::Accepted,
            stage => stage,
        };
        let mut request = request
            .request
            .ok_or_else(|| Status::invalid_argument("Request is not set on request."))?;
        check_request(&request, limits)?;
        let meta = request.meta.get_or_insert_default();
        if meta.update_id.is_empty() {
            meta.update_id = self.server.new_request_id();
        }
        Ok(CheckedUpdate {
            target,
            request,
            stage,
        })
    }
}

fn check_request(request: &update::Request, limits: &Limits) -> Result<(), Status> {
    let meta = request.meta.as_ref();
    short("UpdateId", meta.map_or("", |m| &m.update_id), limits)?;
    short("Identity", meta.map_or("", |m| &m.identity), limits)?;
    short("RequestId", &request.request_id, limits)?;
    let input = request
        .input
        .as_ref()
        .ok_or_else(|| Status::invalid_argument("Input is not set on request."))?;
    text("UpdateName", &input.name, limits)?;
    size("Input", input.args.as_ref(), limits)?;
    size("Header", input.header.as_ref(), limits)?;
    not_served(
        "completion_callbacks of an update",
        !request.completion_callbacks.is_empty(),
    )
}

/// The stage that a caller waits for.
fn stage_of(policy: Option<WaitPolicy>) -> Result<Stage, Status> {
    Stage::try_from(policy.unwrap_or_default().lifecycle_stage).map_err(|_| {
        Status::invalid_argument("Unknown UpdateWorkflowExecutionLifecycleStage in WaitPolicy.")
    })
}

pub(super) fn update_id_of(request: &update::Request) -> String {
    request.meta.clone().unwrap_or_default().update_id
}

pub(super) fn response(
    workflow_id: String,
    update_id: String,
    state: UpdateState,
) -> UpdateWorkflowExecutionResponse {
    UpdateWorkflowExecutionResponse {
        update_ref: Some(UpdateRef {
            workflow_execution: Some(WorkflowExecution {
                workflow_id,
                run_id: state.run_id.to_string(),
            }),
            update_id,
        }),
        outcome: state.outcome,
        stage: state.stage as i32,
        link: None,
    }
}
