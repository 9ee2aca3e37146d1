//! Signals, queries, cancel requests, termination.

use mainspring_server::{Query, QueryReply, Signal, Stop};
use temporalio_protos::temporal::api::enums::v1::QueryRejectCondition;
use temporalio_protos::temporal::api::query::v1::QueryRejected;
use temporalio_protos::temporal::api::workflowservice::v1::{
    DeleteWorkflowExecutionRequest, DeleteWorkflowExecutionResponse, QueryWorkflowRequest,
    QueryWorkflowResponse, RequestCancelWorkflowExecutionRequest,
    RequestCancelWorkflowExecutionResponse, SignalWorkflowExecutionRequest,
    SignalWorkflowExecutionResponse, TerminateWorkflowExecutionRequest,
    TerminateWorkflowExecutionResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::status;
use crate::validate::{short, size, target, text};

impl Workflows {
    pub(super) async fn signal_workflow_execution(
        &self,
        request: Request<SignalWorkflowExecutionRequest>,
    ) -> Result<SignalWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let target = target(
            &request.namespace,
            request.workflow_execution.as_ref(),
            "",
            limits,
        )?;
        text("SignalName", &request.signal_name, limits)?;
        short("RequestId", &request.request_id, limits)?;
        size("Input", request.input.as_ref(), limits)?;
        size("Header", request.header.as_ref(), limits)?;
        let signal = Signal {
            name: request.signal_name,
            input: request.input,
            header: request.header,
            identity: request.identity,
            request_id: request.request_id,
        };
        let taken = self.server.signal_workflow(target, signal).await;
        taken.map_err(status::of)?;
        Ok(SignalWorkflowExecutionResponse::default())
    }

    pub(super) async fn query_workflow(
        &self,
        request: Request<QueryWorkflowRequest>,
    ) -> Result<QueryWorkflowResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let target = target(&request.namespace, request.execution.as_ref(), "", limits)?;
        let query = request
            .query
            .ok_or_else(|| Status::invalid_argument("Query is not set on request."))?;
        text("QueryType", &query.query_type, limits)?;
        size("QueryArgs", query.query_args.as_ref(), limits)?;
        size("Header", query.header.as_ref(), limits)?;
        let reject_condition = QueryRejectCondition::try_from(request.query_reject_condition)
            .map_err(|_| Status::invalid_argument("Unknown QueryRejectCondition."))?;
        let query = Query {
            name: query.query_type,
            arguments: query.query_args,
            header: query.header,
            reject_condition,
        };
        let replied = self.server.query_workflow(target, query).await;
        Ok(match replied.map_err(status::of)? {
            QueryReply::Answer(result) => QueryWorkflowResponse {
                query_result: Some(result.unwrap_or_default()),
                ..QueryWorkflowResponse::default()
            },
            QueryReply::Rejected(status) => QueryWorkflowResponse {
                query_rejected: Some(QueryRejected {
                    status: status as i32,
                }),
                ..QueryWorkflowResponse::default()
            },
        })
    }

    pub(super) async fn request_cancel_workflow_execution(
        &self,
        request: Request<RequestCancelWorkflowExecutionRequest>,
    ) -> Result<RequestCancelWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let target = target(
            &request.namespace,
            request.workflow_execution.as_ref(),
            &request.first_execution_run_id,
            self.server.limits(),
        )?;
        let stop = Stop {
            reason: request.reason,
            details: None,
            identity: request.identity,
        };
        let taken = self.server.request_cancel_workflow(target, stop).await;
        taken.map_err(status::of)?;
        Ok(RequestCancelWorkflowExecutionResponse::default())
    }

    pub(super) async fn delete_workflow_execution(
        &self,
        request: Request<DeleteWorkflowExecutionRequest>,
    ) -> Result<DeleteWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let execution = request.workflow_execution.as_ref();
        let target = target(&request.namespace, execution, "", self.server.limits())?;
        let deleted = self.server.delete_workflow(target).await;
        deleted.map_err(status::of)?;
        Ok(DeleteWorkflowExecutionResponse::default())
    }

    pub(super) async fn terminate_workflow_execution(
        &self,
        request: Request<TerminateWorkflowExecutionRequest>,
    ) -> Result<TerminateWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let target = target(
            &request.namespace,
            request.workflow_execution.as_ref(),
            &request.first_execution_run_id,
            limits,
        )?;
        size("Details", request.details.as_ref(), limits)?;
        let stop = Stop {
            reason: request.reason,
            details: request.details,
            identity: request.identity,
        };
        let taken = self.server.terminate_workflow(target, stop).await;
        taken.map_err(status::of)?;
        Ok(TerminateWorkflowExecutionResponse::default())
    }
}
