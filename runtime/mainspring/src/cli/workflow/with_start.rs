//! `workflow signal-with-start`, `start-update-with-start` and
//! `execute-update-with-start`: a start and a message in one call.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_request::{
    Operation, operation,
};
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_response::response::Response;
use temporalio_protos::temporal::api::workflowservice::v1::{
    ExecuteMultiOperationRequest, SignalWithStartWorkflowExecutionRequest,
    StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
};

use super::start::StartArgs;
use super::update::{Told, WaitStage, poll, update_request, wait_policy};
use crate::cli::ClientArgs;
use crate::cli::value::{InputArgs, KeyValue};
use crate::error::CliError;
use crate::output::table::Details;
use crate::output::{self, Format, json as json_output};
use crate::rpc::{CALL, LONG_POLL, execution, within};

/// `workflow signal-with-start`.
#[derive(Debug, Args)]
pub(crate) struct SignalWithStartArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Signal name.
    #[arg(long, value_name = "NAME")]
    signal_name: String,
    /// Signal value as JSON; repeat it for several arguments.
    #[arg(
        long,
        value_name = "JSON",
        conflicts_with = "signal_input_file",
        allow_hyphen_values = true
    )]
    signal_input: Vec<String>,
    /// File with one signal value as JSON; repeat it for several arguments.
    #[arg(long, value_name = "FILE")]
    signal_input_file: Vec<PathBuf>,
    /// The signal values are in base64: decode them before they are sent.
    #[arg(long)]
    signal_input_base64: bool,
    /// Payload metadata of the signal values.
    #[arg(long, value_name = "KEY=VALUE")]
    signal_input_meta: Vec<KeyValue>,
}

#[derive(Debug, Args)]
struct UpdateArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Name of the update's handler.
    #[arg(long, value_name = "NAME")]
    update_name: String,
    /// Update ID, unique within the run; without it, a new unique one.
    #[arg(long, value_name = "ID")]
    update_id: Option<String>,
    /// Update value as JSON; repeat it for several arguments.
    #[arg(
        long,
        value_name = "JSON",
        conflicts_with = "update_input_file",
        allow_hyphen_values = true
    )]
    update_input: Vec<String>,
    /// File with one update value as JSON; repeat it for several arguments.
    #[arg(long, value_name = "FILE")]
    update_input_file: Vec<PathBuf>,
    /// The update values are in base64: decode them before they are sent.
    #[arg(long)]
    update_input_base64: bool,
    /// Payload metadata of the update values.
    #[arg(long, value_name = "KEY=VALUE")]
    update_input_meta: Vec<KeyValue>,
}

/// `workflow start-update-with-start`.
#[derive(Debug, Args)]
pub(crate) struct StartUpdateWithStartArgs {
    #[command(flatten)]
    update: UpdateArgs,
    /// What to wait for.
    #[arg(long, value_enum, ignore_case = true, value_name = "STAGE")]
    update_wait_for_stage: WaitStage,
}

/// `workflow execute-update-with-start`.
#[derive(Debug, Args)]
pub(crate) struct ExecuteUpdateWithStartArgs {
    #[command(flatten)]
    update: UpdateArgs,
}

impl SignalWithStartArgs {
    /// Signals the open run, or starts one with the signal.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let input = InputArgs {
            input: self.signal_input,
            input_file: self.signal_input_file,
            input_base64: self.signal_input_base64,
            input_meta: self.signal_input_meta,
        };
        let start = self.start.request()?;
        let mut connection = client.connection.open().await?;
        let workflow_id = start.workflow_id.clone();
        let mut request = signal_request(start, self.signal_name);
        request.signal_input = input.payloads()?;
        request.namespace.clone_from(&connection.namespace);
        request.identity.clone_from(&connection.identity);
        let answer = connection
            .workflow
            .signal_with_start_workflow_execution(within(CALL, request))
            .await
            .map_err(|status| {
                connection.explain(format!("signal or start workflow {workflow_id}"), status)
            })?
            .into_inner();
        match client.output {
            Format::Text => {
                let mut details = Details::indented();
                details.add("WorkflowId", &workflow_id);
                details.add("RunId", &answer.run_id);
                details.add("Started", if answer.started { "yes" } else { "no" });
                output::line(&format!("Signaled execution:\n{}", details.render()))
            }
            Format::Json => output::line(&json_output::plain(&json!({
                "workflowId": workflow_id,
                "runId": answer.run_id,
                "started": answer.started,
                "namespace": connection.namespace,
            }))),
        }
    }
}

impl StartUpdateWithStartArgs {
    /// Starts a run or uses the open one, and waits until the update is accepted.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let WaitStage::Accepted = self.update_wait_for_stage;
        self.update.run(client, Stage::Accepted).await
    }
}

impl ExecuteUpdateWithStartArgs {
    /// Starts a run or uses the open one, and waits for the update's result.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        self.update.run(client, Stage::Completed).await
    }
}

impl UpdateArgs {
    async fn run(self, client: &ClientArgs, stage: Stage) -> Result<(), CliError> {
        let input = InputArgs {
            input: self.update_input,
            input_file: self.update_input_file,
            input_base64: self.update_input_base64,
            input_meta: self.update_input_meta,
        };
        let mut start = self.start.request()?;
        if start.workflow_id_conflict_policy == 0 {
            return Err(CliError::input(
                "--id-conflict-policy is needed: what should happen if a run of the ID is open?",
            ));
        }
        let mut connection = client.connection.open().await?;
        start.namespace.clone_from(&connection.namespace);
        start.identity.clone_from(&connection.identity);
        let workflow_id = start.workflow_id.clone();
        let update_id = self.update_id;
        let update_id = update_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let identity = connection.identity.clone();
        let update = UpdateWorkflowExecutionRequest {
            namespace: connection.namespace.clone(),
            workflow_execution: Some(execution(&workflow_id, "")),
            wait_policy: wait_policy(stage),
            request: Some(update_request(
                &update_id,
                &identity,
                &self.update_name,
                &input,
                &[],
            )?),
            ..UpdateWorkflowExecutionRequest::default()
        };
        let operations = [
            operation::Operation::StartWorkflow(start),
            operation::Operation::UpdateWorkflow(update),
        ];
        let request = ExecuteMultiOperationRequest {
            namespace: connection.namespace.clone(),
            resource_id: workflow_id.clone(),
            operations: operations
                .map(|operation| Operation {
                    operation: Some(operation),
                })
                .into(),
        };
        let told = loop {
            let call = within(LONG_POLL, request.clone());
            let answer = connection.workflow.execute_multi_operation(call).await;
            let answer = answer.map_err(|status| {
                connection.explain(format!("start and update workflow {workflow_id}"), status)
            })?;
            let updated =
                answer
                    .into_inner()
                    .responses
                    .into_iter()
                    .find_map(|one| match one.response {
                        Some(Response::UpdateWorkflow(updated)) => Some(updated),
                        _ => None,
                    });
            let updated = updated
                .ok_or_else(|| CliError::Answer("it says nothing of the update".to_owned()))?;
            // Not accepted in time: the same call again finds the same update.
            if updated.outcome.is_some() || updated.stage >= Stage::Accepted as i32 {
                break updated;
            }
        };
        let reached = told.outcome.is_some() || told.stage >= stage as i32;
        let told = match told.update_ref.clone() {
            Some(reference) if !reached => poll(&mut connection, reference, stage).await?,
            reference => Told::new(reference, told.stage, told.outcome),
        };
        told.print(client, &self.update_name)
    }
}

/// The start, as a signal-with-start has it.
fn signal_request(
    start: StartWorkflowExecutionRequest,
    signal_name: String,
) -> SignalWithStartWorkflowExecutionRequest {
    SignalWithStartWorkflowExecutionRequest {
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        request_id: start.request_id,
        workflow_id_reuse_policy: start.workflow_id_reuse_policy,
        workflow_id_conflict_policy: start.workflow_id_conflict_policy,
        signal_name,
        retry_policy: start.retry_policy,
        cron_schedule: start.cron_schedule,
        memo: start.memo,
        search_attributes: start.search_attributes,
        header: start.header,
        workflow_start_delay: start.workflow_start_delay,
        user_metadata: start.user_metadata,
        priority: start.priority,
        ..SignalWithStartWorkflowExecutionRequest::default()
    }
}
