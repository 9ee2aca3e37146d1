//! `workflow update start`, `execute`, `describe` and `result`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use temporalio_protos::temporal::api::update::v1::{
    Input, Meta, Outcome, Request, UpdateRef, WaitPolicy, outcome,
};
use temporalio_protos::temporal::api::workflowservice::v1::{
    PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse,
    UpdateWorkflowExecutionRequest,
};

use crate::cli::value::{self, InputArgs, KeyValue};
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::table::Details;
use crate::output::{self, Format, enum_label, json, text};
use crate::rpc::{Connection, LONG_POLL, execution, may_recover, within};

/// `workflow update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send an update and wait until it is accepted.
    Start(StartArgs),
    /// Send an update and wait for its result.
    Execute(ExecuteArgs),
    /// Show how far an update has come.
    Describe(NamedArgs),
    /// Wait for the result of an update.
    Result(NamedArgs),
}

#[derive(Debug, Args)]
struct SendArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Name of the update's handler.
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
    /// Update ID, unique within the run; without it, a new unique one.
    #[arg(long, value_name = "ID")]
    update_id: Option<String>,
    /// Only if the execution belongs to the chain that this run began.
    #[arg(long, value_name = "ID")]
    first_execution_run_id: Option<String>,
    #[command(flatten)]
    input: InputArgs,
    /// A header; the value is JSON. May be repeated.
    #[arg(long, value_name = "KEY=JSON")]
    headers: Vec<KeyValue>,
}

#[derive(Debug, Args)]
struct StartArgs {
    #[command(flatten)]
    send: SendArgs,
    /// What to wait for.
    #[arg(long, value_enum, ignore_case = true, value_name = "STAGE")]
    wait_for_stage: WaitStage,
}

/// Temporal's command line has but one that it takes here.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum WaitStage {
    /// The update has passed its validator and is recorded.
    Accepted,
}

#[derive(Debug, Args)]
struct ExecuteArgs {
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct NamedArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Update ID.
    #[arg(long, value_name = "ID")]
    update_id: String,
}

impl UpdateCommand {
    /// Does what was asked.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        match self.action {
            Action::Start(args) => {
                let WaitStage::Accepted = args.wait_for_stage;
                args.send.run(client, Stage::Accepted).await
            }
            Action::Execute(args) => args.send.run(client, Stage::Completed).await,
            Action::Describe(args) => args.run(client, Stage::Unspecified).await,
            Action::Result(args) => args.run(client, Stage::Completed).await,
        }
    }
}

impl SendArgs {
    async fn run(self, client: &ClientArgs, stage: Stage) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let update_id = self.update_id.clone();
        let update_id = update_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let request = UpdateWorkflowExecutionRequest {
            namespace: connection.namespace.clone(),
            workflow_execution: Some(execution(
                &self.execution.workflow_id,
                &self.execution.run_id,
            )),
            first_execution_run_id: self.first_execution_run_id.clone().unwrap_or_default(),
            wait_policy: wait_policy(stage),
            request: Some(update_request(
                &update_id,
                &connection.identity,
                &self.name,
                &self.input,
                &self.headers,
            )?),
        };
        let told = send(&mut connection, request, stage).await?;
        told.print(client, &self.name)
    }
}

impl NamedArgs {
    async fn run(self, client: &ClientArgs, stage: Stage) -> Result<(), CliError> {
        let mut connection = client.connection.open().await?;
        let reference = UpdateRef {
            workflow_execution: Some(execution(
                &self.execution.workflow_id,
                &self.execution.run_id,
            )),
            update_id: self.update_id.clone(),
        };
        let told = poll(&mut connection, reference, stage).await?;
        told.print(client, "")
    }
}

/// What is known of an update.
pub(super) struct Told {
    reference: UpdateRef,
    stage: Stage,
    outcome: Option<Outcome>,
}

impl Told {
    pub(super) fn new(reference: Option<UpdateRef>, stage: i32, outcome: Option<Outcome>) -> Self {
        Self {
            reference: reference.unwrap_or_default(),
            stage: Stage::try_from(stage).unwrap_or_default(),
            outcome,
        }
    }

    fn of_poll(answer: PollWorkflowExecutionUpdateResponse) -> Self {
        Self::new(answer.update_ref, answer.stage, answer.outcome)
    }

    /// Prints it; a failed update is an error.
    pub(super) fn print(&self, client: &ClientArgs, name: &str) -> Result<(), CliError> {
        let run = self.reference.workflow_execution.clone();
        let run = run.unwrap_or_default();
        let stage = enum_label(
            self.stage.as_str_name(),
            "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_",
        );
        let value = self.outcome.as_ref().and_then(|o| o.value.as_ref());
        match client.output {
            Format::Text => {
                let mut details = Details::indented();
                details.add("WorkflowId", &run.workflow_id);
                details.add("RunId", &run.run_id);
                details.add("UpdateId", &self.reference.update_id);
                if !name.is_empty() {
                    details.add("Name", name);
                }
                details.add("Stage", &stage);
                match value {
                    Some(outcome::Value::Success(result)) => {
                        details.add("Result", text::clean(&text::values(Some(result))));
                    }
                    Some(outcome::Value::Failure(failure)) => {
                        details.add("Failure", text::clean(&text::failure(failure)));
                    }
                    None => {}
                }
                output::line(&format!("Update:\n{}", details.render()))?;
            }
            Format::Json => {
                let mut object = json!({
                    "workflowId": run.workflow_id,
                    "runId": run.run_id,
                    "updateId": self.reference.update_id,
                    "stage": self.stage.as_str_name(),
                });
                if !name.is_empty() {
                    object["name"] = json!(name);
                }
                match value {
                    Some(outcome::Value::Success(result)) => {
                        let mut result = json::value(result)?;
                        json::unpack_payloads(&mut result);
                        object["result"] = result;
                    }
                    Some(outcome::Value::Failure(failure)) => {
                        object["failure"] = json::value(failure)?;
                    }
                    None => {}
                }
                output::line(&json::plain(&object))?;
            }
        }
        match value {
            Some(outcome::Value::Failure(failure)) => Err(CliError::input(format!(
                "update {} of workflow {} failed: {}",
                self.reference.update_id,
                run.workflow_id,
                text::clean(&text::failure(failure))
            ))),
            _ => Ok(()),
        }
    }
}

pub(super) fn wait_policy(stage: Stage) -> Option<WaitPolicy> {
    Some(WaitPolicy {
        lifecycle_stage: stage as i32,
    })
}

pub(super) fn update_request(
    update_id: &str,
    identity: &str,
    name: &str,
    input: &InputArgs,
    headers: &[KeyValue],
) -> Result<Request, CliError> {
    Ok(Request {
        meta: Some(Meta {
            update_id: update_id.to_owned(),
            identity: identity.to_owned(),
        }),
        input: Some(Input {
            header: value::headers(headers)?,
            name: name.to_owned(),
            args: input.payloads()?,
        }),
        ..Request::default()
    })
}

/// Sends it until it is as far as asked for: each call waits for a while only, and
/// repeating one with the same ID changes nothing.
async fn send(
    connection: &mut Connection,
    request: UpdateWorkflowExecutionRequest,
    stage: Stage,
) -> Result<Told, CliError> {
    loop {
        let workflow_id = request.workflow_execution.clone().unwrap_or_default();
        let workflow_id = workflow_id.workflow_id;
        let answer = connection
            .workflow
            .update_workflow_execution(within(LONG_POLL, request.clone()))
            .await
            .map_err(|status| connection.explain(format!("update workflow {workflow_id}"), status))?
            .into_inner();
        let told = Told::new(answer.update_ref, answer.stage, answer.outcome);
        if told.outcome.is_some() || told.stage >= stage {
            return Ok(told);
        }
        if told.stage >= Stage::Accepted {
            return poll(connection, told.reference, stage).await;
        }
    }
}

/// Asks until the update is as far as asked for.
pub(super) async fn poll(
    connection: &mut Connection,
    reference: UpdateRef,
    stage: Stage,
) -> Result<Told, CliError> {
    loop {
        let request = PollWorkflowExecutionUpdateRequest {
            namespace: connection.namespace.clone(),
            update_ref: Some(reference.clone()),
            identity: connection.identity.clone(),
            wait_policy: wait_policy(stage),
        };
        let answer = connection
            .workflow
            .poll_workflow_execution_update(within(LONG_POLL, request))
            .await;
        let told = match answer {
            Ok(answer) => Told::of_poll(answer.into_inner()),
            // It may be restarting: what was accepted is found again after it.
            Err(status) if stage == Stage::Completed && may_recover(&status) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(status) => {
                let action = format!("find update {}", reference.update_id);
                return Err(connection.explain(action, status));
            }
        };
        if told.outcome.is_some() || told.stage >= stage {
            return Ok(told);
        }
    }
}

/// Between two calls while the server does not answer.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);
