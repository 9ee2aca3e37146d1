//! `workflow signal`, `query`, `cancel`, `terminate` and `delete`.

use clap::{Args, ValueEnum};
use temporalio_protos::temporal::api::common::v1::{Header, Payloads};
use temporalio_protos::temporal::api::enums::v1::{QueryRejectCondition, WorkflowExecutionStatus};
use temporalio_protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_protos::temporal::api::workflowservice::v1::{
    DeleteWorkflowExecutionRequest, QueryWorkflowRequest, QueryWorkflowResponse,
    RequestCancelWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
};

use crate::cli::value::{self, InputArgs, KeyValue};
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::{self, Format, enum_label, json, text};
use crate::rpc::{CALL, WORKFLOW_CALL, execution, within};

/// `workflow signal`.
#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Signal name.
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: InputArgs,
    /// A header; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    headers: Vec<KeyValue>,
}

/// `workflow query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Query name.
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: InputArgs,
    /// A header; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    headers: Vec<KeyValue>,
    /// Do not ask an execution in this state.
    #[arg(long, value_enum, ignore_case = true, value_name = "CONDITION")]
    reject_condition: Option<RejectCondition>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum RejectCondition {
    /// It has ended.
    NotOpen,
    /// It has ended without a result.
    NotCompletedCleanly,
}

/// `workflow cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Why, as the history records it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,
}

/// `workflow terminate`.
#[derive(Debug, Args)]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Why, as the history records it; by default who asked for it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `workflow delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Ask nothing. (Nothing is asked anyway: one run is named.)
    #[arg(long, short)]
    yes: bool,
}

impl DeleteArgs {
    /// Deletes the execution.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let Self { execution: run, .. } = self;
        let workflow_id = &run.workflow_id;
        let mut connection = client.connection.open().await?;
        let request = DeleteWorkflowExecutionRequest {
            namespace: connection.namespace.clone(),
            workflow_execution: Some(execution(workflow_id, &run.run_id)),
        };
        connection
            .workflow
            .delete_workflow_execution(within(CALL, request))
            .await
            .map_err(|status| {
                connection.explain(format!("delete workflow {workflow_id}"), status)
            })?;
        done(client, &format!("Deleted workflow {workflow_id}"))
    }
}

impl SignalArgs {
    /// Sends the signal.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let workflow_id = &self.execution.workflow_id;
        let mut request = SignalWorkflowExecutionRequest {
            workflow_execution: Some(execution(workflow_id, &self.execution.run_id)),
            signal_name: self.name.clone(),
            input: self.input.payloads()?,
            header: value::headers(&self.headers)?,
            // A retry of the call must not become a second signal.
            request_id: uuid::Uuid::new_v4().to_string(),
            ..SignalWorkflowExecutionRequest::default()
        };
        let mut connection = client.connection.open().await?;
        request.namespace.clone_from(&connection.namespace);
        request.identity.clone_from(&connection.identity);
        connection
            .workflow
            .signal_workflow_execution(within(CALL, request))
            .await
            .map_err(|status| {
                connection.explain(format!("signal workflow {workflow_id}"), status)
            })?;
        done(client, &format!("Signaled workflow {workflow_id}"))
    }
}

impl QueryArgs {
    /// Asks and prints the answer.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let answer = ask(
            client,
            &self.execution,
            &self.name,
            self.input.payloads()?,
            value::headers(&self.headers)?,
            self.reject_condition,
        )
        .await?;
        match client.output {
            Format::Text => output::line(&format!(
                "Query result:\n  QueryResult  {}",
                text::clean(&text::values(answer.query_result.as_ref()))
            )),
            Format::Json => {
                let mut value = json::value(&answer)?;
                json::unpack_payloads(&mut value);
                output::line(&json::plain(&value))
            }
        }
    }
}

/// Asks a query; a rejected one is an error.
pub(super) async fn ask(
    client: &ClientArgs,
    target: &ExecutionArgs,
    name: &str,
    arguments: Option<Payloads>,
    header: Option<Header>,
    reject_condition: Option<RejectCondition>,
) -> Result<QueryWorkflowResponse, CliError> {
    let workflow_id = &target.workflow_id;
    let query = WorkflowQuery {
        query_type: name.to_owned(),
        query_args: arguments,
        header,
    };
    let mut connection = client.connection.open().await?;
    let request = QueryWorkflowRequest {
        namespace: connection.namespace.clone(),
        execution: Some(execution(workflow_id, &target.run_id)),
        query: Some(query),
        query_reject_condition: match reject_condition {
            None => QueryRejectCondition::None,
            Some(RejectCondition::NotOpen) => QueryRejectCondition::NotOpen,
            Some(RejectCondition::NotCompletedCleanly) => QueryRejectCondition::NotCompletedCleanly,
        }
        .into(),
    };
    let answer = connection
        .workflow
        .query_workflow(within(WORKFLOW_CALL, request))
        .await
        .map_err(|status| connection.explain(format!("query workflow {workflow_id}"), status))?
        .into_inner();
    if let Some(rejected) = &answer.query_rejected {
        let status = WorkflowExecutionStatus::try_from(rejected.status).unwrap_or_default();
        return Err(CliError::input(format!(
            "the query was not asked: workflow {workflow_id} is {}",
            enum_label(status.as_str_name(), "WORKFLOW_EXECUTION_STATUS_").to_lowercase()
        )));
    }
    Ok(answer)
}

impl CancelArgs {
    /// Requests the cancellation.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let workflow_id = &self.execution.workflow_id;
        let mut request = RequestCancelWorkflowExecutionRequest {
            workflow_execution: Some(execution(workflow_id, &self.execution.run_id)),
            reason: self.reason.clone(),
            request_id: uuid::Uuid::new_v4().to_string(),
            ..RequestCancelWorkflowExecutionRequest::default()
        };
        let mut connection = client.connection.open().await?;
        request.namespace.clone_from(&connection.namespace);
        request.identity.clone_from(&connection.identity);
        connection
            .workflow
            .request_cancel_workflow_execution(within(CALL, request))
            .await
            .map_err(|status| {
                connection.explain(format!("cancel workflow {workflow_id}"), status)
            })?;
        done(
            client,
            &format!("Asked workflow {workflow_id} to cancel itself"),
        )
    }
}

impl TerminateArgs {
    /// Terminates the execution.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let workflow_id = &self.execution.workflow_id;
        let mut connection = client.connection.open().await?;
        let request = TerminateWorkflowExecutionRequest {
            workflow_execution: Some(execution(workflow_id, &self.execution.run_id)),
            reason: self.reason.unwrap_or_else(|| {
                format!("Requested from the command line by {}", connection.identity)
            }),
            namespace: connection.namespace.clone(),
            identity: connection.identity.clone(),
            ..TerminateWorkflowExecutionRequest::default()
        };
        connection
            .workflow
            .terminate_workflow_execution(within(CALL, request))
            .await
            .map_err(|status| {
                connection.explain(format!("terminate workflow {workflow_id}"), status)
            })?;
        done(client, &format!("Terminated workflow {workflow_id}"))
    }
}

/// Tells people that it worked; programs have the exit code.
fn done(client: &ClientArgs, sentence: &str) -> Result<(), CliError> {
    match client.output {
        Format::Text => output::line(sentence),
        Format::Json => Ok(()),
    }
}
